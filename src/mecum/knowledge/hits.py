"""From ranked passages to what is shown: near-duplicates dropped, neighbours merged. Pure.

Invariant: the text of a hit stands in its document as it is, whatever was merged (`tests/knowledge/test_hits.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from mecum.store.values import Found, Key
from mecum.types import Hit

ALIKE: Final = 0.9  # share of the words in common from which two passages say the same
LONGEST: Final = 2400  # characters of a merged hit: two or three passages
_OVERLAP: Final = 800  # characters that two passages in a row may have in common, at most


@dataclass(frozen=True, slots=True)
class Scored:
    """A passage with its relevance, its words, and what of them is the question's (`fuse.Match`)."""

    found: Found
    score: float
    words: frozenset[str]
    coverage: float = 0.0
    foreign: bool = False

    @property
    def place(self) -> tuple[str, int]:
        """The document's id and the position in it."""
        return self.found.passage.document_id, self.found.passage.position

    def scored(self, score: float) -> Scored:
        """Return it with another relevance."""
        return replace(self, score=score)


def distinct(ranked: Sequence[Scored], number: int) -> list[Scored]:
    """Return the best so many passages without those that say the same as a better one."""
    kept: list[Scored] = []
    for one in ranked:
        if len(kept) == number:
            break
        if not any(_alike(one, other) for other in kept):
            kept.append(one)
    return kept


def merged(ranked: Sequence[Scored]) -> tuple[Hit, ...]:
    """Return hits, the best first; passages that follow each other in a document become one, up to LONGEST characters."""
    groups: list[list[Scored]] = []
    for one in ranked:
        if not any(_join(group, one) for group in groups):
            groups.append([one])
    return tuple(_hit(number, group) for number, group in enumerate(groups, 1))


def beside(found: Sequence[Found]) -> dict[Key, tuple[Key | None, Key | None]]:
    """Return, for each passage, those of the others that stand right before and right after it."""
    at = {(one.passage.document_id, one.passage.position): one.key for one in found}
    return {key: (at.get((document, place - 1)), at.get((document, place + 1))) for (document, place), key in at.items()}


def _alike(one: Scored, other: Scored) -> bool:
    fewer = min(len(one.words), len(other.words))
    more = max(len(one.words), len(other.words))
    return fewer >= ALIKE * more and len(one.words & other.words) >= ALIKE * (len(one.words | other.words) or 1)


def _join(group: list[Scored], one: Scored) -> bool:
    """Add a passage to a group that it touches, and say whether it did."""
    document, position = one.place
    touching = group[0].place[0] == document and any(abs(position - other.place[1]) == 1 for other in group)
    if not touching or sum(len(other.found.passage.text) for other in (*group, one)) > LONGEST:
        return False
    group.append(one)
    return True


def _hit(number: int, group: Sequence[Scored]) -> Hit:
    best = group[0]
    in_order = sorted(group, key=lambda one: one.place)
    text = in_order[0].found.passage.text
    for one in in_order[1:]:
        text = _continued(text, one.found.passage.text)
    found, passage = best.found, best.found.passage
    page, last = in_order[0].found.passage.place.get("page"), in_order[-1].found.passage.place
    return Hit(
        index=number,
        document_id=passage.document_id,
        title=found.title,
        path=found.path,
        page=page,
        last_page=last.get("last_page", last.get("page")),
        chunk_id=passage.id,
        score=best.score,
        text=text,
        heading=passage.place.get("heading"),
        collection=found.collection,
        kind=found.kind,
        position=passage.position,
        date=found.date,
    )


def _continued(text: str, after: str) -> str:
    """Return two passages in a row as one text, what they have in common once."""
    for length in range(min(len(text), len(after), _OVERLAP), 0, -1):
        if text.endswith(after[:length]) and (length > 20 or length == len(after)):
            return text + after[length:]
    return f"{text}\n{after}"
