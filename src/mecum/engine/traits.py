"""What the chat template of a model that llama.cpp runs can express: by what llama.cpp says of it, and by trying."""

from __future__ import annotations

from typing import Final, Literal

from mecum.engine.base import Traits
from mecum.engine.connection import Connection
from mecum.errors import EngineDown, InvalidRequest, MecumError
from mecum.types import Json

FIRST: Final = 120  # seconds for the first tokens of a large model on a slow machine
FEW: Final = 4  # tokens: of line ends alone llama.cpp makes no thought


async def traits_of(connection: Connection, props: Json) -> Traits:
    """Return what the chat template can express: by what it says of itself, and by trying."""
    caps = props.get("chat_template_caps") or {}
    plain = await _rendered(connection, "user")
    system = await _rendered(connection, "system", "user")
    return Traits(
        system_role=bool(caps.get("supports_system_role", True)) and system is not None,
        alternation=plain is not None and await _rendered(connection, "user", "user") is None,
        tools=bool(caps.get("supports_tools", True)),
        images=bool((props.get("modalities") or {}).get("vision")),
        thinking=await _thinking(connection, str(props.get("chat_template")), plain or ""),
    )


async def _rendered(connection: Connection, *roles: str) -> str | None:
    """Return what the template makes of a chat of these roles, None if it refuses them. Who cannot tell is trusted."""
    try:
        messages = [{"role": role, "content": "Hello."} for role in roles]
        answer = await connection.post("/apply-template", {"messages": messages})
    except InvalidRequest:
        return None
    except EngineDown:
        raise
    except MecumError:
        return ""
    return str(answer.get("prompt", ""))


async def _thinking(connection: Connection, template: str, prompt: str) -> Literal["", "tagged", "opened"]:
    """Return how the model thinks aloud. llama.cpp knows the thoughts of some templates; of a few tokens one sees which."""
    if "<think>" not in template:
        return ""
    if not prompt.rstrip().endswith("<think>"):
        return "tagged"
    body = {"messages": [{"role": "user", "content": "Hello."}], "max_tokens": FEW, "temperature": 0, "cache_prompt": False}
    answer = await connection.post("/v1/chat/completions", body, timeout=FIRST)
    message = answer["choices"][0]["message"]
    return "opened" if (message.get("content") or "").strip() and not message.get("reasoning_content") else "tagged"
