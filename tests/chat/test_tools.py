"""Tools are put into words where the template knows none, and forced by a schema; what was called before becomes turns."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mecum.chat.calls import Reading
from mecum.chat.tools import adapt, flatten
from mecum.engine.base import Traits
from mecum.errors import InvalidRequest
from mecum.types import Message, Prompt, Sampling

READING = Reading(frozenset({"f", "g.h-1"}))
PLAIN = Traits(tools=False)


def tool(name: str, **parameters: Any) -> dict[str, Any]:
    function: dict[str, Any] = {"name": name, "description": f"does {name}"}
    return {"type": "function", "function": {**function, "parameters": parameters} if parameters else function}


OWN = {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "string"}}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "x", "schema": OWN}}
TOOLS = (tool("f", type="object", properties={"x": {"type": "integer"}}), tool("g.h-1"))


def prompt(*messages: Message, **sampling: Any) -> Prompt:
    options = {"tools": TOOLS, "parallel_tool_calls": True, **sampling}
    return Prompt("m", messages or (Message("user", "hi"),), Sampling(**options))


def test_what_need_not_be_forced_is_left_to_a_template_that_knows_tools() -> None:
    asked = prompt(tool_choice="auto")
    assert adapt(asked, Traits()) == (asked, READING)
    assert adapt(prompt(parallel_tool_calls=False), Traits())[1] == Reading(READING.names, single=True)
    assert adapt(prompt(tool_choice="none"), Traits())[1] is None


def test_an_engine_that_forces_calls_itself_is_left_to_do_it() -> None:
    asked = prompt(tool_choice="required", response_format=FORMAT)
    assert adapt(asked, Traits(forces_calls=True)) == (asked, READING)
    none = prompt(tool_choice="none")
    assert adapt(none, Traits(forces_calls=True)) == (none, None)


@pytest.mark.parametrize(
    ("choice", "names"), [("required", ["f", "g.h-1"]), ({"type": "function", "function": {"name": "f"}}, ["f"])]
)
def test_a_template_that_knows_tools_shows_them_while_a_schema_forces_the_call(choice: Any, names: list[str]) -> None:
    asked = prompt(tool_choice=choice)
    adapted, reading = adapt(asked, Traits())
    assert reading == Reading(frozenset(names))
    assert (adapted.messages, adapted.sampling.tools, adapted.sampling.tool_choice) == (asked.messages, TOOLS, "none")
    assert adapted.sampling.response_format
    schema = adapted.sampling.response_format["json_schema"]["schema"]
    assert [form["properties"]["name"]["const"] for form in schema.get("anyOf", [schema])] == names


@pytest.mark.parametrize("traits", [Traits(), PLAIN])
def test_a_format_beside_tools_allows_both(traits: Traits) -> None:
    adapted, reading = adapt(prompt(response_format=FORMAT), traits)
    assert reading == READING
    assert adapted.sampling.response_format
    schema = adapted.sampling.response_format["json_schema"]["schema"]
    *forms, own = schema["anyOf"]
    assert [form["properties"]["name"]["const"] for form in forms] == ["f", "g.h-1"]
    assert own == {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}}
    assert schema["$defs"] == {"A": {"type": "string"}}
    anything, _ = adapt(prompt(response_format={"type": "json_object"}), traits)
    assert anything.sampling.response_format
    assert anything.sampling.response_format["json_schema"]["schema"]["anyOf"][-1] == {"type": "object"}
    forced, _ = adapt(prompt(response_format=FORMAT, tool_choice="required"), traits)
    assert forced.sampling.response_format
    assert len(forced.sampling.response_format["json_schema"]["schema"]["anyOf"]) == 2


@pytest.mark.parametrize("choice", [None, "auto"])
def test_tools_are_offered_in_words(choice: str | None) -> None:
    adapted, reading = adapt(prompt(Message("system", "Be short."), Message("user", "hi"), tool_choice=choice), PLAIN)
    assert reading == READING
    assert (adapted.sampling.tools, adapted.sampling.tool_choice, adapted.sampling.parallel_tool_calls) == ((), None, None)
    assert adapted.sampling.response_format is None
    system, user = adapted.messages
    assert user == Message("user", "hi")
    assert isinstance(system.content, str)
    assert system.content.startswith("Be short.\n\nYou can call these tools:\n")
    assert [json.loads(line) for line in system.content.splitlines() if "does" in line] == [t["function"] for t in TOOLS]
    assert '{"name": "…", "arguments": {…}}' in system.content


def test_without_a_system_message_the_offer_is_one() -> None:
    for traits in (PLAIN, Traits(tools=False, system_role=False)):
        adapted, _ = adapt(prompt(), traits)
        assert [turn.role for turn in adapted.messages] == ["system", "user"]


@pytest.mark.parametrize("traits", [PLAIN, Traits()])
@pytest.mark.parametrize("sampling", [{"tools": ()}, {"tool_choice": "none"}])
def test_without_tools_to_call_nothing_is_said_or_read(sampling: dict[str, Any], traits: Traits) -> None:
    adapted, reading = adapt(prompt(**sampling), traits)
    assert reading is None
    assert adapted == Prompt("m", (Message("user", "hi"),), Sampling())


def test_a_required_call_is_forced_by_a_schema() -> None:
    adapted, reading = adapt(prompt(tool_choice="required"), PLAIN)
    assert reading == READING
    schema = adapted.sampling.response_format
    assert schema
    first, second = schema["json_schema"]["schema"]["anyOf"]
    assert first["properties"] == {"name": {"const": "f"}, "arguments": TOOLS[0]["function"]["parameters"]}
    assert second["properties"] == {"name": {"const": "g.h-1"}, "arguments": {"type": "object"}}
    assert all(
        part["required"] == ["name", "arguments"] and part["additionalProperties"] is False for part in (first, second)
    )


def test_a_named_call_offers_that_tool_alone() -> None:
    adapted, reading = adapt(prompt(tool_choice={"type": "function", "function": {"name": "g.h-1"}}), PLAIN)
    assert reading == Reading(frozenset({"g.h-1"}))
    assert adapted.sampling.response_format
    assert adapted.sampling.response_format["json_schema"]["schema"]["properties"]["name"] == {"const": "g.h-1"}
    assert "does f" not in str(adapted.messages[0].content)


def test_a_name_that_is_no_tool() -> None:
    with pytest.raises(InvalidRequest) as caught:
        adapt(prompt(tool_choice={"type": "function", "function": {"name": "nope"}}), PLAIN)
    assert caught.value.param == "tool_choice"


@pytest.mark.parametrize("keyword", ["$defs", "definitions"])
def test_definitions_are_hoisted_to_where_they_are_looked_up(keyword: str) -> None:
    def using(name: str, **definitions: Any) -> dict[str, Any]:
        return tool(name, type="object", properties={"p": {"$ref": f"#/{keyword}/P"}}, **{keyword: definitions})

    point = {"type": "object"}
    both = (using("f", P=point), using("g.h-1", P=point, Q={"type": "null"}))
    adapted, _ = adapt(prompt(tools=both, tool_choice="required"), PLAIN)
    assert adapted.sampling.response_format
    schema = adapted.sampling.response_format["json_schema"]["schema"]
    assert schema[keyword] == {"P": point, "Q": {"type": "null"}}
    assert all(keyword not in part["properties"]["arguments"] for part in schema["anyOf"])
    assert keyword in both[0]["function"]["parameters"]  # what the client sent is not changed
    with pytest.raises(InvalidRequest, match="different"):
        adapt(prompt(tools=(using("f", P=point), using("g.h-1", P={"type": "null"})), tool_choice="required"), PLAIN)


def call(name: str, arguments: str) -> dict[str, Any]:
    return {"id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": arguments}}


def test_past_calls_and_results_become_turns() -> None:
    history = (
        Message("user", "a"),
        Message("assistant", None, tool_calls=(call("f", '{"x": 1}'), call("g.h-1", ""))),
        Message("tool", "5", tool_call_id="call_f"),
        Message("tool", ({"type": "text", "text": "6"},), tool_call_id="call_g.h-1"),
        Message("assistant", "b"),
    )
    assert flatten(history, Traits()) == history
    assert flatten(history, PLAIN) == (
        Message("user", "a"),
        Message("assistant", '{"name": "f", "arguments": {"x": 1}}\n{"name": "g.h-1", "arguments": {}}'),
        Message("user", "The tool's result:\n5"),
        Message("user", "The tool's result:\n6"),
        Message("assistant", "b"),
    )
