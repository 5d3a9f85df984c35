"""Clues that a passage's text gives of holding an answer, besides its words: who speaks, and whether it asks.

They weigh most in chats, where a passage may be a single turn: what somebody says stands under their name, a question
seldom answers one, and what answers it comes next. Pure. Proved by `tests/knowledge/test_clues.py`; what each is worth
is in docs/retrieval.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

_LABEL: Final = re.compile(r"^\W{0,3}(\w[\w .'-]{0,40}?)\s?[:\uff1a](?=\s|[^\W\d]|$)")
_SENTENCE: Final = re.compile(r"[^.!?。！？؟\n]*([.!?。！？؟]+|\n|$)")  # noqa: RUF001 -- of CJK and Arabic
_ASKING: Final = frozenset("?？؟")  # noqa: RUF001
_WHEN: Final = re.compile(
    r"\b(when|wann|quand|cuándo|quando|wanneer|когда)\b"
    r"|\b(what|which|welche[mnrs]?|quelle?|qu[ée]|che|qual|welke?)\s"
    r"(year|date|day|month|decade|century|jahre?|tag|monat|datum|jahrhundert|année|jour|mois|siècle|año|fecha|día|mes|siglo"
    r"|anno|giorno|mese|secolo|ano|dia|século|jaar|dag|maand|eeuw)\b"
    r"|什么时候|什麼時候|何时|何時|哪一?[年天月日]|几月|几号|いつ|언제|متى|कब|เมื่อไ",
    re.IGNORECASE,
)


def asks_when(question: str) -> bool:
    """Whether a question wants a time for its answer."""
    return _WHEN.search(question) is not None


def asking(text: str) -> float:
    """Return the share of the text's sentences that are questions."""
    ends = [match[1] for match in _SENTENCE.finditer(_without_label(text)) if match[0].strip()]
    return sum(not _ASKING.isdisjoint(end) for end in ends) / len(ends) if ends else 0.0


def labelled(text: str, named: Callable[[str], bool]) -> float:
    """Return the share of a text that stands under a label ("Anna: …") which the question names, by characters."""
    total = under = 0
    current = False
    for line in text.splitlines():
        if label := _LABEL.match(line):
            current = named(label[1])
        total += len(line)
        under += len(line) if current else 0
    return under / total if total else 0.0


def within(words: Iterable[str], question: frozenset[str]) -> bool:
    """Whether a label's words, of which there must be one, are all in the question."""
    found = set(words)
    return bool(found) and found <= question


def _without_label(text: str) -> str:
    label = _LABEL.match(text)
    return text[label.end() :] if label else text
