"""How an answer is sampled, of what the request, its role, the model and the route say. Pure (`rulings.md` 4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from mecum.chat.request import ChatRequest
from mecum.types import Role, Sampling

_OPEN: Final = ("top_p", "top_k", "min_p", "repeat_penalty", "presence_penalty", "frequency_penalty")


def settled(request: ChatRequest, role: Role | None, defaults: Sampling) -> Sampling:
    """Return the sampling: the request's, else the role's, else the model's `defaults`, else the route's."""
    asked = request.sampling
    temperatures = (
        asked.temperature,
        role.temperature if role else None,
        defaults.temperature if request.model_temperature else None,
        request.default_temperature,
    )
    return replace(
        asked,
        temperature=next((one for one in temperatures if one is not None), None),
        max_tokens=asked.max_tokens or request.default_max_tokens,
        **{name: getattr(defaults, name) for name in _OPEN if getattr(asked, name) is None},
    )
