"""Reads tool calls out of an answer's text. Pure, save that `read` reads.

Models write calls in the form that their template taught them, and often in another: in a code block, behind a tag, as a
list. Where the engine has not made them `tool_calls`, this does. At the beginning of a text any of these forms is a call,
later on only what stands behind `<tool_call>`.

Invariant: a text that is no call reaches the client unchanged, and calls reach it as `tool_calls` and nothing else, however
the engine cuts the text into deltas (`tests/chat/test_calls.py` cuts it at every place).
"""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from mecum.types import Delta, FinishReason

MAX_HEAD: Final = 400  # characters within which a call has named its tool; what goes on longer is text
TAG: Final = "<tool_call>"
_AROUND: Final = (TAG, "</tool_call>", "[TOOL_CALLS]", "```json", "```tool_call")  # … and a bare fence, brackets, commas
_LEAD: Final = re.compile(r"(?:\s|</?tool_call>|\[TOOL_CALLS\]|```(?:json|tool_call)?(?=[\s{\[<]|\Z)|\[(?!T)|[\],;])*")
_SPACE: Final = (r"\s*",)
_TYPE: Final = (*_SPACE, *'"type"', *_SPACE, ":", *_SPACE, *'"function"', *_SPACE, ",")
_NAME: Final = (*_SPACE, *'"name"', *_SPACE, ":", *_SPACE, '"', r'[^"\\]', r'[^"\\]*', '"', *_SPACE, ",", *_SPACE)


def _head(key: str, *, typed: bool) -> tuple[str, ...]:
    """Return the beginning of a call, up to its arguments, as a row of patterns."""
    start = (r"\{", r"\{?", *(_TYPE if typed else ()))  # some templates teach two braces by mistake
    return (*start, *_NAME, *f'"{key}"', *_SPACE, ":", *_SPACE)


def _begun(parts: Sequence[str]) -> str:
    """Return a pattern for what a text that matches these parts can begin with."""
    pattern = r"\Z"
    for part in reversed(parts):
        pattern = rf"(?:\Z|{part}{pattern})"
    return pattern


_HEADS: Final = [_head(key, typed=typed) for key, typed in itertools.product(("arguments", "parameters"), (False, True))]
_HEAD: Final = [re.compile("".join(head).replace(r'[^"\\][^"\\]*', r'([^"\\]+)') + r"(?=\S)") for head in _HEADS]
_BEGUN: Final = re.compile("|".join(map(_begun, _HEADS)))


@dataclass(frozen=True, slots=True)
class Reading:
    """How the text is to be read: what has the form of a call is one if its name is among these.

    `single` says that there may be one call only.
    """

    names: frozenset[str]
    single: bool = False


async def read(batches: AsyncIterable[Sequence[Delta]], reading: Reading) -> AsyncGenerator[Sequence[Delta], None]:
    """Yield the batches with calls in place of the text that makes them."""
    readers: dict[int, _Reader] = {}
    async for batch in batches:
        read_batch: list[Delta] = []
        for delta in batch:
            reader = readers.setdefault(delta.choice, _Reader(reading, delta.choice))
            read_batch += reader.read(delta)
        if read_batch:
            yield read_batch


class _Reader:
    """Reads one choice: undecided at first, then a text, or one call after the other."""

    def __init__(self, reading: Reading, choice: int) -> None:
        self._reading = reading
        self._choice = choice
        self._held = ""
        self._is_text = False
        self._call: _Call | None = None  # the one that is being read
        self._calls = 0
        self._theirs = False  # the engine reads the calls
        self._closed = False  # no call is looked for any more

    def read(self, delta: Delta) -> Iterator[Delta]:
        if delta.tool_calls and self._calls:  # some servers send a call twice: as the model wrote it, then read
            delta = delta._replace(tool_calls=None)
        elif delta.tool_calls and not self._theirs:
            yield from self._leave_it()
        other = delta._replace(content=None, finish_reason=None)
        if other != Delta(choice=self._choice) or other == delta:
            yield other
        if delta.content:
            self._held += delta.content
            yield from self._advance()
        if delta.finish_reason:
            yield from self._finish(delta.finish_reason)

    def _leave_it(self) -> Iterator[Delta]:
        """Pass the rest on as it comes: two who read calls would number them twice."""
        self._theirs = self._closed = self._is_text = True
        yield from self._say(len(self._held))

    def _advance(self) -> Iterator[Delta]:
        while self._held:
            if self._call:
                yield from self._go_on(self._call)
            elif self._is_text:
                if not (yield from self._skip_to_tag()):
                    return
            elif not (yield from self._begin()) and not self._is_text:
                return

    def _go_on(self, call: _Call) -> Iterator[Delta]:
        arguments, behind = call.read(self._held)
        if arguments:
            yield self._piece(function={"arguments": arguments})
        self._held = behind or ""
        if behind is not None:
            self._call = None
            self._is_text = self._closed = self._reading.single

    def _begin(self) -> Generator[Delta, None, bool]:
        """Decide whether a call begins here, and say it; return whether one does. Undecided, it holds what has come."""
        lead = _LEAD.match(self._held)
        start = lead.end() if lead else 0
        found = next((head for pattern in _HEAD if (head := pattern.match(self._held, start))), None)
        if found and found[1] in self._reading.names:
            self._held = self._held[found.end() :]
            self._call = _Call()
            self._calls += 1
            function = {"name": found[1], "arguments": ""}
            yield self._piece(id=f"call_{secrets.token_hex(16)}", type="function", function=function)
            return True
        if found or len(self._held.lstrip()) > MAX_HEAD or not _may_begin(self._held[start:]):
            yield from self._say(len(TAG) if self._held.startswith(TAG) else 0)  # or it would be found again
            self._is_text = True
        return False

    def _skip_to_tag(self) -> Generator[Delta, None, bool]:
        """Say the text up to a tag that a call may stand behind; return whether there is one."""
        at = -1 if self._closed else self._held.find(TAG)
        if at >= 0:
            yield from self._say(at)
            self._is_text = False
            return True
        kept = 0 if self._closed else _tail(self._held)
        yield from self._say(len(self._held) - kept)
        return False

    def _say(self, length: int) -> Iterator[Delta]:
        piece, self._held = self._held[:length], self._held[length:]
        if piece and (self._theirs or not self._calls):  # what a model still says behind a call of ours is no part of it
            yield Delta(piece, self._choice)

    def _finish(self, reason: FinishReason) -> Iterator[Delta]:
        if self._call and (arguments := self._call.rest()):
            yield self._piece(function={"arguments": arguments})
        yield from self._say(len(self._held))
        yield Delta(choice=self._choice, finish_reason="tool_calls" if self._calls and reason == "stop" else reason)

    def _piece(self, **fields: object) -> Delta:
        return Delta(choice=self._choice, tool_calls=[{"index": self._calls - 1, **fields}])


def _may_begin(rest: str) -> bool:
    """Return whether what stands behind a lead may still become a call."""
    return bool(_BEGUN.match(rest)) or any(form.startswith(rest) for form in _AROUND)


def _tail(text: str) -> int:
    """Return how many characters at the end of a text may be the beginning of a tag."""
    at = text.rfind("<", -len(TAG))
    return len(text) - at if at >= 0 and TAG.startswith(text[at:]) else 0


class _Call:
    """Reads a call from its arguments to the brace that closes it.

    Arguments are an object, and come as they are written. Models also write that object into a string, or null: such are
    held until they are whole.
    """

    def __init__(self) -> None:
        self._depth = 1
        self._quoted = False
        self._escaped = False
        self._ended = False  # the arguments are complete
        self._begun = False
        self._held: str | None = None  # what is no object, or list

    def read(self, text: str) -> tuple[str, str | None]:
        """Return what of the text belongs to the arguments, and what stands behind the call (None: it goes on)."""
        if text and not self._begun:
            self._begun = True
            self._held = None if text[0] in "{[" else ""
        arguments: list[str] = []
        for position, character in enumerate(text):
            self._step(character)
            self._ended |= self._depth == 0 or (self._depth == 1 and not self._quoted and character == ",")
            if self._depth == 0:
                return self._out("".join(arguments)), text[position + 1 :]
            if not self._ended:
                arguments.append(character)
            self._ended |= self._depth == 1 and not self._quoted and character in "}]"
        return self._out("".join(arguments)), None

    def rest(self) -> str:
        """Return what is still held of a call that breaks off."""
        held, self._held = self._held, None
        return held or ""

    def _out(self, arguments: str) -> str:
        if self._held is None:
            return arguments
        self._held += arguments
        return _object(self.rest()) if self._ended else ""

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


def _object(written: str) -> str:
    """Return the object that arguments mean which are none; as they are written where they mean none."""
    if written.strip() in ("", "null", '""'):
        return "{}"
    try:
        inside = orjson.loads(written)
        return inside if isinstance(orjson.loads(inside), dict) else written
    except orjson.JSONDecodeError:
        return written
