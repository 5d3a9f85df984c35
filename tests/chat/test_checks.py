"""What a model cannot do is refused by name; what it can do passes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mecum.chat.checks import check_abilities
from mecum.chat.request import ChatRequest
from mecum.engine.base import Model, Traits
from mecum.errors import UnsupportedParameter
from mecum.types import Message, Sampling

MODEL = Model(name="m", fingerprint="fp", slots=4)
PLAIN = replace(MODEL, traits=Traits(tools=False))
SEEING = replace(MODEL, traits=Traits(images=True))
FREE = replace(MODEL, traits=Traits(tools=False, every_schema=True))
FORCING = replace(MODEL, traits=Traits(forces_calls=True))
IMAGE = Message(
    "user", ({"type": "text", "text": "?"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,A"}})
)
ODD = {"type": "object", "properties": {"a": {"type": "integer", "multipleOf": 5}}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
ODD_FORMAT = {"type": "json_schema", "json_schema": {"name": "x", "schema": ODD}}
TOOL = {"type": "function", "function": {"name": "f"}}
ODD_TOOL = {"type": "function", "function": {"name": "odd", "parameters": ODD}}


def asks(*messages: Message, **sampling: Any) -> ChatRequest:
    return ChatRequest(messages=messages or (Message("user", "hi"),), sampling=Sampling(**sampling))


REFUSED: dict[str, tuple[ChatRequest, Model, str]] = {
    "more choices than slots": (asks(n=5), MODEL, "n"),
    "an image": (asks(IMAGE), MODEL, "messages"),
    "a tool beside a format": (asks(tools=(ODD_TOOL,), response_format=FORMAT), PLAIN, "tools.0.function.parameters"),
    "tools and logprobs": (asks(tools=(TOOL,), logprobs=True), MODEL, "logprobs"),
    "a schema": (asks(response_format=ODD_FORMAT), MODEL, "response_format.json_schema.schema"),
    "a forced call": (asks(tools=(TOOL, ODD_TOOL), tool_choice="required"), PLAIN, "tools.1.function.parameters"),
    "one that the template knows": (
        asks(tools=(TOOL, ODD_TOOL), tool_choice="required"),
        MODEL,
        "tools.1.function.parameters",
    ),
}
ALLOWED: dict[str, tuple[ChatRequest, Model]] = {
    "nothing": (asks(), PLAIN),
    "as many choices as slots": (asks(n=4), MODEL),
    "an image for one that sees": (asks(IMAGE), SEEING),
    "tools": (asks(tools=(TOOL,)), PLAIN),
    "a format": (asks(response_format=FORMAT), PLAIN),
    "any object": (asks(response_format={"type": "json_object"}), MODEL),
    "tools and a format": (asks(tools=(TOOL,), response_format=FORMAT), PLAIN),
    "tools that may not be called, and a format": (asks(tools=(TOOL,), tool_choice="none", response_format=FORMAT), PLAIN),
    "logprobs": (asks(logprobs=True), MODEL),
    "a schema for one that judges itself": (asks(response_format=ODD_FORMAT), FREE),
    "a call that is not forced": (asks(tools=(ODD_TOOL,), tool_choice="auto"), PLAIN),
    "a forced call of an engine that forces it": (asks(tools=(ODD_TOOL,), tool_choice="required"), FORCING),
    "another one is forced": (
        asks(tools=(ODD_TOOL, TOOL), tool_choice={"type": "function", "function": {"name": "f"}}),
        PLAIN,
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    request, model, param = REFUSED[case]
    with pytest.raises(UnsupportedParameter) as caught:
        check_abilities(request, model)
    assert caught.value.param == param


@pytest.mark.parametrize("case", ALLOWED)
def test_allowed(case: str) -> None:
    check_abilities(*ALLOWED[case])
