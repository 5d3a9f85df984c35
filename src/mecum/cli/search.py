"""`mecum search`: the passages that answer a question, without a model's words around them.

Where nothing relevant is there it says so, and where search was by keywords only (`tests/cli/test_library_commands.py`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from mecum.cli import words
from mecum.cli.highlight import Span, snippet, spans
from mecum.cli.naming import prefix
from mecum.cli.remote import Api
from mecum.cli.served import prepared, run
from mecum.cli.terminal import note, one_line, plain, say
from mecum.errors import InvalidRequest
from mecum.knowledge.tokens import Tokenizer
from mecum.types import Json

_SNIPPET: Final = 320  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """What is looked for, and where. None or nothing: any, or the server's default."""

    text: str
    k: int | None = None
    collections: Sequence[str] = ()
    path: str | None = None
    kinds: Sequence[str] = ()
    since: str | None = None
    until: str | None = None
    mode: str | None = None
    min_score: float | None = None

    def body(self) -> Json:
        """Return the request's body.

        Raises:
            InvalidRequest: nothing is asked, or a date is none.
        """
        if not self.text.strip():
            raise InvalidRequest('Look for something: mecum search "…".')
        body = {
            "query": self.text,
            "k": self.k,
            "collections": list(self.collections) or None,
            "path_prefix": prefix(self.path) if self.path else None,
            "kind": list(self.kinds) or None,
            "since": words.moment(self.since, "--since", end=False) if self.since else None,
            "until": words.moment(self.until, "--until", end=True) if self.until else None,
            "mode": self.mode,
            "min_score": self.min_score,
        }
        return {name: value for name, value in body.items() if value is not None}


def search(sought: Sought, flags: Mapping[str, Any], config: Path | None, *, as_json: bool) -> None:
    """Search, and show what was found: for people, or as one JSON object.

    Raises:
        MecumError: it cannot be searched for that, or not now.
    """
    body = sought.body()

    async def work(api: Api) -> tuple[Json, Json]:
        return await api.post("/api/knowledge/search", body), await api.get("/api/documents/counts")

    found, counts = run(prepared(flags, config), work)
    if as_json:
        say(json.dumps(found, indent=2))
        return
    tokenizer = Tokenizer()
    for number, hit in enumerate(found["hits"], 1):
        if number > 1:
            say("")
        _show(number, hit, found["retrieval"]["query"], tokenizer)
    for remark in remarks(found, counts):
        note(remark)


def remarks(found: Json, counts: Json) -> list[str]:
    """Return what there is to know about a search, besides its hits."""
    if not any(counts["documents"].values()):
        return ["there are no documents yet. mecum add FILE-OR-FOLDER adds some."]
    said = []
    if not found["hits"]:
        said.append("nothing in your documents answers this. --min-score 0 shows what comes nearest.")
    if found["retrieval"]["mode"] == "keyword" and counts["embedder"]["state"] != "ready":
        said.append(f"searched by keywords: {counts['embedder']['reason'] or 'there is no embedder.'}")
    elif found["retrieval"]["mode"] != "keyword" and counts["without_vector"]:
        said.append(f"{words.many(counts['without_vector'], 'passage')} found by keywords only, until the vectors are made.")
    return said


def heading(number: int, hit: Json) -> str:
    """Return the line above a hit: its score, and where it stands."""
    date = words.day(hit.get("date"))
    return f"{number}. {hit['score']:.2f}  {words.place(hit)}{f' ({date})' if date else ''}"


def _show(number: int, hit: Json, question: str, tokenizer: Tokenizer) -> None:
    text = " ".join(plain(hit["text"]).split())
    shown, marked = snippet(text, spans(text, question, tokenizer), _SNIPPET)
    where = f"{one_line(hit['path'])}  {hit['document_id']}"
    if not sys.stdout.isatty():
        for line in (heading(number, hit), f"   {where}", f"   {shown}"):
            say(line)
        return
    console = Console(highlight=False)
    console.print(Text(heading(number, hit), style="bold"))
    console.print(Text(where, style="dim"), soft_wrap=True)
    console.print(highlighted(shown, marked))


def highlighted(text: str, marked: Sequence[Span]) -> Text:
    """Return a text for the terminal with what was asked for standing out."""
    shown = Text(text)
    for start, stop in marked:
        shown.stylize("bold yellow", start, stop)
    return shown
