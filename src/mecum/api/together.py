"""What fields must be together, and what a JSON schema may be: rules that no field can tell on its own. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from mecum.api.wire import ChatBody, MessageBody, NamedTool
from mecum.errors import InvalidRequest

MAX_SCHEMA_DEPTH = 32
MAX_SCHEMA_BYTES = 64 * 1024


def check_together(body: ChatBody) -> None:
    """Check what the fields say to each other.

    Raises:
        InvalidRequest: naming the field.
    """
    for index, message in enumerate(body.messages):
        _check_message(message, f"messages.{index}")
    _check_tool_choice(body)
    if body.top_logprobs is not None and not body.logprobs:
        raise InvalidRequest("top_logprobs needs logprobs to be true.", param="top_logprobs")
    for field, schema in _schemas(body):
        if depth(schema) > MAX_SCHEMA_DEPTH:
            raise InvalidRequest(f"{field} must not be nested more than {MAX_SCHEMA_DEPTH} levels deep.", param=field)
        if len(orjson.dumps(schema)) > MAX_SCHEMA_BYTES:
            raise InvalidRequest(f"{field} must not be larger than {MAX_SCHEMA_BYTES // 1024} KiB.", param=field)


def depth(value: object) -> int:
    """Return how many arrays and objects lie inside each other, without recursion."""
    deepest, level = 0, [value]
    while level := [item for item in level if isinstance(item, dict | list)]:
        deepest += 1
        level = [child for item in level for child in (item.values() if isinstance(item, dict) else item)]
    return deepest


def _check_message(message: MessageBody, place: str) -> None:
    role = message.role
    if message.content is None and role != "assistant":
        raise InvalidRequest(f"{place}.content is missing: a {role} message needs it.", param=f"{place}.content")
    if role == "tool" and not message.tool_call_id:
        what = "a tool message needs it, the id of the call that it answers"
        raise InvalidRequest(f"{place}.tool_call_id is missing: {what}.", param=f"{place}.tool_call_id")
    if message.tool_calls and role != "assistant":
        what = f"a {role} message has no tool_calls, only an assistant's has"
        raise InvalidRequest(f"{place}.tool_calls must be left out: {what}.", param=f"{place}.tool_calls")


def _check_tool_choice(body: ChatBody) -> None:
    choice = body.tool_choice
    if choice in (None, "none", "auto"):
        return
    if not body.tools:
        raise InvalidRequest("tool_choice needs tools.", param="tool_choice")
    if isinstance(choice, NamedTool) and all(choice.function.name != tool.function.name for tool in body.tools):
        field = "tool_choice.function.name"
        raise InvalidRequest(f"{field} must name one of the tools.", param=field)


def _schemas(body: ChatBody) -> Iterator[tuple[str, object]]:
    for index, tool in enumerate(body.tools or ()):
        yield f"tools.{index}.function.parameters", tool.function.parameters
    if body.response_format and body.response_format.type == "json_schema":
        yield "response_format.json_schema.schema", body.response_format.json_schema.schema_
