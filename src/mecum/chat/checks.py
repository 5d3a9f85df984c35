"""What a model cannot do is said before it is asked. Pure; honoured or 400, never dropped quietly."""

from __future__ import annotations

from mecum.chat.request import ChatRequest
from mecum.chat.schema import check_schema
from mecum.chat.tools import needs_schema, offered
from mecum.engine.base import Model
from mecum.errors import UnsupportedParameter


def check_abilities(request: ChatRequest, model: Model) -> None:
    """Refuse what this model or engine cannot honour.

    Raises:
        UnsupportedParameter: naming the field.
    """
    sampling = request.sampling
    if sampling.n > model.slots:
        raise UnsupportedParameter(f"n is at most {model.slots} here: the engine has {model.slots} slots.", param="n")
    if not model.traits.images and any(map(_has_image, request.messages)):
        raise UnsupportedParameter(f"The model '{model.name}' takes no images.", param="messages")
    if sampling.tools and sampling.logprobs:
        raise UnsupportedParameter("logprobs cannot be combined with tools.", param="logprobs")
    if not model.traits.every_schema:
        _check_schemas(request, model)


def _check_schemas(request: ChatRequest, model: Model) -> None:
    sampling = request.sampling
    if schema := (sampling.response_format or {}).get("json_schema"):
        check_schema(schema["schema"], "response_format.json_schema.schema")
    if model.traits.forces_calls or not needs_schema(sampling):
        return
    held = [tool["name"] for tool in offered(sampling)]
    for index, tool in enumerate(sampling.tools):
        if tool["function"]["name"] in held:
            check_schema(tool["function"].get("parameters") or {}, f"tools.{index}.function.parameters")


def _has_image(message: object) -> bool:
    content = getattr(message, "content", None)
    return isinstance(content, tuple) and any(part["type"] == "image_url" for part in content)
