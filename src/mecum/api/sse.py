"""Deltas to bytes: a stream's events, exactly `data: <json>` and an empty line, and the body of a plain answer.

Invariants (`wire.md`, `tests/api/test_sse.py`): the first chunk carries the role, the last the finish; the usage stands in
exactly one chunk: its own with empty `choices` if it was asked for, else the last; never an empty `choices` otherwise.
Nearly every chunk is a piece of text, so what never changes around it is serialised once for each answer; and texts are
collected only where there are passages that they may cite.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from mecum.api.errors import body_of
from mecum.api.sources import UrlOf, extras
from mecum.chat.answer import Answer
from mecum.chat.citations import citations
from mecum.errors import EngineBroke, MecumError
from mecum.types import Delta, Json, Usage

DONE = b"data: [DONE]\n\n"
UNFINISHED = "The engine's answer ended before it was finished."
KEEP_ALIVE = b": keep-alive\n\n"  # never ": ping": Continue takes it for the end
_LINE_ENDS = ((b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"), (b"\xc2\x85", b"\\u0085"))
_TEXT_END = b'},"logprobs":null,"finish_reason":null}]}\n\n'


class Frames:
    """Writes one answer as events. `include_usage` asks for the usage as a chunk of its own."""

    def __init__(self, answer: Answer, url_of: UrlOf, *, include_usage: bool, choices: int) -> None:
        self._fields = _fields(answer, "chat.completion.chunk")
        self._extras = extras(answer, url_of)
        self._citing = _Citing(answer, url_of) if answer.cites else None
        self._text = _event_start(self._fields) + b',"choices":[{"index":0,"delta":{"content":'
        self._include_usage = include_usage
        self._choices = choices
        self._usage: Usage | None = None
        self._finish: Delta | None = None  # the last finish waits for the usage that may ride on it
        self._finished = 0

    def first(self) -> bytes:
        """Return the chunk that says who speaks, and what the answer rests on."""
        role = {"role": "assistant", "content": ""}
        frames = [self._chunk(Delta(choice=choice), piece=role) for choice in range(1, self._choices)]
        return b"".join([self._chunk(Delta(), piece=role, extra=self._extras), *frames])

    def batch(self, deltas: Sequence[Delta]) -> bytes:
        """Return the events of a batch, as one piece of bytes to send."""
        if self._citing:
            self._citing.add(deltas)
        if len(deltas) > 1 and (texts := _texts(deltas)):
            # One to a line: no string of JSON holds a line end, so what stands between two of them is known.
            lines = _one_line(orjson.dumps(texts, option=orjson.OPT_INDENT_2)[4:-2])
            return self._text + lines.replace(b",\n  ", _TEXT_END + self._text) + _TEXT_END
        return b"".join([self._frame(delta) for delta in deltas])

    def last(self) -> bytes:
        """Return the finish, the usage and the end.

        Raises:
            EngineBroke: a choice has no finish: the answer is not whole.
        """
        if self._finish is None or self._finished < self._choices:
            raise EngineBroke(UNFINISHED)
        usage = usage_body(self._usage) if self._usage else None
        if not self._include_usage:
            return self._chunk(self._finish, extra={"usage": usage} if usage else {}) + DONE
        fields = {**self._fields, "choices": [], "usage": usage or usage_body(Usage(0, 0))}
        return self._chunk(self._finish) + _event(fields) + DONE

    def _frame(self, delta: Delta) -> bytes:
        content, choice, reasoning, calls, logprobs, finish, usage = delta
        if content and not (choice or reasoning or calls or logprobs or finish or usage):
            return self._text + _line(content) + _TEXT_END
        if usage:
            self._usage = usage
            return b""
        if finish:
            waiting, self._finish = self._finish, delta
            self._finished += 1
            return self._chunk(waiting) if waiting else b""
        return self._chunk(delta) if content or reasoning or calls or logprobs else b""

    def _chunk(self, delta: Delta, *, piece: Json | None = None, extra: Json | None = None) -> bytes:
        choice = {
            "index": delta.choice,
            "delta": self._piece(delta) if piece is None else piece,
            "logprobs": delta.logprobs,
            "finish_reason": delta.finish_reason,
        }
        return _event({**self._fields, **(extra or {}), "choices": [choice]})

    def _piece(self, delta: Delta) -> Json:
        piece = _piece(delta)
        if delta.finish_reason and self._citing and (found := self._citing.of(delta.choice)):
            piece["annotations"] = found
        return piece


class _Citing:
    """Collects what is said, to find at the end which passages it cites."""

    def __init__(self, answer: Answer, url_of: UrlOf) -> None:
        self._hits = answer.retrieval.hits if answer.retrieval else ()
        self._url_of = url_of
        self._said: dict[int, list[str]] = {}

    def add(self, deltas: Sequence[Delta]) -> None:
        for delta in deltas:
            if delta.content:
                self._said.setdefault(delta.choice, []).append(delta.content)

    def of(self, choice: int) -> list[Json]:
        """Return a choice's annotations."""
        return citations("".join(self._said.get(choice, ())), self._hits, self._url_of)


def error_event(error: MecumError, *, has_choices: bool) -> bytes:
    """Return an error in the middle of a stream, and its end.

    OpenAI's clients raise on an event without `choices`; the Local Chat API's read `choices[0].delta` of every event.
    """
    body = body_of(error)
    if has_choices:
        body["choices"] = [{"index": 0, "delta": {}, "finish_reason": None}]
    return _event(body) + DONE


class Whole:
    """Folds one answer into the body of a plain response."""

    def __init__(self, answer: Answer, url_of: UrlOf, *, choices: int) -> None:
        self._answer = answer
        self._url_of = url_of
        self._choices = choices
        self._messages: dict[int, Json] = {}
        self._finishes: dict[int, str] = {}
        self._logprobs: dict[int, list[Any]] = {}
        self._usage: Usage | None = None

    def add(self, deltas: Sequence[Delta]) -> None:
        """Take the next batch."""
        for delta in deltas:
            if delta.usage:
                self._usage = delta.usage
                continue
            message = self._messages.setdefault(delta.choice, {"content": [], "reasoning_content": [], "tool_calls": {}})
            if delta.content:
                message["content"].append(delta.content)
            if delta.reasoning:
                message["reasoning_content"].append(delta.reasoning)
            for piece in delta.tool_calls or ():
                _fold_call(message["tool_calls"], piece)
            if delta.logprobs:
                self._logprobs.setdefault(delta.choice, []).extend(delta.logprobs.get("content") or ())
            if delta.finish_reason:
                self._finishes[delta.choice] = delta.finish_reason

    def body(self) -> Json:
        """Return the whole answer.

        Raises:
            EngineBroke: a choice has no finish: the answer is not whole.
        """
        if len(self._finishes) < self._choices:
            raise EngineBroke(UNFINISHED)
        return {
            **_fields(self._answer, "chat.completion"),
            "choices": [self._choice(choice) for choice in sorted(self._messages)],
            "usage": usage_body(self._usage or Usage(0, 0)),
            **extras(self._answer, self._url_of),
        }

    def _choice(self, choice: int) -> Json:
        parts = self._messages[choice]
        calls = list(parts["tool_calls"].values())
        text = "".join(parts["content"])
        message: Json = {"role": "assistant", "content": text if text or not calls else None, "refusal": None}
        if parts["reasoning_content"]:
            message["reasoning_content"] = "".join(parts["reasoning_content"])
        if calls:
            message["tool_calls"] = calls
        if found := self._annotations(text):
            message["annotations"] = found
        logprobs = {"content": self._logprobs[choice], "refusal": None} if choice in self._logprobs else None
        return {"index": choice, "message": message, "logprobs": logprobs, "finish_reason": self._finishes[choice]}

    def _annotations(self, text: str) -> list[Json]:
        found = self._answer.retrieval
        return citations(text, found.hits, self._url_of) if found and self._answer.cites else []


def usage_body(usage: Usage) -> Json:
    """Return the usage as the protocol has it."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def _fields(answer: Answer, kind: str) -> Json:
    return {
        "id": answer.id,
        "object": kind,
        "created": answer.created,
        "model": answer.model,
        "system_fingerprint": answer.fingerprint,
    }


def _piece(delta: Delta) -> Json:
    piece: Json = {}
    if delta.content:
        piece["content"] = delta.content
    if delta.reasoning:
        piece["reasoning_content"] = delta.reasoning
    if delta.tool_calls:
        piece["tool_calls"] = delta.tool_calls
    return piece


def _fold_call(calls: dict[int, Json], piece: Json) -> None:
    function = piece.get("function") or {}
    if "id" in piece:
        calls[piece["index"]] = {
            "id": piece["id"],
            "type": "function",
            "function": {"name": function["name"], "arguments": function.get("arguments", "")},
        }
    else:
        calls[piece["index"]]["function"]["arguments"] += function.get("arguments", "")


def _texts(deltas: Sequence[Delta]) -> tuple[str, ...] | None:
    """Return the texts of deltas that are nothing else, None if any of them is."""
    contents, *others = zip(*deltas, strict=True)
    return contents if all(contents) and not any(map(any, others)) else None


def _line(value: object) -> bytes:
    """Return JSON on one line, also for readers that take Unicode's own line ends for such (Python's `splitlines`)."""
    return _one_line(orjson.dumps(value))


def _one_line(text: bytes) -> bytes:
    if b"\xe2\x80" in text or b"\xc2\x85" in text:
        for end, escape in _LINE_ENDS:
            text = text.replace(end, escape)
    return text


def _event(body: Json) -> bytes:
    return b"data: " + _line(body) + b"\n\n"


def _event_start(fields: Json) -> bytes:
    return b"data: " + _line(fields)[:-1]
