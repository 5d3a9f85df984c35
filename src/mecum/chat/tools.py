"""How tools are put to a model: offered, or one of them forced. Pure. What it answers is read by `calls`.

A template that knows no tools drops `tools` without a word, so they are described in the system message, in the form that
`calls` reads. llama.cpp does not enforce a `tool_choice` "required" or a named function, whether the template knows tools
(tried: Qwen2.5's, Qwen3's) or not (`rulings.md` 7). So a JSON schema forces the text to be a call; a template that knows
tools still describes them, for with `tool_choice` "none" llama.cpp shows it the tools and reads no calls. A
`response_format` beside tools allows a call or what it asks for, by the same means. Servers elsewhere honour `tool_choice`
themselves.
"""

from __future__ import annotations

from dataclasses import replace

import orjson

from mecum.chat.calls import Reading
from mecum.chat.messages import join, normalise, text_of
from mecum.engine.base import Traits
from mecum.errors import InvalidRequest
from mecum.types import Json, Message, Prompt, Sampling

_INSTRUCTION = """You can call these tools:
{tools}
To call one, answer with nothing but JSON of this form: {{"name": "…", "arguments": {{…}}}}"""


def flatten(messages: tuple[Message, ...], traits: Traits) -> tuple[Message, ...]:
    """Return past calls and results as plain turns, where the template knows none."""
    return messages if traits.tools else tuple(map(_as_text, messages))


def adapt(prompt: Prompt, traits: Traits) -> tuple[Prompt, Reading | None]:
    """Return the prompt as template and engine take it, and how to read the answer (None: as it is).

    Raises:
        InvalidRequest: `tool_choice` names a tool that is not there, or two tools cannot stand in one schema.
    """
    tools = offered(prompt.sampling)
    if not tools:  # a template that shows tools makes the model write calls, which nobody would read
        return prompt if traits.forces_calls else replace(prompt, sampling=_without_tools(prompt.sampling)), None
    reading = Reading(frozenset(tool["name"] for tool in tools), single=prompt.sampling.parallel_tool_calls is False)
    if traits.forces_calls:
        return prompt, reading
    sampling = prompt.sampling
    if needs_schema(sampling):
        wanted = None if is_forced(sampling) else sampling.response_format
        sampling = replace(sampling, response_format=_format(tools, wanted), tool_choice="none", parallel_tool_calls=None)
    if traits.tools:
        return replace(prompt, sampling=sampling), reading
    messages = _instructed(prompt.messages, tools, traits)
    return replace(prompt, messages=messages, sampling=_without_tools(sampling)), reading


def is_forced(sampling: Sampling) -> bool:
    """Return whether the answer must be a call."""
    return bool(sampling.tools) and sampling.tool_choice not in (None, "auto", "none")


def needs_schema(sampling: Sampling) -> bool:
    """Return whether a JSON schema has to hold the tools' parameters, so that the answer is what was asked for."""
    return is_forced(sampling) or bool(offered(sampling) and sampling.response_format)


def offered(sampling: Sampling) -> list[Json]:
    """Return the functions that may be called now.

    Raises:
        InvalidRequest: `tool_choice` names one that is not there.
    """
    chosen = sampling.tool_choice
    functions: list[Json] = [tool["function"] for tool in sampling.tools]
    if chosen == "none":
        return []
    if not isinstance(chosen, dict):
        return functions
    name = chosen["function"]["name"]
    named = [function for function in functions if function["name"] == name]
    if not named:
        raise InvalidRequest(f"tool_choice names '{name}', which is not among the tools.", param="tool_choice")
    return named


def _without_tools(sampling: Sampling) -> Sampling:
    return replace(sampling, tools=(), tool_choice=None, parallel_tool_calls=None)


def _format(tools: list[Json], other: Json | None) -> Json:
    """Return the response_format that allows nothing but a call of one of the tools, or the `other` one."""
    definitions: Json = {}
    forms = [_call_schema(tool, definitions) for tool in tools]
    if other:
        own: Json = (other.get("json_schema") or {}).get("schema") or {"type": "object"}
        forms.append(_hoisted(own, definitions))
    schema = {**(forms[0] if len(forms) == 1 else {"anyOf": forms}), **definitions}
    return {"type": "json_schema", "json_schema": {"name": "tool_call", "schema": schema}}


def _call_schema(tool: Json, definitions: Json) -> Json:
    return {
        "type": "object",
        "properties": {
            "name": {"const": tool["name"]},
            "arguments": _hoisted(tool.get("parameters") or {"type": "object"}, definitions),
        },
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def _hoisted(schema: Json, definitions: Json) -> Json:
    """Return a schema without its definitions, which are looked up at the root: they go into `definitions`."""
    own = dict(schema)
    for keyword in ("$defs", "definitions"):
        for name, definition in (own.pop(keyword, None) or {}).items():
            if definitions.setdefault(keyword, {}).setdefault(name, definition) != definition:
                raise InvalidRequest(f"Two schemas define different '{keyword}/{name}'. Rename one.", param="tools")
    return own


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
