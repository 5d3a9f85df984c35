r"""A deterministic engine without a model, for tests and `mecum serve --demo`.

It answers "You said: …" word by word, and obeys lines of the last user message that begin with `!`:

    !say TEXT             say it, word by word ("\n" is a new line)
    !chars TEXT           say it, one character a delta
    !words N              say N numbered words
    !reason TEXT          reason first
    !tool NAME {…}        call a tool with these arguments (several lines: several calls)
    !json {…}             say it in one piece
    !finish REASON        end with stop, length or content_filter
    !wait SECONDS         be silent in the middle of the answer
    !pause SECONDS        wait this long after each following delta
    !silent SECONDS       be silent before the answer is accepted
    !refuse CODE          refuse before the answer begins: 400, 429, 500, 502 or 503
    !break                break off here

A request that forces a tool, or a JSON schema, gets a minimal fitting one. Tokens are words; everything is counted for real.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass

import orjson

from mecum.engine.base import AlwaysLoaded, Model, Status, Traits
from mecum.errors import ContextTooLong, EngineBroke, EngineDown, InvalidRequest, MecumError, ModelLoading, QueueFull
from mecum.types import Delta, FinishReason, Json, Message, Prompt, Sampling, Usage

CONTEXT = 8192  # words
_BEFORE = ("silent", "refuse")  # what happens before an answer begins
_WORD = re.compile(r"\s*\S+|\s+$")
_DIRECTIVE = re.compile(r"^!(\w+)(?: ([^\r\n]*))?\r?$", re.MULTILINE)


class Scripted(AlwaysLoaded):
    """The engine. `slots` bounds nothing by itself: the queue does. `delay` is seconds between two deltas."""

    def __init__(self, *, slots: int = 4, delay: float = 0, name: str = "scripted") -> None:
        self._model = Model(
            name=name,
            fingerprint="fp_scripted01",
            context=CONTEXT,
            slots=slots,
            created=1_700_000_000,
            traits=Traits(forces_calls=True),
        )
        self._delay = delay
        self._running = False
        self.open_replies = 0  # tests see here that nothing leaks

    async def start(self) -> None:
        """Be ready."""
        self._running = True

    async def aclose(self) -> None:
        """Be stopped."""
        self._running = False

    def status(self) -> Status:
        """Return ready, or stopped."""
        return Status(
            state="ready" if self._running else "stopped", kind="scripted", models=(self._model,), version="scripted"
        )

    async def ready(self) -> None:
        """Return at once, unless it was stopped."""
        if not self._running:
            raise EngineDown("The scripted engine is stopped.")

    async def count(self, prompt: Prompt) -> int:
        """Return the words of all messages."""
        return sum(len(_text(message).split()) for message in prompt.messages)

    async def chat(self, prompt: Prompt) -> ScriptedReply:
        """Open an answer, or refuse as the script says."""
        await self.ready()
        words = await self.count(prompt)
        if words >= CONTEXT:
            raise ContextTooLong(prompt_tokens=words, context=CONTEXT)
        script = _script(prompt)
        for step in script:
            if step.name == "silent":
                await asyncio.sleep(float(step.value))
            if step.name == "refuse":
                raise _refusal(int(step.value))
        return ScriptedReply(self, prompt, script, prompt_tokens=words, delay=self._delay)


@dataclass(frozen=True, slots=True)
class _Step:
    name: str
    value: str = ""


class ScriptedReply:
    """A scripted answer (`mecum.engine.base.Reply`)."""

    def __init__(self, engine: Scripted, prompt: Prompt, script: list[_Step], *, prompt_tokens: int, delay: float) -> None:
        self._engine = engine
        self._prompt = prompt
        self._script = script
        self._prompt_tokens = prompt_tokens
        self._delay = delay
        self._deltas = self._play()
        self._open = True
        engine.open_replies += 1

    def __aiter__(self) -> AsyncIterator[Sequence[Delta]]:
        return self

    async def __anext__(self) -> Sequence[Delta]:
        return (await anext(self._deltas),)

    async def aclose(self) -> None:
        """Stop saying it."""
        if self._open:
            self._open = False
            self._engine.open_replies -= 1
        await self._deltas.aclose()

    async def _play(self) -> AsyncGenerator[Delta, None]:
        # One asynchronous generator around plain ones: those inside another would outlive its end.
        completion_tokens = 0
        for choice in range(self._prompt.sampling.n):
            said = _Choice(self._prompt.sampling, self._script, self._delay)
            for step in said.play():
                if isinstance(step, Delta):
                    yield step._replace(choice=choice)
                else:
                    await asyncio.sleep(step)
            completion_tokens += said.tokens
        yield Delta(usage=Usage(self._prompt_tokens, completion_tokens))


class _Choice:
    """One choice of an answer. `tokens` counts what it has said."""

    def __init__(self, sampling: Sampling, script: list[_Step], delay: float) -> None:
        self._sampling = sampling
        self._script = script
        self._delay = delay
        self._calls = 0
        self.tokens = 0

    def play(self) -> Iterator[Delta | float]:
        """Yield the deltas, and between them how long to be silent, in seconds."""
        finish: FinishReason | None = None
        for step in self._script:
            if step.name == "finish":
                finish = step.value  # type: ignore[assignment] # a script may try nonsense
            elif (ended := (yield from self._step(step))) is not None:
                yield Delta(finish_reason=ended)
                return
        yield Delta(finish_reason=finish or ("tool_calls" if self._calls else "stop"))

    def _step(self, step: _Step) -> Generator[Delta | float, None, FinishReason | None]:
        """Play one step; return the finish, if it is the last."""
        if step.name == "wait":
            yield float(step.value)
        elif step.name == "pause":
            self._delay = float(step.value)
        elif step.name == "break":
            raise EngineBroke("The scripted engine broke off.")
        elif step.name == "tool":
            yield from _tool(self._calls, step.value)
            self._calls += 1
        elif step.name not in _BEFORE:
            return (yield from self._text(step))
        return None

    def _text(self, step: _Step) -> Generator[Delta | float, None, FinishReason | None]:
        """Say a step's text piece by piece, within max_tokens and up to the first stop string."""
        sampling = self._sampling
        text, stopped = _cut(_said(step), sampling.stop)
        for piece in _pieces(step, text):
            if sampling.max_tokens is not None and self.tokens >= sampling.max_tokens:
                return "length"
            self.tokens += 1
            yield self._delay
            logprobs = _logprobs(piece, sampling.top_logprobs or 0) if sampling.logprobs else None
            yield Delta(reasoning=piece) if step.name == "reason" else Delta(content=piece, logprobs=logprobs)
        return "stop" if stopped else None


def _script(prompt: Prompt) -> list[_Step]:
    last = next((_text(message) for message in reversed(prompt.messages) if message.role == "user"), "")
    steps = [_Step(match[1], match[2] or "") for match in _DIRECTIVE.finditer(last)]
    return steps or [_forced(prompt) or _Step("say", f"You said: {last}")]


def _forced(prompt: Prompt) -> _Step | None:
    """Return the step that a forced tool or a schema asks for."""
    sampling = prompt.sampling
    if sampling.tools and sampling.tool_choice not in (None, "auto", "none"):
        chosen = sampling.tool_choice
        tool = next(
            (t for t in sampling.tools if isinstance(chosen, dict) and t["function"]["name"] == chosen["function"]["name"]),
            sampling.tools[0],
        )["function"]
        return _Step("tool", f"{tool['name']} {_fitting(tool.get('parameters') or {'type': 'object'})}")
    schema = ((sampling.response_format or {}).get("json_schema") or {}).get("schema")
    if schema is not None:
        return _Step("json", _fitting(schema))
    return _Step("json", "{}") if (sampling.response_format or {}).get("type") == "json_object" else None


def _fitting(schema: Json) -> str:
    return orjson.dumps(_value(schema)).decode()


def _value(schema: Json) -> object:
    """Return a small value that fits the common keywords of a JSON schema."""
    for keyword in ("const", "default"):
        if keyword in schema:
            return schema[keyword]
    if "enum" in schema:
        return schema["enum"][0]
    for keyword in ("anyOf", "oneOf"):
        if schema.get(keyword):
            return _value(schema[keyword][0])
    if schema.get("type") == "object" or "properties" in schema:
        return {name: _value(part) for name, part in (schema.get("properties") or {}).items()}
    small: dict[str, object] = {
        "string": "text",
        "integer": 1,
        "number": 1.5,
        "boolean": True,
        "array": [],
        "null": None,
    }
    return small.get(str(schema.get("type")))


def _said(step: _Step) -> str:
    if step.name == "words":
        return " ".join(f"word{number}" for number in range(1, int(step.value) + 1))
    return step.value.replace("\\n", "\n")


def _pieces(step: _Step, text: str) -> Iterable[str]:
    if step.name == "chars":
        return text
    if step.name == "json":
        return (text,)
    return (match[0] for match in _WORD.finditer(text))


def _cut(text: str, stops: Iterable[str]) -> tuple[str, bool]:
    ends = [position for stop in stops if (position := text.find(stop)) >= 0]
    return (text[: min(ends)], True) if ends else (text, False)


def _tool(number: int, call: str) -> Iterator[Delta]:
    name, _, arguments = call.partition(" ")
    start = {
        "index": number,
        "id": f"call_{number:024d}",
        "type": "function",
        "function": {"name": name, "arguments": ""},
    }
    yield Delta(tool_calls=[start])
    half = len(arguments) // 2
    for piece in (arguments[:half], arguments[half:]):
        if piece:
            yield Delta(tool_calls=[{"index": number, "function": {"arguments": piece}}])


def _logprobs(piece: str, top: int) -> Json:
    entry: Json = {"token": piece, "bytes": list(piece.encode()), "logprob": -0.5}
    return {"content": [{**entry, "top_logprobs": [entry] * min(top, 1)}], "refusal": None}


def _text(message: Message) -> str:
    if isinstance(message.content, str):
        return message.content
    return "\n".join(part.get("text", "") for part in message.content or ())


def _refusal(code: int) -> MecumError:
    errors: dict[int, MecumError] = {
        400: InvalidRequest("The scripted engine refuses."),
        429: QueueFull("The scripted engine is busy.", retry_after=7),
        502: EngineBroke("The scripted engine sent nonsense."),
        503: ModelLoading("The scripted engine is loading.", retry_after=3),
    }
    if code in errors:
        return errors[code]
    raise RuntimeError("The scripted engine crashes.")  # the way to see how an unexpected error is answered
