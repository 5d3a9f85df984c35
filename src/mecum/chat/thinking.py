"""Splits off what a model thinks aloud before it answers, where the engine has not done so. Pure, save that `split` reads.

llama.cpp does it for the templates that it understands, and only for those. Invariant (`tests/chat/test_thinking.py` cuts
the text at every place): thought and answer together are what the model said, without the tags and the line ends around
them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Iterator, Sequence
from typing import Final

from mecum.types import Delta

OPEN: Final = "<think>"
CLOSE: Final = "</think>"


async def split(batches: AsyncIterable[Sequence[Delta]], *, opened: bool) -> AsyncGenerator[Sequence[Delta], None]:
    """Yield the batches with the thought as `reasoning`. `opened` says that the prompt ends with the opening tag."""
    splitters: dict[int, _Splitter] = {}
    async for batch in batches:
        split_batch: list[Delta] = []
        for delta in batch:
            splitter = splitters.setdefault(delta.choice, _Splitter(delta.choice, opened=opened))
            split_batch += splitter.split(delta)
        if split_batch:
            yield split_batch


class _Splitter:
    """Splits one choice: undecided at first, then a thought, if it begins with one, then the answer."""

    def __init__(self, choice: int, *, opened: bool) -> None:
        self._choice = choice
        self._held = ""
        self._thinks: bool | None = True if opened else None
        self._begins = True  # nothing of the thought, or of what follows it, has been said

    def split(self, delta: Delta) -> Iterator[Delta]:
        if self._thinks is False and not self._begins:
            yield delta
            return
        if delta.reasoning or delta.tool_calls:  # the engine splits by itself
            yield from self._end()
        other = delta._replace(content=None, finish_reason=None)
        if other != Delta(choice=self._choice) or other == delta:
            yield other
        self._held += delta.content or ""
        yield from self._advance()
        if delta.finish_reason:
            yield from self._end()
            yield Delta(choice=self._choice, finish_reason=delta.finish_reason)

    def _advance(self) -> Iterator[Delta]:
        if self._thinks is None:
            self._decide()
        if self._thinks:
            yield from self._think()
        if self._thinks is False:
            yield from self._say()

    def _decide(self) -> None:
        start = self._held.lstrip()
        if start.startswith(OPEN):
            self._thinks, self._held = True, start[len(OPEN) :]
        elif not OPEN.startswith(start):
            self._thinks = self._begins = False

    def _think(self) -> Iterator[Delta]:
        if self._begins:
            self._held = self._held.lstrip()
        at = self._held.find(CLOSE)
        length = at if at >= 0 else len(self._held) - _kept(self._held)
        thought, self._held = self._held[:length], self._held[length:]
        if at >= 0:
            thought, self._held = thought.rstrip(), self._held[len(CLOSE) :]
            self._thinks = False
        if thought:
            self._begins = False
            yield Delta(choice=self._choice, reasoning=thought)
        self._begins |= at >= 0

    def _say(self) -> Iterator[Delta]:
        text = self._held.lstrip() if self._begins else self._held
        self._held = ""
        if text:
            self._begins = False
            yield Delta(text, self._choice)

    def _end(self) -> Iterator[Delta]:
        """Say what is held, for what it is taken for; from now on all passes as it comes."""
        text, self._held = self._held, ""
        if text and self._thinks:
            yield Delta(choice=self._choice, reasoning=text)
        elif (text and not self._begins) or text.strip():
            yield Delta(text, self._choice)
        self._thinks = self._begins = False


def _kept(text: str) -> int:
    """Return how many characters at the end may belong to the closing tag, or are line ends that may stand before it."""
    at = text.rfind("<")
    end = at if at >= 0 and CLOSE.startswith(text[at:]) else len(text)
    return len(text) - len(text[:end].rstrip())
