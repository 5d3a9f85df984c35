"""What a client asks for, checked and free of the wire's forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mecum.types import Message, Sampling


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """One request for an answer.

    `model_fallback` says what an unknown `model` means: the default model, or an error. `default_temperature` and
    `default_max_tokens` are the route's, used where neither the request nor the role says anything (None: the room left);
    with `model_temperature` the model's own default comes before the route's.
    `collections`, `top_k` and `min_score` say what is searched for, as a Query has them; `debug` asks for how it was done.
    """

    messages: tuple[Message, ...]
    sampling: Sampling
    model: str | None = None
    model_fallback: bool = False
    default_temperature: float | None = None
    model_temperature: bool = False
    default_max_tokens: int | None = None
    role_id: str | None = None
    retrieval: bool | None = None
    collections: tuple[str, ...] = ()
    top_k: int | None = None
    min_score: float | None = None
    debug: bool = False
    truncation: Literal["auto", "off"] = "off"
