"""Frozen values that cross rooms, and how they are called."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, get_args

Json = dict[str, Any]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]
Scope = Literal["chat", "documents", "admin"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat, as the OpenAI protocol has it.

    `content` is a text, a tuple of content parts (`{"type": "text", …}`, `{"type": "image_url", …}`), or None (an
    assistant's turn of tool calls alone). `reasoning` is what an assistant thought before it. `developer` messages
    have become `system` before a Message is made.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str | tuple[Json, ...] | None
    name: str | None = None
    tool_calls: tuple[Json, ...] = ()
    tool_call_id: str | None = None
    reasoning: str | None = None


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the engine is to generate: the whitelist of what a request may set. None: the engine's own default.

    `max_tokens` bounds what is generated, `thinking_budget_tokens` what of it is thought. `logit_bias` maps token ids (as
    strings) to -100 … 100. `tools`, `tool_choice` and `response_format` are OpenAI's objects, validated;
    `chat_template_kwargs` go to the chat template.
    """

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    repeat_penalty: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    n: int = 1
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: Mapping[str, float] | None = None
    logprobs: bool = False
    top_logprobs: int | None = None
    tools: tuple[Json, ...] = ()
    tool_choice: str | Json | None = None
    parallel_tool_calls: bool | None = None
    response_format: Json | None = None
    reasoning_effort: str | None = None
    thinking_budget_tokens: int | None = None
    chat_template_kwargs: Mapping[str, bool] | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """What an engine is asked: the messages as the model shall see them, and how to generate.

    `cache` False asks for an answer that does not depend on what the engine computed before (a reproducible one). `owner` is
    whose prompt it is: what the engine keeps of it helps no other owner's.
    """

    model: str
    messages: tuple[Message, ...]
    sampling: Sampling
    cache: bool = True
    owner: str = "local"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request. `cached_tokens` of the prompt's were not evaluated again."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0


class Delta(NamedTuple):
    """A piece of an answer. A tuple, because one is made for every token.

    `choice` counts from 0 to n-1. `tool_calls` are OpenAI's pieces (`index`, and what is new of `id`, `type`,
    `function.name`, `function.arguments`). `usage` comes on its own, at most once, at the end. A Delta with nothing set
    is a sign of life: the engine works on the prompt.
    """

    content: str | None = None
    choice: int = 0
    reasoning: str | None = None
    tool_calls: list[Json] | None = None
    logprobs: Json | None = None
    finish_reason: FinishReason | None = None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Role:
    """A persona: its prompt comes before the caller's system message. None: the request's or the route's own value.

    `collections` are those that it may answer from; empty means all.
    """

    uuid: str
    name: str
    system_prompt: str
    enable_l0_retrieval: bool = True
    model: str | None = None
    temperature: float | None = None
    collections: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, and what for they may ask. Without keys everybody on this machine is the owner `local`.

    `key_id` is the key they came with; None: they came from this machine, without one or with the token of `run.json`.
    """

    owner: str = "local"
    scopes: frozenset[Scope] = frozenset(SCOPES)
    key_id: str | None = None


SearchMode = Literal["hybrid", "keyword", "vector"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is looked for in the documents, and where. An empty tuple or text, or None, means any, or the default.

    `before` are the user's earlier messages, oldest first: a follow-up is searched with what it follows. `k` is the most
    passages wanted. `min_score` (0 to 1) takes the place of the calibrated floor. `since` and `until` bound a passage's
    date, in seconds since 1970, both inclusive.
    """

    text: str
    before: tuple[str, ...] = ()
    k: int | None = None
    mode: SearchMode = "hybrid"
    min_score: float | None = None
    collections: tuple[str, ...] = ()
    path_prefix: str = ""
    kinds: tuple[str, ...] = ()
    since: float | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found, kept whole to the end: citations, tests and logs use this value.

    `score` is a calibrated relevance from 0 to 1. `page` (from 1) is where it begins, `last_page` where it ends. `heading`
    is the part of the document it stands in, `position` its number there, from 0; `date` is in seconds since 1970.
    """

    index: int
    document_id: str
    title: str
    path: str
    page: int | None
    chunk_id: str
    score: float
    text: str
    heading: str | None = None
    collection: str = ""
    kind: str = ""
    position: int = 0
    date: float | None = None
    last_page: int | None = None


def pages(first: int | None, last: int | None = None) -> str:
    """Return where in a document something stands: "page 4", "pages 4-5", "" where that is not known."""
    if first is None:
        return ""
    return f"page {first}" if last in (None, first) else f"pages {first}-{last}"


def spelt(name: str) -> str:
    """Return a name in the spelling in which names compare: macOS writes an accent behind its letter, keyboards with it."""
    return unicodedata.normalize("NFC", name)


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What a search of the library gave: `status` "empty" means that nothing relevant is there; `ms` milliseconds.

    `query` is what was searched for: a follow-up together with what it follows. `mode` is how it was done.
    """

    status: Literal["ok", "empty"]
    mode: SearchMode
    query: str
    k: int
    ms: float
    hits: tuple[Hit, ...] = ()
