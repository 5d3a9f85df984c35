"""How much of a chat and of its passages goes into the prompt.

Invariants (`tests/chat/test_fitting.py`, `tests/chat/test_answer_truncation.py`): passages alone never make a prompt too
long; the passages that a Fitted names are exactly those in its prompt, numbered from 1; as few turns are dropped as make it
fit, and none without the caller's leave. What is counted is always the whole prompt, so its size is exact; a chat that
fits as it is costs one count, one that does not some ten.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mecum.chat import budget
from mecum.chat.grounding import ground, numbered
from mecum.chat.prompt import complete
from mecum.engine.base import Model
from mecum.errors import ContextTooLong
from mecum.types import Hit, Prompt

Count = Callable[[Prompt], Awaitable[int | None]]
FURTHER: Final = 4  # passages that are tried behind the first that is too large
BEGINNING: Final = 100  # characters of a passage that are worth showing by themselves


@dataclass(frozen=True, slots=True)
class Fitted:
    """A prompt as the engine is to have it, the passages in it, and how many of the oldest messages were dropped.

    `tokens` is the prompt's size, None where the engine cannot tell.
    """

    prompt: Prompt
    hits: tuple[Hit, ...]
    dropped: int
    tokens: int | None

    @property
    def cites(self) -> bool:
        """Whether the model is asked to cite: not in an answer that must be JSON, whose values citations would spoil."""
        return bool(self.hits) and self.prompt.sampling.response_format is None


class Fitting:
    """Fits one chat. `prompt` has no passages yet and its whole history; `secret` is for the fence (`grounding`)."""

    def __init__(self, prompt: Prompt, hits: Sequence[Hit], model: Model, count: Count, *, secret: bytes) -> None:
        self._prompt = prompt
        self._hits = tuple(hits)
        self._model = model
        self._count = count
        self._secret = secret
        self._cuts = [0]

    async def fit(self, *, truncate: bool) -> Fitted:
        """Return what fits the model's context. `truncate` allows to drop the oldest turns.

        Raises:
            ContextTooLong: not even the chat without passages fits.
        """
        fitted = await self._try(self._hits)
        context = self._model.context
        if fitted.tokens is None or context is None:
            return fitted  # the engine cannot tell: it will refuse what does not fit
        if truncate:
            self._cuts = budget.droppable(self._prompt.messages)
        limit = budget.prompt_limit(context, self._most)
        if fitted.tokens > limit and fitted.hits:
            fitted = await self._with_fewer(context)
        if _size(fitted) > limit and truncate:
            fitted = await self._shortened(fitted, limit)
        if _size(fitted) >= context:
            raise ContextTooLong(prompt_tokens=fitted.tokens, context=context)
        room = budget.room(context, _size(fitted), self._most)
        sampling = replace(fitted.prompt.sampling, max_tokens=room)
        if sampling.response_format and self._model.traits.thinking:
            sampling = replace(sampling, thinking_budget_tokens=budget.thought(room))
        return replace(fitted, prompt=replace(fitted.prompt, sampling=sampling))

    def with_half(self, fitted: Fitted) -> Fitted:
        """Return it with half of the passages, the better ones, for an engine that cannot count and has refused."""
        return self._made(fitted.hits[: len(fitted.hits) // 2], fitted.dropped)

    async def passage_tokens(self, fitted: Fitted) -> int | None:
        """Return what the passages make of the prompt's tokens, with what is said around them."""
        bare = await self._try((), fitted.dropped) if fitted.hits else fitted
        return None if fitted.tokens is None else fitted.tokens - _size(bare)

    @property
    def _most(self) -> int | None:
        return self._prompt.sampling.max_tokens

    async def _with_fewer(self, context: int) -> Fitted:
        """Choose passages: the best that fit together, then of those behind the first that is too large."""
        room, bare = await self._room(context)

        async def fits(hits: tuple[Hit, ...]) -> bool:
            return _size(await self._try(hits, self._cuts[-1])) - bare <= room

        low, high = 0, len(self._hits) - (len(self._cuts) == 1)  # without a cut it is known that not all fit
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if await fits(self._hits[:middle]) else (low, middle - 1)
        chosen = self._hits[:low]
        for hit in self._hits[low + 1 : low + 1 + FURTHER]:
            chosen = (*chosen, hit) if await fits((*chosen, hit)) else chosen
        return await self._try(chosen or await self._beginning(fits))

    async def _beginning(self, fits: Callable[[tuple[Hit, ...]], Awaitable[bool]]) -> tuple[Hit, ...]:
        """Return as much of the best passage as fits where none fits whole: an answer shall not ignore the documents."""
        best = self._hits[0]
        fitting, too_long = 0, len(best.text)
        while too_long - fitting > BEGINNING:
            middle = (fitting + too_long) // 2
            if await fits((_cut(best, middle),)):
                fitting = middle
            else:
                too_long = middle
        return (_cut(best, fitting),) if fitting >= BEGINNING else ()

    async def _room(self, context: int) -> tuple[int, int]:
        """Return how many tokens the passages may take, and the size of the shortest prompt without them."""
        whole = _size(await self._try(()))
        room = budget.passage_room(context, whole, self._most)
        if len(self._cuts) == 1:
            return room, whole
        shortest = _size(await self._try((), self._cuts[-1]))
        return max(room, budget.contested_room(context, shortest, self._most)), shortest

    async def _shortened(self, fitted: Fitted, limit: int) -> Fitted:
        """Drop as few of the oldest turns as make it fit `limit`: a binary search over the places to cut."""
        low, high, best = 0, len(self._cuts) - 1, fitted
        while low <= high:
            middle = (low + high) // 2
            shorter = await self._try(fitted.hits, self._cuts[middle])
            fits = _size(shorter) <= limit
            if fits or middle == len(self._cuts) - 1:
                best = shorter
            low, high = (low, middle - 1) if fits else (middle + 1, high)
        return best

    async def _try(self, hits: tuple[Hit, ...], dropped: int = 0) -> Fitted:
        made = self._made(hits, dropped)
        return replace(made, tokens=await self._count(made.prompt))

    def _made(self, hits: tuple[Hit, ...], dropped: int) -> Fitted:
        hits = numbered(hits)
        made = Fitted(replace(self._prompt, messages=budget.drop(self._prompt.messages, dropped)), hits, dropped, None)
        grounded = ground(made.prompt.messages, hits, self._secret, cite=made.cites)
        return replace(made, prompt=complete(replace(made.prompt, messages=grounded), self._model.traits))


def _cut(hit: Hit, length: int) -> Hit:
    """Return a passage's first characters, in whole words where its script has spaces."""
    text = hit.text[:length]
    whole = text.rpartition(" ")[0]
    return replace(hit, text=(whole if len(whole) > length // 2 else text) + "…")


def _size(fitted: Fitted) -> int:
    return fitted.tokens or 0
