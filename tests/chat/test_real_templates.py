"""Chats with llama.cpp and the starter model through other templates: strict ones, ones that think, broken ones."""

from __future__ import annotations

import json
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.chat.rooms import ANN, SECRET, Library, Roles, Stage, asks, collect

from mecum.chat.answer import Chat
from mecum.chat.gate import Gate
from mecum.chat.request import ChatRequest
from mecum.engine.embedded import Embedded
from mecum.engine.queue import Queue
from mecum.errors import EngineStartError
from mecum.settings.schema import EngineSettings, ModelSettings, Settings
from mecum.types import Delta, Message, Role

pytestmark = pytest.mark.real_model
NAME = "smollm2-135m-instruct"
NO_SYSTEM = """{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('No system role') }}{% endif %}
{{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""
ALTERNATING = """{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}
{{- raise_exception('Roles must alternate') }}{% endif %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}
{%- endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""
PLAIN = """{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""
OPENED = PLAIN.replace("assistant\\n'", "assistant\\n<think>\\n'")  # as llama.cpp does not know it
R1 = """{% set ns = namespace(system_prompt='') %}{% for message in messages %}{% if message['role'] == 'system' %}
{%- set ns.system_prompt = message['content'] %}{% endif %}{% endfor %}{{ bos_token }}{{ ns.system_prompt }}
{%- for message in messages %}{% if message['role'] == 'user' %}
{{- '<|im_start|>user\\n' + message['content'] + '<|im_end|>\\n' }}{% endif %}
{%- if message['role'] == 'assistant' and message['content'] is not none %}{% set content = message['content'] %}
{%- if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}
{{- '<|im_start|>assistant\\n' + content + '<|im_end|>\\n' }}{% endif %}{% endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n<think>\\n' }}{% endif %}"""
# As Qwen3's: tools, thoughts that are kept, and a thought that can be switched off.
QWEN3 = (Path(__file__).parent / "qwen3.jinja").read_text()
CITY = {"type": "object", "properties": {"city": {"enum": ["Bern"]}}, "required": ["city"], "additionalProperties": False}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": CITY}}
TIME = {"type": "function", "function": {"name": "time", "parameters": CITY}}
NAMED = {"type": "function", "function": {"name": "weather"}}
ROLE = Role(uuid="r", name="R", system_prompt="Be brief.", enable_l0_retrieval=False)


class Room:
    """A chat with the starter model behind another template. `asked` are the prompts as the template made them."""

    def __init__(self, engine: Embedded) -> None:
        self.engine = engine
        stage = Stage()
        self._chat = Chat(
            engine=engine,
            queue=Queue(lambda _model: 4, waiting=4, timeout=60),
            roles=Roles(stage, ROLE),
            library=Library(stage),  # type: ignore[arg-type] # nothing is looked for
            gate=Gate(),
            ready_timeout=60,
            secret=SECRET,
        )

    async def ask(self, request: ChatRequest) -> list[Delta]:
        async with aclosing(await self._chat.answer(request, ANN)) as answer:
            return await collect(answer)


@asynccontextmanager
async def room(template: str, **own: Any) -> AsyncIterator[Room]:
    with tempfile.TemporaryDirectory(prefix="m-") as home:
        models = {NAME: ModelSettings(chat_template=template, **own)}
        engine = Embedded(Settings(home=Path(home), engine=EngineSettings(context=1024, threads=1), models=models))
        await engine.start()
        try:
            await engine.ready()
            yield Room(engine)
        finally:
            await engine.aclose()


def brief(*turns: Message | str, tokens: int = 4, **sampling: Any) -> ChatRequest:
    return asks(*turns, sampling={"temperature": 0, "max_tokens": tokens, **sampling})


def text(deltas: Sequence[Delta]) -> str:
    return "".join(delta.content or "" for delta in deltas)


def thought(deltas: Sequence[Delta]) -> str:
    return "".join(delta.reasoning or "" for delta in deltas)


def called(deltas: Sequence[Delta]) -> tuple[str, Any]:
    """Return the one call's name and arguments."""
    pieces = [piece for delta in deltas for piece in delta.tool_calls or ()]
    assert {piece["index"] for piece in pieces} == {0}
    assert [delta.finish_reason for delta in deltas if delta.finish_reason] == ["tool_calls"]
    return pieces[0]["function"]["name"], json.loads("".join(piece["function"]["arguments"] for piece in pieces))


# Strict ones


async def test_a_template_without_a_system_role() -> None:
    async with room(NO_SYSTEM) as strict:
        (model,) = strict.engine.status().models
        assert (model.traits.system_role, model.traits.alternation) == (False, False)
        request = brief(
            Message("system", "Be kind."), "Hello.", Message("assistant", "Hi."), Message("system", "Now!"), "Go."
        )
        told = await strict.ask(request)
        same = await strict.ask(brief("Be kind.\n\nHello.", Message("assistant", "Hi."), "Now!\n\nGo."))
        assert text(told) == text(same) != ""


async def test_a_template_that_wants_turns_to_alternate() -> None:
    async with room(ALTERNATING) as strict:
        (model,) = strict.engine.status().models
        assert (model.traits.system_role, model.traits.alternation) == (False, True)
        turns = ("Hello.", "Are you there?", Message("assistant", "Yes."), Message("assistant", "I am."), "Good.")
        told = await strict.ask(brief(Message("system", "Be kind."), *turns))
        same = await strict.ask(
            brief("Be kind.\n\nHello.\n\nAre you there?", Message("assistant", "Yes.\n\nI am."), "Good.")
        )
        assert text(told) == text(same) != ""
        forced = brief("The weather?", tokens=100, tools=(WEATHER,), tool_choice="required")
        assert called(await strict.ask(forced)) == ("weather", {"city": "Bern"})


# Those that think


@pytest.mark.parametrize("template", [OPENED, R1])
async def test_a_template_that_opens_the_thought_and_a_call_that_is_forced(template: str) -> None:
    async with room(template) as thinking:
        (model,) = thinking.engine.status().models
        assert model.traits.thinking == ("opened" if template == OPENED else "tagged")
        deltas = await thinking.ask(brief("Hello."))
        assert thought(deltas).strip()
        assert text(deltas) == ""
        forced = brief("The weather?", tokens=100, tools=(TIME, WEATHER), tool_choice=NAMED)
        assert called(await thinking.ask(forced)) == ("weather", {"city": "Bern"})


async def test_tools_thoughts_and_what_switches_them_off() -> None:
    async with room(QWEN3) as qwen:
        (model,) = qwen.engine.status().models
        assert (model.traits.tools, model.traits.thinking) == (True, "tagged")
        deltas = await qwen.ask(brief("The weather?", tokens=100, tools=(TIME, WEATHER), tool_choice=NAMED))
        assert called(deltas) == ("weather", {"city": "Bern"})
        off = brief("Hello.", chat_template_kwargs={"enable_thinking": False})
        counted = [
            await tokens(qwen, request) for request in (brief("Hello."), off, brief("Hello.", reasoning_effort="none"))
        ]
        assert counted[0] < counted[1] == counted[2]
        past = [Message("assistant", "4", reasoning=why) for why in (None, "Two and two are four.")]
        without, with_it = [await tokens(qwen, brief("2+2?", turn, "And 3+3?")) for turn in past]
        assert with_it > without + 5


async def tokens(room: Room, request: ChatRequest) -> int:
    """Return how many tokens the engine read, which is how many it had counted."""
    deltas = await room.ask(request)
    assert deltas[-1].usage
    return deltas[-1].usage.prompt_tokens


# What else is set for one model


async def test_the_models_own_sampling_holds() -> None:
    async with room(PLAIN, temperature=1.5, top_k=1) as own:
        (model,) = own.engine.status().models
        one = await own.ask(asks("Tell me a story.", sampling={"max_tokens": 8, "seed": 1}, model_temperature=True))
        other = await own.ask(asks("Tell me a story.", sampling={"max_tokens": 8, "seed": 2}, model_temperature=True))
        assert text(one) == text(other)  # of the likeliest token alone there is no choice
    async with room(PLAIN, temperature=1.5) as another:
        assert another.engine.status().models[0].fingerprint != model.fingerprint


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{% for m in messages %}{{ m.content }", "Expected }}"),
        ("{{ messages | nosuchfilter }}", "nosuchfilter"),
        ("{{ raise_exception('never') }}", "never"),
        ("/nowhere/t.jinja", "cannot be read"),
    ],
)
async def test_a_broken_template_is_told_at_once_and_not_tried_again(template: str, words: str) -> None:
    with pytest.raises(EngineStartError) as refused:
        async with room(template):
            pass
    assert words in refused.value.message
    assert NAME in refused.value.message
    assert "chat template" in refused.value.message
