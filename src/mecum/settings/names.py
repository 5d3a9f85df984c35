"""What each setting is called, and what it may be, in words: one table, made from the schema.

The loader's messages, `mecum config` and `docs/settings.md` all read this table, so they cannot disagree. A setting
without a section (`home`) has no name in the file: the file itself is found by it. What is set for one model is in the file
alone, and a table of its own (`of_a_model`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from mecum.settings.schema import ModelSettings, Settings
from mecum.types import Json

MODELS = "models"  # the section of the tables, one for each model
ENV_PREFIX = "MECUM_"
ENV_CONFIG = "MECUM_CONFIG"
ENV_OTHERS = frozenset({ENV_CONFIG, "MECUM_SOAK"})  # not settings, yet ours: the file to read, and the tests' long form

FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "home": "--home",
        "server.host": "--host",
        "server.port": "--port",
        "server.allow_open_network": "--allow-open-network",
        "engine.model": "--model",
        "engine.base_url": "--engine-url",
        "engine.scripted": "--demo",
        "engine.slots": "--slots",
        "engine.context": "--context",
        "engine.threads": "--threads",
        "log.level": "--log-level",
        "log.format": "--log-format",
    }
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `schema` is its JSON schema without null; `default` None means that it may be left unset."""

    name: str
    description: str
    default: Any
    schema: Json
    flag: str | None

    @property
    def env(self) -> str:
        """Its name in the environment: `server.port` is MECUM_SERVER_PORT."""
        return ENV_PREFIX + self.name.replace(".", "_").upper()

    @property
    def secret(self) -> bool:
        """Whether its value must never be shown."""
        return self.schema.get("format") == "password"

    @property
    def allowed(self) -> str:
        """What it may be, in words that follow "must be"."""
        if "enum" in self.schema:
            return "one of " + ", ".join(self.schema["enum"])
        kind = self.schema["type"]
        if kind in {"integer", "number"}:
            return ("a whole number" if kind == "integer" else "a number") + _limits(self.schema)
        words = {"boolean": "true or false", "array": "a list of texts", "path": "a path"}
        return str(self.schema.get("allowed") or words.get(str(self.schema.get("format", kind)), "text"))


def table() -> dict[str, Setting]:
    """Return every setting by its dotted name, in the schema's order."""
    return {setting.name: setting for setting in _settings(Settings, "")}


def of_a_model() -> dict[str, Setting]:
    """Return what can be set for one model, by its name in the model's table."""
    return {setting.name: setting for setting in _settings(ModelSettings, "")}


def model_setting(model: str, name: str) -> str:
    """Return what a setting of one model is called: `models."qwen3-4b".context`, as the file may have it."""
    return f'{MODELS}."{model}".{name}'


def _settings(model: type[BaseModel], prefix: str) -> list[Setting]:
    properties = model.model_json_schema()["properties"]
    found: list[Setting] = []
    for key, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found += _settings(field.annotation, f"{key}.")
            continue
        if key == MODELS:
            continue
        name = prefix + key
        default = None if field.is_required() else field.default
        found.append(Setting(name, field.description or "", default, _not_null(properties[key]), FLAGS.get(name)))
    return found


def _not_null(schema: Json) -> Json:
    """Return the schema of the value that is given, where one may be left unset."""
    options = [option for option in schema.get("anyOf", []) if option.get("type") != "null"]
    return {**schema, **options[0]} if options else schema


def _limits(schema: Json) -> str:
    low, above, high = schema.get("minimum"), schema.get("exclusiveMinimum"), schema.get("maximum")
    if low is not None:
        return f" from {low} to {high}" if high is not None else f", at least {low}"
    return f" above {above:g}" + ("" if high is None else f", at most {high:g}")
