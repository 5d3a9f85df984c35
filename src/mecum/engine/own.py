"""What a model has of its own besides a plan: its chat template, and how it wants to be sampled.

The settings come first, then what the model file says (`general.sampling.…`). Not every llama.cpp reads those keys, and a
temperature goes with each prompt, which sets them aside; so they are sent with each prompt that leaves them open.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from mecum.engine.gguf import Header
from mecum.errors import EngineStartError
from mecum.settings.models import is_template
from mecum.settings.schema import ModelSettings
from mecum.types import Json, Sampling

MAX_TEMPLATE: Final = 1024 * 1024  # bytes of a template's file; the longest known have 20 kB
_KEYS: Final = MappingProxyType(
    {"temperature": "temp", "top_p": "top_p", "top_k": "top_k", "min_p": "min_p", "repeat_penalty": "penalty_repeat"}
)
_FAULT: Final = re.compile(r"(?:^|Parser |Lexer )Error: (.+)")
_FIELDS: Final = (*_KEYS, "presence_penalty", "frequency_penalty")
_LIMITS: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {"temperature": (0, 2), "top_p": (0.01, 1), "top_k": (0, 100_000), "min_p": (0, 1), "repeat_penalty": (0.01, 2)}
)


def template_of(own: ModelSettings, name: str) -> str:
    """Return the template that the settings put in the place of the model's own; "" where they put none.

    Raises:
        EngineStartError: its file cannot be read.
    """
    given = own.chat_template
    if not given or is_template(given):
        return given or ""
    try:
        with Path(given).open("rb") as file:
            content = file.read(MAX_TEMPLATE + 1)
        text = content.decode("utf-8")
    except OSError as error:
        raise EngineStartError(f"The chat template {given} of {name} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise EngineStartError(f"The chat template {given} of {name} is not UTF-8 text.") from None
    if len(content) > MAX_TEMPLATE or not is_template(text):
        raise EngineStartError(f"The chat template {given} of {name} is no Jinja template: it has neither {{{{ nor {{%.")
    return text


def template_fault(lines: Sequence[str]) -> str | None:
    """Return what is wrong with the template in a sentence, where llama.cpp's last words say that it cannot be used."""
    if not any("chat template parsing error" in line for line in lines):
        return None
    found = [match[1] for line in lines if (match := _FAULT.search(line))]
    return f"{(found or ['it is no Jinja that llama.cpp understands'])[0].rstrip('.')}."


def sampling_of(own: ModelSettings, header: Header | None = None) -> Sampling:
    """Return what holds where a request leaves it open: None where neither the settings nor the file say anything."""
    chosen: Json = {}
    for field in _FIELDS:
        value = getattr(own, field)
        chosen[field] = _said(header, field) if header and value is None else value
    return Sampling(**chosen)


def _said(header: Header, field: str) -> float | None:
    """Return what the file recommends, if it is a number that may be."""
    value = header.values.get(f"general.sampling.{_KEYS.get(field, '')}")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    low, high = _LIMITS[field]
    if not low <= value <= high:
        return None
    return int(value) if field == "top_k" else round(value, 6)  # of 32 bits: 0.7 is 0.699999988
