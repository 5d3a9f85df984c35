"""What `metadata.debug` shows: how an answer came about. Never logged."""

from __future__ import annotations

from dataclasses import dataclass

from mecum.chat.fitting import Fitted
from mecum.types import Hit, Message, Retrieval


@dataclass(frozen=True, slots=True, kw_only=True)
class Debug:
    """`hits` are all that were found, each with whether it is in the prompt; `messages` are as the engine has them.

    Numbers are tokens, None where nobody can tell. `passages_tokens` are those of the passages and what is said around
    them; `max_tokens` is what may be generated.
    """

    hits: tuple[tuple[Hit, bool], ...]
    context: int | None
    prompt_tokens: int | None
    passages_tokens: int | None
    max_tokens: int | None
    messages: tuple[Message, ...]


def debug_of(found: Retrieval | None, fitted: Fitted, *, context: int | None, passages_tokens: int | None) -> Debug:
    """Return how an answer came about."""
    used = {hit.chunk_id for hit in fitted.hits}
    return Debug(
        hits=tuple((hit, hit.chunk_id in used) for hit in (found.hits if found else ())),
        context=context,
        prompt_tokens=fitted.tokens,
        passages_tokens=passages_tokens,
        max_tokens=fitted.prompt.sampling.max_tokens,
        messages=fitted.prompt.messages,
    )
