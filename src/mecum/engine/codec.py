"""Our values to OpenAI's JSON and back: a Prompt becomes a request body, a chunk's JSON becomes Deltas.

Invariant: whatever a server's chunks look like, what comes out keeps the rules of `Reply`: a finish for each choice, the
usage at most once and last, tool calls with `index`, `id`, `type` and name first and arguments after.
Source: https://platform.openai.com/docs/api-reference/chat/streaming.
"""

from __future__ import annotations

import dataclasses
import secrets
from typing import Any, Final

import orjson

from mecum.engine.foreign import stream_error
from mecum.errors import EngineBroke
from mecum.types import Delta, FinishReason, Json, Message, Prompt, Usage

DONE: Final = b"[DONE]"
_FINISH: Final[dict[str, FinishReason]] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}
_BROKEN: Final = ("error", "abort")  # vLLM's words for an answer that it gave up


def encode(prompt: Prompt) -> Json:
    """Return the body of a streaming chat request. What the prompt leaves open is left out."""
    sampling = {
        field.name: value
        for field in dataclasses.fields(prompt.sampling)
        if (value := getattr(prompt.sampling, field.name)) not in (None, (), False)
    }
    if sampling["n"] == 1:
        del sampling["n"]
    return {
        "model": prompt.model,
        "messages": [encode_message(message) for message in prompt.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        **sampling,
    }


def encode_message(message: Message) -> Json:
    """Return one message as the protocol has it."""
    fields: Json = {"role": message.role, "content": message.content}
    for name in ("name", "tool_calls", "tool_call_id"):
        if value := getattr(message, name):
            fields[name] = value
    return fields


class Decoder:
    """Turns the payloads of one answer's events into Deltas, and knows whether the answer is whole.

    `fingerprint` is what the server called its `system_fingerprint`, once a chunk has come.
    """

    def __init__(self) -> None:
        self.fingerprint: str | None = None
        self.done = False
        self._choices: dict[int, bool] = {}  # seen choices, and whether each is finished
        self._calls: set[tuple[int, int]] = set()
        self._usage: Usage | None = None

    def feed(self, payloads: list[bytes]) -> list[Delta]:
        """Return the deltas of these payloads; the usage is kept for `end`.

        Raises:
            EngineBroke: a payload is not a chunk.
            MecumError: a payload is an error, mapped as `foreign` does.
        """
        deltas: list[Delta] = []
        for payload in payloads:
            if payload == DONE:
                self.done = True
                break
            self._chunk(_parse(payload), deltas)
        return deltas

    def end(self) -> list[Delta]:
        """Return what is owed at the end: a finish where a server only said [DONE], then the usage.

        Raises:
            EngineBroke: the stream was cut off.
        """
        unfinished = [index for index, finished in self._choices.items() if not finished]
        if not self._choices or (unfinished and not self.done):
            raise EngineBroke("The engine broke off before its answer was finished.")
        deltas = [Delta(choice=index, finish_reason=self._reason(index, "stop")) for index in unfinished]
        return [*deltas, Delta(usage=self._usage)] if self._usage else deltas

    def _chunk(self, chunk: Json, deltas: list[Delta]) -> None:
        if error := chunk.get("error"):
            raise stream_error(error)
        if self.fingerprint is None:
            self.fingerprint = chunk.get("system_fingerprint") or ""
        for choice in chunk.get("choices") or ():
            self._choice(choice, deltas)
        if usage := chunk.get("usage"):
            self._usage = _usage(usage)  # some servers send a running total with every chunk: the last one counts

    def _choice(self, choice: Json, deltas: list[Delta]) -> None:
        index = choice.get("index") or 0
        piece = choice.get("delta") or {}
        content, reason = piece.get("content"), choice.get("finish_reason")
        reasoning = piece.get("reasoning_content") or piece.get("reasoning")
        if index not in self._choices:
            self._choices[index] = False
        if content or reasoning:
            deltas.append(Delta(content or None, index, reasoning or None, None, choice.get("logprobs")))
        if calls := piece.get("tool_calls"):
            deltas += [Delta(choice=index, tool_calls=[call]) for call in self._tool_calls(index, calls)]
        if reason and not self._choices[index]:
            if reason in _BROKEN:
                raise EngineBroke("The engine gave the answer up.")
            self._choices[index] = True
            deltas.append(Delta(choice=index, finish_reason=self._reason(index, reason)))

    def _reason(self, index: int, reason: str) -> FinishReason:
        known = _FINISH.get(reason, "stop")
        called = any(choice == index for choice, _ in self._calls)
        return "tool_calls" if called and known == "stop" else known

    def _tool_calls(self, index: int, calls: list[Json]) -> list[Json]:
        pieces: list[Json] = []
        for position, call in enumerate(calls):
            number = call.get("index", position)
            function = call.get("function") or {}
            if (index, number) not in self._calls:
                self._calls.add((index, number))
                name = {"name": function.get("name") or "", "arguments": ""}
                ident = call.get("id") or f"call_{secrets.token_hex(12)}"
                pieces.append({"index": number, "id": ident, "type": "function", "function": name})
            if arguments := function.get("arguments"):
                text = arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()
                pieces.append({"index": number, "function": {"arguments": text}})
        return pieces


def _parse(payload: bytes) -> Json:
    try:
        chunk: Any = orjson.loads(payload)
    except orjson.JSONDecodeError:
        raise EngineBroke("The engine sent an event that is not JSON.") from None
    if not isinstance(chunk, dict):
        raise EngineBroke("The engine sent an event that is not a chunk of an answer.")
    return chunk


def _usage(usage: Json) -> Usage:
    details = usage.get("prompt_tokens_details") or {}
    return Usage(
        prompt_tokens=usage.get("prompt_tokens") or 0,
        completion_tokens=usage.get("completion_tokens") or 0,
        cached_tokens=details.get("cached_tokens") or 0,
    )
