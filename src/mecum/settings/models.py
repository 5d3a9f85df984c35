"""What is set for one model, `[models."NAME"]` in the file: how it is read, and what follows from it.

A model's name is the one that `mecum models` shows; case does not matter. Invariants (`tests/settings/test_models.py`): an
alias leads to one model; what the command line or the environment says of the engine holds for every model.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from mecum.errors import SettingsError
from mecum.settings import names
from mecum.settings.schema import EngineSettings, ModelSettings, Settings
from mecum.settings.wording import unknown, wrong
from mecum.types import Json

RESERVED: Final = frozenset({"mecum", "starter"})  # names with a meaning of their own
_SHARED: Final = ModelSettings.model_fields.keys() & EngineSettings.model_fields.keys()
Tables = Mapping[str, Json]


def settings_for(settings: Settings, name: str) -> ModelSettings:
    """Return what is set for the model of that name; nothing, where it has no table."""
    return settings.models.get(name.lower()) or ModelSettings()


def engine_for(settings: Settings, name: str) -> EngineSettings:
    """Return how the engine is to run the model of that name: its own settings over `settings.engine`."""
    own = settings_for(settings, name)
    return settings.engine.model_copy(update={key: value for key in _SHARED if (value := getattr(own, key)) is not None})


def name_for(settings: Settings, asked: str) -> str:
    """Return the name of the model that has this alias; else what was asked for, as it is."""
    for name, own in settings.models.items():
        if asked.lower() in map(str.lower, own.aliases):
            return name
    return asked


def model_tables(content: object, file: Path) -> dict[str, Json]:
    """Return the file's tables by the models' names, in lower case.

    Raises:
        SettingsError: it is no table of tables, or two are of the same model.
    """
    if not isinstance(content, dict) or not all(isinstance(table, dict) for table in content.values()):
        raise SettingsError(f'{names.MODELS} in {file} must hold a table for each model: [{names.MODELS}."NAME"].')
    tables: dict[str, Json] = {}
    for name, table in content.items():
        if name.lower() in tables:
            raise SettingsError(f"The model {name} has more than one table in {file}. Put them together.")
        tables[name.lower()] = table
    return tables


def of_models(tables: Tables, file: Path, stronger: Mapping[str, str]) -> tuple[dict[str, ModelSettings], dict[str, str]]:
    """Return the settings by the models' names, and the origin of each that is given, by what it is called.

    `stronger` are those of the engine's settings that a stronger place gives, each with that place.

    Raises:
        SettingsError: an unknown name, a wrong value, or an alias that is no one model's.
    """
    models: dict[str, ModelSettings] = {}
    origins: dict[str, str] = {}
    for name, table in tables.items():
        _check_names(name, table, file)
        found = _validated(name, _from_folder(table, file), file)
        aside = {key for key in table if key in _SHARED and key in stronger}
        models[name] = found.model_copy(update=dict.fromkeys(aside))
        for key in table:
            origin = f"default, because {stronger[key]} sets it aside" if key in aside else f"{file.name} ({file.parent})"
            origins[names.model_setting(name, key)] = origin
    _check_aliases(models, file)
    return models, origins


def _check_names(model: str, table: Json, file: Path) -> None:
    known = names.of_a_model()
    for key, value in table.items():
        if key in known:
            continue
        if isinstance(value, dict):  # [models.qwen2.5-7b] is a table 5-7b in a table qwen2
            whole = _unquoted(f"{model}.{key}", value)
            where = f'[{names.MODELS}."{whole}"]'
            raise SettingsError(f"[{names.MODELS}.{whole}] in {file} must have the model's name in quotes: {where}.")
        raise SettingsError(unknown(f"{names.model_setting(model, key)} in {file}", known, key))


def _unquoted(name: str, table: Json) -> str:
    """Return the whole name of which TOML took each part between dots for a table."""
    for key, value in table.items():
        if isinstance(value, dict):
            return _unquoted(f"{name}.{key}", value)
    return name


def _from_folder(table: Json, file: Path) -> Json:
    """Return the table with the template's file as an absolute path: a relative one is beside the settings' file."""
    template = table.get("chat_template")
    if not isinstance(template, str) or is_template(template):
        return table
    return {**table, "chat_template": str(file.parent / Path(template).expanduser())}


def is_template(text: str) -> bool:
    """Return whether a `chat_template` is the template itself, not the file that holds it."""
    return "{{" in text or "{%" in text


def _validated(model: str, table: Json, file: Path) -> ModelSettings:
    known = names.of_a_model()
    try:
        found = ModelSettings.model_validate(table)
    except ValidationError as error:
        bad = dict.fromkeys(str(detail["loc"][0]) for detail in error.errors())
    else:
        bad = dict.fromkeys(key for key, value in table.items() if isinstance(value, bool))  # pydantic takes true for 1
        if not bad:
            return found
    lines = [wrong(known[key], f"{names.model_setting(model, key)} in {file}", table[key]) for key in bad]
    raise SettingsError("\n".join(lines))


def _check_aliases(models: Mapping[str, ModelSettings], file: Path) -> None:
    """Refuse an alias that is another model's, or another model's name."""
    whose: dict[str, str] = {name: name for name in models}
    for name, own in models.items():
        for alias in own.aliases:
            label = f"{names.model_setting(name, 'aliases')} in {file} has {alias!r}"
            if alias.lower() in RESERVED:
                raise SettingsError(f"{label}, which has a meaning of its own. Choose another alias.")
            other = whose.setdefault(alias.lower(), name)
            if other != name:
                how = "the name" if other == alias.lower() else "an alias"
                raise SettingsError(f"{label}, which is {how} of {other} too. Choose another alias.")


def shown(settings: Settings) -> dict[str, Any]:
    """Return what is set for models, by what each setting is called."""
    return {
        names.model_setting(model, key): value
        for model, own in settings.models.items()
        for key, value in own.model_dump(mode="json", exclude_unset=True).items()
    }
