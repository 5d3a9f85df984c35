"""What came of an adding, told: a sentence on stdout, on stderr what did not go in and why; or all of it as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mecum.cli.gather import Failed
from mecum.cli.terminal import note, one_line, plain, say
from mecum.cli.words import many, span
from mecum.types import Json

_SHOWN: Final = 50  # failures; `mecum documents --state failed` has all that the library knows of


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was sent and is a document now, what the library had, what did not go in, and what nobody wanted in.

    `embedder` is what the library says of it; `waited`: for vectors, too; `here`: no server goes on with the rest.
    """

    documents: tuple[Json, ...]
    unchanged: int
    not_sent: tuple[Failed, ...]
    skipped: Mapping[str, int]
    embedder: Json
    waited: bool
    here: bool
    seconds: float

    @property
    def failed(self) -> tuple[Failed, ...]:
        """All that failed, before it was sent or after."""
        return self.not_sent + _of_state(self.documents, "failed")

    @property
    def without_text(self) -> tuple[Failed, ...]:
        """Documents in which there is nothing to find."""
        return _of_state(self.documents, "no_text")

    @property
    def passages(self) -> int:
        """How many passages the new documents have."""
        return sum(document["passages"] for document in self.documents)


def _of_state(documents: Sequence[Json], state: str) -> tuple[Failed, ...]:
    return tuple(
        Failed(document["path"], document["error"]["code"], document["error"]["message"])
        for document in documents
        if document["state"] == state and document["error"]
    )


def tell(outcome: Outcome, *, as_json: bool) -> None:
    """Tell it: one JSON object, or for people."""
    if as_json:
        say(json.dumps(_json(outcome), indent=2))
        return
    wrong = outcome.failed + outcome.without_text
    if wrong:
        (_table if sys.stderr.isatty() else _lines)(wrong[:_SHOWN])
    if len(wrong) > _SHOWN:
        note(f"and {len(wrong) - _SHOWN:,} more: mecum documents --state failed")
    for remark in remarks(outcome):
        note(remark)
    say(summary(outcome))


def summary(outcome: Outcome) -> str:
    """Return what was done, in one sentence."""
    failed, without = len(outcome.failed), len(outcome.without_text)
    good = sum(document["state"] not in ("failed", "no_text") for document in outcome.documents)
    facts = [f"{many(good, 'file')} added"]
    facts += [f"{outcome.unchanged:,} unchanged"] * bool(outcome.unchanged)
    facts += [f"{without:,} without text"] * bool(without)
    facts += [f"{failed:,} failed"] * bool(failed)
    took = f" in {span(outcome.seconds)}" if outcome.seconds >= 1 else ""
    return f"{', '.join(facts)}: {many(outcome.passages, 'passage')}{took}."


def remarks(outcome: Outcome) -> list[str]:
    """Return what else there is to know."""
    said = []
    if outcome.skipped:
        kinds = ", ".join(f"{number:,} {reason}" for reason, number in sorted(outcome.skipped.items()))
        said.append(f"left out: {kinds}. --all takes what is hidden, ignored, binary or a key, too.")
    if outcome.embedder.get("state") not in (None, "ready"):
        said.append(str(outcome.embedder.get("reason") or "There is no embedder, so search is by keywords only."))
    elif not outcome.waited and any(document["state"] == "searchable" for document in outcome.documents):
        who = "The next mecum command that opens the library" if outcome.here else "The server"
        said.append(f"all of it is found by its words. {who} makes the vectors.")
    return said


def _json(outcome: Outcome) -> Json:
    return {
        "ok": not outcome.failed,
        "added": len(outcome.documents) - len(_of_state(outcome.documents, "failed")),
        "unchanged": outcome.unchanged,
        "passages": outcome.passages,
        "skipped": dict(outcome.skipped),
        "failed": [asdict(one) for one in outcome.failed],
        "documents": [{name: document[name] for name in ("id", "path", "state")} for document in outcome.documents],
        "seconds": round(outcome.seconds, 2),
    }


def _lines(wrong: Sequence[Failed]) -> None:
    for one in wrong:
        say(f"{one_line(one.path)}: {one.code}: {plain(one.message)}", sys.stderr)


def _table(wrong: Sequence[Failed]) -> None:
    table = Table("file", "", "what is wrong", "what to do", box=None, padding=(0, 2, 0, 0))
    for one in wrong:
        reason, _, advice = one.message.partition(". ")
        cells = (one_line(one.path), one.code, plain(reason).rstrip(".") + ".", plain(advice))
        table.add_row(Text(cells[0], overflow="fold"), Text(cells[1], style="red"), Text(cells[2]), Text(cells[3]))
    Console(stderr=True, highlight=False).print(table)
