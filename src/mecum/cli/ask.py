"""`mecum ask`: one question, one answer on stdout, made for pipes.

What is piped in stands after the question, fenced, so that the model takes it for material (`rulings.md` 27). The answer
comes from the server that runs on the data directory; where none does, this process takes the directory and answers itself.
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

from mecum.app.home import Running, find
from mecum.cli import alone, client
from mecum.cli.question import Piece, Pieces, Question, combined
from mecum.cli.terminal import note, one_line, plain, say
from mecum.cli.words import place
from mecum.errors import InvalidRequest
from mecum.observe.log import configure
from mecum.settings.load import Loaded, load
from mecum.types import Json


def ask(question: Question, flags: Mapping[str, Any], config: Path | None, *, stream: bool) -> None:
    """Ask, and print the answer; sources and remarks go to stderr.

    Raises:
        MecumError: there is no answer, and why.
    """
    loaded = load(flags, os.environ, config=config)
    settings = loaded.settings
    configure(level(loaded), settings.log.format)
    text = combined(question.text.strip(), _piped(sys.stdin, limit=int(settings.server.max_body_mb * 2**20)))
    if not text:
        raise InvalidRequest('Ask something: mecum ask "…", or pipe a text into mecum ask.')
    question = replace(question, text=text)
    where = find(settings.home)
    if isinstance(where, Running):
        asyncio.run(_print(client.answer(where, question), question, stream=stream))
        return
    try:
        if question.model and not (settings.engine.base_url or settings.engine.scripted):
            settings = load({**flags, "engine.model": question.model}, os.environ, config=config).settings
            question = replace(question, model=None)  # it is the one that there will be
        asyncio.run(_print(alone.ask(settings, question), question, stream=stream))
    finally:
        where.release()


def level(loaded: Loaded) -> str:
    """Return how much to log: an answer on its own stays alone unless somebody asked for more."""
    return "critical" if loaded.origins["log.level"] == "default" else loaded.settings.log.level


def _piped(stream: TextIO | None, *, limit: int) -> str:
    """Return what is piped in, or comes from a file; nothing from a terminal, or from a device such as /dev/null.

    Raises:
        InvalidRequest: it is larger than `limit` bytes.
    """
    try:
        mode = os.fstat(stream.fileno()).st_mode if stream else 0
    except (OSError, ValueError):  # closed
        return ""
    if stream is None or not (stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)):
        return ""
    data = stream.buffer.read(limit + 1)
    if len(data) > limit:
        raise InvalidRequest(f"What is piped in is larger than {limit} bytes (server.max_body_mb).")
    return data.decode("utf-8", errors="replace").strip("\r\n")


async def _print(pieces: Pieces, question: Question, *, stream: bool) -> None:
    said: list[str] = []
    rest: list[Piece] = []
    async with aclosing(pieces):
        async for piece in pieces:
            text = plain(piece.text) if sys.stdout.isatty() else piece.text
            said.append(text)
            rest.append(piece._replace(text=""))
            if stream:
                _write(text)
    whole = "".join(said)
    _write(("" if stream else whole) + ("" if whole.endswith("\n") else "\n"))
    remark(rest, question, unfounded=True)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def remark(pieces: list[Piece], question: Question, *, unfounded: bool = False) -> None:
    """Say on stderr what there is to know about an answer: what it rests on, who gave it, what is missing.

    That it rests on no document is said where documents were asked for, or in any case (`unfounded`).
    """
    for piece in pieces:
        if piece.instead:
            note(f"there is no model {question.model}; {piece.instead} answered.")
        if piece.finish_reason == "length":
            note("the answer was cut off; --max-tokens gives it more room.")
        if piece.dropped:
            note(f"the oldest {piece.dropped} messages no longer fit the model's context and were left out.")
        if piece.unfounded and (unfounded or question.docs):
            note("your documents hold nothing on this; what the answer says comes from the model.")
        for source in piece.sources:
            for line in _source(source):
                say(line, sys.stderr)


def _source(source: Json) -> Iterator[str]:
    """Yield where a passage stands, and where it opens."""
    path = one_line(str(source["path"]))
    where = place(source)
    yield f"[{source['index']}] {where}" + ("" if path == where else f" ({path})")
    if source.get("url"):
        yield f"    {one_line(source['url'])}"
