"""Tools for models whose chat template knows none. Pure, save that `read` reads.

Such a template drops `tools` and `tool_choice` without a word (`rulings.md` 7), so we say in the system message which tools
there are, and read the call out of the text. Where a call is forced, a JSON schema forces the text to be one. Templates
that know tools are left to the engine.

Invariant: a text that is no call reaches the client unchanged, and calls reach it as `tool_calls` and nothing else, however
the engine cuts the text into deltas (`tests/chat/test_tools.py` cuts it at every place).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncGenerator, Generator, Iterator, Sequence
from dataclasses import dataclass, replace

import orjson

from mecum.chat.messages import join, normalise, text_of
from mecum.engine.base import Reply, Traits
from mecum.errors import InvalidRequest
from mecum.types import Delta, FinishReason, Json, Message, Prompt

MAX_HEAD = 400  # characters within which a call has named its tool; a longer text that begins with "{" is text
_HEAD = re.compile(r'\s*\{\s*"name"\s*:\s*"([^"\\]*)"\s*,\s*"arguments"\s*:\s*(?=\S)')
_INSTRUCTION = """You can call these tools:
{tools}
To call one, answer with nothing but JSON of this form: {{"name": "…", "arguments": {{…}}}}"""


@dataclass(frozen=True, slots=True)
class Reading:
    """How the text is to be read: what has the form of a call is one if its name is among these."""

    names: frozenset[str]


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
    sampling = replace(prompt.sampling, tools=(), tool_choice=None, parallel_tool_calls=None)
    if not tools:
        return replace(prompt, sampling=sampling), None
    if prompt.sampling.tool_choice not in (None, "auto"):
        sampling = replace(sampling, response_format=_call_format(tools))
    adapted = replace(prompt, messages=_instructed(prompt.messages, tools, traits), sampling=sampling)
    return adapted, Reading(frozenset(tool["name"] for tool in tools))


async def read(reply: Reply, reading: Reading) -> AsyncGenerator[Sequence[Delta], None]:
    """Yield the reply's batches with calls in place of the text that makes them."""
    readers: dict[int, _Reader] = {}
    async for batch in reply:
        read_batch: list[Delta] = []
        for delta in batch:
            reader = readers.setdefault(delta.choice, _Reader(reading, delta.choice))
            read_batch += reader.read(delta)
        if read_batch:
            yield read_batch


class _Reader:
    """Reads one choice: undecided at first, then a text to its end, or one call after the other."""

    def __init__(self, reading: Reading, choice: int) -> None:
        self._reading = reading
        self._choice = choice
        self._held = ""
        self._is_text = False
        self._call: _Call | None = None  # the one that is being read
        self._calls = 0

    def read(self, delta: Delta) -> Iterator[Delta]:
        other = delta._replace(content=None, finish_reason=None)
        if other != Delta(choice=self._choice) or other == delta:
            yield other
        if delta.content:
            self._held += delta.content
            yield from self._advance()
        if delta.finish_reason:
            yield from self._finish(delta.finish_reason)

    def _advance(self) -> Iterator[Delta]:
        while self._held and (call := self._call or (yield from self._begin())):
            arguments, behind = call.read(self._held)
            if arguments:
                yield self._piece(function={"arguments": arguments})
            self._held = behind or ""
            if behind is not None:
                self._call = None
        if self._is_text:
            yield from self._say()

    def _begin(self) -> Generator[Delta, None, _Call | None]:
        """Decide whether a call begins here; one that does is said, and returned."""
        head = None if self._is_text else _HEAD.match(self._held)
        if head and head[1] in self._reading.names:
            self._held = self._held[head.end() :]
            self._call = _Call()
            self._calls += 1
            function = {"name": head[1], "arguments": ""}
            yield self._piece(id=f"call_{secrets.token_hex(16)}", type="function", function=function)
            return self._call
        start = self._held.lstrip()
        if head or (start and start[0] != "{") or len(start) > MAX_HEAD:
            self._is_text = True
        return None

    def _say(self) -> Iterator[Delta]:
        piece, self._held = self._held, ""
        if piece and not self._calls:  # what a model still says behind a call is no part of it
            yield Delta(piece, self._choice)

    def _finish(self, reason: FinishReason) -> Iterator[Delta]:
        yield from self._say()
        yield Delta(choice=self._choice, finish_reason="tool_calls" if self._calls and reason == "stop" else reason)

    def _piece(self, **fields: object) -> Delta:
        return Delta(choice=self._choice, tool_calls=[{"index": self._calls - 1, **fields}])


class _Call:
    """Reads a call from its arguments to the brace that closes it."""

    def __init__(self) -> None:
        self._depth = 1
        self._quoted = False
        self._escaped = False
        self._ended = False  # the arguments are complete

    def read(self, text: str) -> tuple[str, str | None]:
        """Return what of the text belongs to the arguments, and what stands behind the call (None: it goes on)."""
        arguments: list[str] = []
        for position, character in enumerate(text):
            self._step(character)
            if self._depth == 0:
                return "".join(arguments), text[position + 1 :]
            if not self._ended:
                arguments.append(character)
            self._ended |= self._depth == 1 and not self._quoted and character in "}]"
        return "".join(arguments), None

    def _step(self, character: str) -> None:
        if self._escaped:
            self._escaped = False
        elif self._quoted:
            self._escaped = character == "\\"
            self._quoted = character != '"'
        elif character in "{[":
            self._depth += 1
        elif character in "}]":
            self._depth -= 1
        else:
            self._quoted = character == '"'


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
    schema = {**(calls[0] if len(calls) == 1 else {"anyOf": calls}), **definitions}
    return {"type": "json_schema", "json_schema": {"name": "tool_call", "schema": schema}}


def _call_schema(tool: Json, definitions: Json) -> Json:
    parameters: Json = dict(tool.get("parameters") or {"type": "object"})
    for keyword in ("$defs", "definitions"):  # what they hold is looked up at the root
        for name, definition in (parameters.pop(keyword, None) or {}).items():
            if definitions.setdefault(keyword, {}).setdefault(name, definition) != definition:
                raise InvalidRequest(f"Two tools define different '{keyword}/{name}'. Rename one.", param="tools")
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
        calls = "\n".join(_call_text(call["function"]) for call in message.tool_calls)
        return replace(message, content=join(message.content, calls), tool_calls=())
    if message.role == "tool":
        return Message("user", f"The tool's result:\n{text_of(message)}")
    return message


def _call_text(function: Json) -> str:
    return f'{{"name": {orjson.dumps(function["name"]).decode()}, "arguments": {function["arguments"] or "{}"}}}'
