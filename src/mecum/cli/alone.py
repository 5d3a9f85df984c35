"""Answers without a server: builds the program in this process, asks it once and closes it again.

The question takes the same way as a request over HTTP: the same body, the same checks, the same defaults.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from mecum.api.parse import LOCAL, parse_chat, to_request
from mecum.api.sse import extras
from mecum.app.build import build
from mecum.cli.client import body_of
from mecum.cli.question import Piece, Pieces, Question
from mecum.settings.schema import Settings
from mecum.types import Principal


async def ask(settings: Settings, question: Question) -> Pieces:
    """Yield the pieces of the answer. The caller holds the data directory.

    Raises:
        MecumError: the question cannot be answered as it is, or not by this engine.
    """
    request = to_request(parse_chat(body_of(question)), LOCAL)
    async with AsyncExitStack() as held:
        app = build(settings)
        held.push_async_callback(app.aclose)
        await app.start()
        await app.engine.ready()
        answer = await app.chat.answer(request, Principal())
        held.push_async_callback(answer.aclose)
        instead = answer.model if answer.fell_back_from else None
        yield Piece(instead=instead, sources=tuple(extras(answer).get("sources", ())))
        async for batch in answer:
            for delta in batch:
                yield Piece(delta.content or "", delta.finish_reason)
