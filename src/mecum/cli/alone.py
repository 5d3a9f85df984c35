"""Answers without a server: builds the program in this process, asks it, and closes it again.

A question takes the same way as a request over HTTP: the same body, the same checks, the same defaults.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from mecum.api.parse import LOCAL, parse_chat, to_request
from mecum.api.sources import extras
from mecum.app.build import App, build
from mecum.cli.client import body_of
from mecum.cli.question import Piece, Pieces, Question
from mecum.settings.schema import Settings
from mecum.store.values import Filter
from mecum.types import Principal


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[App]:
    """Run the program for the block, its model loaded. The caller holds the data directory.

    Raises:
        StartError, EngineError: it cannot run.
    """
    app = build(settings)
    try:
        await app.start()
        await app.engine.ready()
        yield app
    finally:
        await app.aclose()


async def answer(app: App, question: Question) -> Pieces:
    """Yield the pieces of the answer, out of the documents if there are any.

    Raises:
        MecumError: the question cannot be answered as it is, or not by this engine.
    """
    if not question.is_settled:
        listing = await app.library.list(Filter(Principal().owner), limit=1)
        question = question.settled(documents=bool(listing.total))
    request = to_request(parse_chat(body_of(question)), LOCAL)
    async with aclosing(await app.chat.answer(request, Principal())) as answer:
        more = extras(answer)
        yield Piece(
            instead=answer.model if answer.fell_back_from else None,
            sources=tuple(more.get("sources", ())),
            dropped=answer.dropped or 0,
            unfounded=more.get("retrieval", {}).get("status") == "empty",
        )
        async for batch in answer:
            for delta in batch:
                yield Piece(delta.content or "", delta.finish_reason)


async def ask(settings: Settings, question: Question) -> Pieces:
    """Yield the pieces of the one answer for which the program runs; errors as `opened` and `answer` have them."""
    parse_chat(body_of(question))  # what is wrong with it is said before a model is loaded
    async with opened(settings) as app, aclosing(answer(app, question)) as pieces:
        async for piece in pieces:
            yield piece
