"""Our values to OpenAI's JSON and back: a Prompt becomes a request body, a chunk's JSON becomes Deltas.

Invariants (`tests/engine/test_codec.py`): whatever a server's chunks look like, what comes out keeps the rules of `Reply`: a
finish for each choice, the usage at most once and last, tool calls with `index`, `id`, `type` and name first and arguments
after. What is no chunk, or has a field of the wrong type, is `EngineBroke`, never another exception.
Source: https://platform.openai.com/docs/api-reference/chat/streaming.
"""

from __future__ import annotations

import dataclasses
import secrets
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

import orjson

from mecum.engine.foreign import stream_error
from mecum.errors import EngineBroke, MecumError
from mecum.types import Delta, FinishReason, Json, Message, Prompt, Sampling, Usage

T = TypeVar("T")
DONE: Final = b"[DONE]"
_FINISH: Final[dict[str, FinishReason]] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}
_BROKEN: Final = ("error", "abort")  # vLLM's words for an answer that it gave up
_SAMPLING: Final = tuple((option.name, option.default) for option in dataclasses.fields(Sampling))


def encode(prompt: Prompt, *, reasoning: bool = False) -> Json:
    """Return the body of a streaming chat request. What the prompt leaves open is left out.

    `reasoning` says that past thoughts go with their messages: some servers elsewhere refuse them.
    """
    sampling = {name: value for name, usual in _SAMPLING if (value := getattr(prompt.sampling, name)) != usual}
    return {
        "model": prompt.model,
        "messages": [encode_message(message, reasoning=reasoning) for message in prompt.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        **sampling,
    }


def encode_message(message: Message, *, reasoning: bool = False) -> Json:
    """Return one message as the protocol has it."""
    fields: Json = {"role": message.role, "content": message.content}
    for name in ("name", "tool_calls", "tool_call_id"):
        if value := getattr(message, name):
            fields[name] = value
    if reasoning and message.reasoning:
        fields["reasoning_content"] = message.reasoning
    return fields


class Decoder:
    """Turns the payloads of one answer's events into Deltas, and knows whether the answer is whole.

    `choices` is how many were asked for. `fingerprint` is what the server called its `system_fingerprint`, once a chunk has
    come. `failure` is what is wrong with the next payload: what came before it, perhaps in the same read, is passed on.
    """

    def __init__(self, choices: int = 1) -> None:
        self.fingerprint: str | None = None
        self.done = False
        self.failure: MecumError | None = None
        self._asked = choices
        self._choices: dict[int, _Choice] = {}
        self._usage: Usage | None = None
        self._usage_is_running = False

    def feed(self, payloads: list[bytes]) -> list[Delta]:
        """Return the deltas of these payloads; the usage is kept for `end`.

        Raises:
            EngineBroke: the first payload that says anything is not a chunk.
            MecumError: it is an error, mapped as `foreign` does.
        """
        deltas: list[Delta] = []
        try:
            for payload in payloads:
                if payload.startswith(DONE):
                    self.done = True
                    break
                self._chunk(_parse(payload), deltas)
        except MecumError as error:
            if not deltas:
                raise
            self.failure = error
        return deltas

    def end(self) -> list[Delta]:
        """Return what is owed at the end: a finish where a server only said [DONE], then the usage.

        Raises:
            EngineBroke: the stream was cut off, or lacks a choice.
            MecumError: its `failure`.
        """
        if self.failure:
            raise self.failure
        unfinished = [index for index, choice in self._choices.items() if not choice.finished]
        missing = len(self._choices) < self._asked
        if not self._choices or (not self.done and (unfinished or missing)):
            raise EngineBroke("The engine broke off before its answer was finished.")
        if missing:
            raise EngineBroke(f"The engine gave fewer answers than the {self._asked} that were asked for (n).")
        deltas = [Delta(choice=index, finish_reason=self._choices[index].reason("stop")) for index in unfinished]
        return [*deltas, Delta(usage=self._usage)] if self._usage else deltas

    def _chunk(self, chunk: Json, deltas: list[Delta]) -> None:
        if error := chunk.get("error"):
            raise stream_error(error)
        if self.fingerprint is None:
            self.fingerprint = _as(str, chunk.get("system_fingerprint"))
        choices = _as(list, chunk.get("choices"))
        for choice in choices:
            self._piece(_as(dict, choice), deltas)
        if usage := chunk.get("usage"):
            self._take_usage(_usage(usage), is_running=bool(choices))

    def _take_usage(self, usage: Usage, *, is_running: bool) -> None:
        """Keep the last of the running totals that come beside pieces; add up what llama.cpp says behind each choice."""
        if not is_running and self._usage and not self._usage_is_running:
            usage = replace(usage, completion_tokens=usage.completion_tokens + self._usage.completion_tokens)
        self._usage, self._usage_is_running = usage, is_running

    def _piece(self, piece: Json, deltas: list[Delta]) -> None:
        index = _as(int, piece.get("index"))
        choice = self._choices.get(index) or self._choices.setdefault(index, _Choice())
        new = _as(dict, piece.get("delta"))
        content = new.get("content") or new.get("refusal")
        reasoning = new.get("reasoning_content") or new.get("reasoning")
        logprobs = _logprobs(piece.get("logprobs"))
        if content or reasoning or logprobs:
            deltas.append(Delta(_as(str, content) or None, index, _as(str, reasoning) or None, None, logprobs))
        if calls := new.get("tool_calls"):
            deltas += [
                Delta(choice=index, tool_calls=[part]) for call in _as(list, calls) for part in choice.call(_as(dict, call))
            ]
        if (reason := piece.get("finish_reason")) and not choice.finished:
            choice.finished = True
            deltas.append(Delta(choice=index, finish_reason=choice.reason(_as(str, reason))))


@dataclass(slots=True)
class _Choice:
    """What is known of one choice so far. `calls` are the server's own index and id of each tool call."""

    finished: bool = False
    calls: list[tuple[int | None, str]] = field(default_factory=list)

    def reason(self, said: str) -> FinishReason:
        if said in _BROKEN:
            raise EngineBroke("The engine gave the answer up.")
        known = _FINISH.get(said, "stop")
        return "tool_calls" if self.calls and known == "stop" else known

    def call(self, call: Json) -> list[Json]:
        """Return a piece of a tool call as the protocol has it: the start first, if it is one, then arguments."""
        function = _as(dict, call.get("function"))
        name, arguments = _as(str, function.get("name")), function.get("arguments")
        index, ident = _index(call), _as(str, call.get("id"))
        number = self._known(index, ident, name)
        pieces: list[Json] = []
        if number is None:
            number = len(self.calls)
            self.calls.append((index, ident))
            start = {"name": name, "arguments": ""}
            ident = ident or f"call_{secrets.token_hex(16)}"
            pieces.append({"index": number, "id": ident, "type": "function", "function": start})
        if arguments:
            pieces.append({"index": number, "function": {"arguments": _json_text(arguments)}})
        return pieces

    def _known(self, index: int | None, ident: str, name: str) -> int | None:
        """Return which call a piece goes on with, None if it begins one.

        Servers number their calls, or only give ids, or neither; some number all of them 0, some give every piece a new
        id. What holds for all is that a piece with a name begins a call, unless index or id say that it is the same.
        """
        if not self.calls:
            return None
        same_index = [number for number, (i, _) in enumerate(self.calls) if index is not None and i == index]
        same_id = [number for number, (_, d) in enumerate(self.calls) if ident and d == ident]
        if same_id and (same_index or index is None):
            return same_id[-1]
        if not name:
            return (same_index or [len(self.calls) - 1])[-1]
        return same_index[-1] if same_index and not ident else None


def _as(kind: type[T], value: object) -> T:
    """Return a field of a chunk as what it must be; null and empty values are an empty one."""
    if isinstance(value, kind):
        return value
    if value:
        raise EngineBroke(f"The engine sent a chunk with a field of the wrong type ({kind.__name__} expected).")
    return kind()


def _parse(payload: bytes) -> Json:
    try:
        chunk: Any = orjson.loads(payload)
    except orjson.JSONDecodeError:
        raise EngineBroke("The engine sent an event that is not JSON.") from None
    if not isinstance(chunk, dict):
        raise EngineBroke("The engine sent an event that is not a chunk of an answer.")
    return chunk


def _index(call: Json) -> int | None:
    return None if call.get("index") is None else _as(int, call["index"])


def _json_text(value: object) -> str:
    """Return arguments as text; some servers send them as an object."""
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        raise EngineBroke("The engine sent a tool call whose arguments are nested too deep.") from None


def _logprobs(value: object) -> Json | None:
    if not value:
        return None
    logprobs = _as(dict, value)
    return logprobs if _as(list, logprobs.get("content")) else None


def _usage(value: object) -> Usage:
    usage = _as(dict, value)
    details = _as(dict, usage.get("prompt_tokens_details"))
    return Usage(
        prompt_tokens=_as(int, usage.get("prompt_tokens")),
        completion_tokens=_as(int, usage.get("completion_tokens")),
        cached_tokens=_as(int, details.get("cached_tokens")),
    )
