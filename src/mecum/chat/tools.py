"""Tools for models whose chat template knows none. Pure, save that `read` reads.

Such a template drops `tools` and `tool_choice` without a word (`rulings.md` 7), so we say in the system message which tools
there are, and read the call out of the text. Where a call is forced, a JSON schema forces the text to be one. Templates
that know tools are left to the engine.

Invariant: a text that is no call reaches the client unchanged, and a call reaches it as `tool_calls` and nothing else,
however the engine cuts the text into deltas (`tests/chat/test_tools.py` cuts it at every place).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace

import orjson

from mecum.chat.messages import join, normalise, text_of
from mecum.engine.base import Reply, Traits
from mecum.errors import InvalidRequest
from mecum.types import Delta, FinishReason, Json, Message, Prompt

MAX_HEAD = 400  # characters within which a call has named its tool; a longer text that begins with "{" is text
_HEAD = re.compile(r'\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"arguments"\s*:\s*')
_TAIL = re.compile(r"\s*\}?\s*$")
_INSTRUCTION = """You can call these tools:
{tools}
To call one, answer with nothing but JSON of this form: {{"name": "…", "arguments": {{…}}}}"""


@dataclass(frozen=True, slots=True)
class Reading:
    """How the text is to be read: the tools' names, and whether it must be a call."""

    names: frozenset[str]
    forced: bool


def flatten(messages: tuple[Message, ...], traits: Traits) -> tuple[Message, ...]:
    """Return past calls and results as plain turns, where the template knows none."""
    return messages if traits.tools else tuple(map(_as_text, messages))


def adapt(prompt: Prompt, traits: Traits) -> tuple[Prompt, Reading | None]:
    """Return the prompt as the template takes it, and how to read the answer (None: as it is).

    Raises:
        InvalidRequest: `tool_choice` names a tool that is not there.
    """
    if traits.tools:
        return prompt, None
    tools = _offered(prompt)
    if not tools:
        return replace(prompt, sampling=replace(prompt.sampling, tools=(), tool_choice=None)), None
    forced = prompt.sampling.tool_choice not in (None, "auto")
    sampling = replace(
        prompt.sampling,
        tools=(),
        tool_choice=None,
        response_format=_call_format(tools) if forced else prompt.sampling.response_format,
    )
    adapted = replace(prompt, messages=_instructed(prompt.messages, tools, traits), sampling=sampling)
    return adapted, Reading(frozenset(tool["name"] for tool in tools), forced)


async def read(reply: Reply, reading: Reading) -> AsyncIterator[Sequence[Delta]]:
    """Yield the reply's batches with calls in place of the text that makes them."""
    readers: dict[int, _Reader] = {}
    async for batch in reply:
        read_batch: list[Delta] = []
        for delta in batch:
            if delta.usage or (delta.content is None and delta.finish_reason is None):
                read_batch.append(delta)
            else:
                reader = readers.setdefault(delta.choice, _Reader(reading, delta.choice))
                read_batch += reader.read(delta)
        if read_batch:
            yield read_batch


class _Reader:
    """Reads one choice. Its text is undecided, then either a text or a call."""

    def __init__(self, reading: Reading, choice: int) -> None:
        self._reading = reading
        self._choice = choice
        self._held = ""
        self._kind: str | None = None

    def read(self, delta: Delta) -> Iterator[Delta]:
        if delta.content:
            self._held += delta.content
            yield from self._advance()
        if delta.finish_reason:
            yield from self._finish(delta.finish_reason)

    def _advance(self) -> Iterator[Delta]:
        if self._kind is None:
            yield from self._decide()
        if self._kind == "text":
            yield from self._release(len(self._held), as_call=False)
        elif self._kind == "call":  # the last brace closes the call, not its arguments
            tail = _TAIL.search(self._held)
            yield from self._release(tail.start() if tail else len(self._held), as_call=True)

    def _decide(self) -> Iterator[Delta]:
        start = self._held.lstrip()
        if head := _HEAD.match(self._held):
            name = orjson.loads(head[1])
            self._kind = "call" if name in self._reading.names else "text"
            if self._kind == "call":
                self._held = self._held[head.end() :]
                function = {"name": name, "arguments": ""}
                yield self._call(id=f"call_{secrets.token_hex(12)}", type="function", function=function)
        elif (start and start[0] != "{") or len(start) > MAX_HEAD:
            self._kind = "text"

    def _release(self, end: int, *, as_call: bool) -> Iterator[Delta]:
        piece, self._held = self._held[:end], self._held[end:]
        if piece:
            yield self._call(function={"arguments": piece}) if as_call else Delta(piece, self._choice)

    def _finish(self, reason: FinishReason) -> Iterator[Delta]:
        if self._kind == "call":
            yield from self._release(len(self._held.rstrip().removesuffix("}").rstrip()), as_call=True)
            yield Delta(choice=self._choice, finish_reason="tool_calls" if reason == "stop" else reason)
        else:
            yield from self._release(len(self._held), as_call=False)
            yield Delta(choice=self._choice, finish_reason=reason)

    def _call(self, **fields: object) -> Delta:
        return Delta(choice=self._choice, tool_calls=[{"index": 0, **fields}])


def _offered(prompt: Prompt) -> list[Json]:
    """Return the functions that may be called now."""
    chosen = prompt.sampling.tool_choice
    functions: list[Json] = [tool["function"] for tool in prompt.sampling.tools]
    if chosen == "none":
        return []
    if not isinstance(chosen, dict):
        return functions
    name = chosen["function"]["name"]
    named = [function for function in functions if function["name"] == name]
    if not named:
        raise InvalidRequest(f"tool_choice names '{name}', which is not among the tools.", param="tool_choice")
    return named


def _call_format(tools: list[Json]) -> Json:
    """Return the response_format that allows nothing but a call of one of the tools."""
    definitions: Json = {}
    calls = [_call_schema(tool, definitions) for tool in tools]
    schema = calls[0] if len(calls) == 1 else {"anyOf": calls}
    if definitions:
        schema = {**schema, "$defs": definitions}
    return {"type": "json_schema", "json_schema": {"name": "tool_call", "schema": schema}}


def _call_schema(tool: Json, definitions: Json) -> Json:
    parameters: Json = dict(tool.get("parameters") or {"type": "object"})
    for name, definition in (parameters.pop("$defs", None) or {}).items():  # "#/$defs/…" is looked up at the root
        if definitions.setdefault(name, definition) != definition:
            raise InvalidRequest(f"Two tools define different '$defs/{name}'. Rename one.", param="tools")
    return {
        "type": "object",
        "properties": {"name": {"const": tool["name"]}, "arguments": parameters},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def _instructed(messages: tuple[Message, ...], tools: list[Json], traits: Traits) -> tuple[Message, ...]:
    """Say behind the system message which tools there are."""
    lines = "\n".join(orjson.dumps(tool).decode() for tool in tools)
    instruction = _INSTRUCTION.format(tools=lines)
    system = messages[:1] if messages and messages[0].role == "system" else ()
    return normalise((*system, Message("system", instruction), *messages[len(system) :]), traits)


def _as_text(message: Message) -> Message:
    """Return past calls and results as plain turns, in the form that the instruction asks for."""
    if message.tool_calls:
        calls = "\n".join(
            f'{{"name": {orjson.dumps(call["function"]["name"]).decode()}, "arguments": {call["function"]["arguments"]}}}'
            for call in message.tool_calls
        )
        return replace(message, content=join(message.content, calls), tool_calls=())
    if message.role == "tool":
        return Message("user", f"The tool's result:\n{text_of(message)}")
    return message
