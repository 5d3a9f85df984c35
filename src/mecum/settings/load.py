"""Makes the one Settings value: flags, then `MECUM_*`, then the file, then the model that was chosen, then the defaults.

The choice is what `mecum models default` keeps in the data directory: a program never writes into the user's own file.
Every setting remembers where it came from, every problem names that place, nothing unknown is passed over, and the
value of a secret appears in no message (`tests/settings/test_load.py`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import platformdirs
from pydantic import ValidationError

from mecum.errors import SettingsError
from mecum.settings import names
from mecum.settings.models import model_tables, of_models
from mecum.settings.names import Setting
from mecum.settings.schema import Settings
from mecum.settings.wording import unknown, wrong
from mecum.types import Json

CHOSEN: Final = Path("models", "default")  # in the data directory: the name of a file beside it
CHOSEN_EMBEDDER: Final = Path("models", "embedder")  # as above
_DEFAULT, _CHOICE, _FILE, _ENVIRON, _FLAG = range(5)
# Several answers to one question.
_RIVALS: Final = {
    "generates": ("engine.scripted", "engine.base_url", "engine.model"),
    "makes vectors": ("library.embedder", "library.embedder_url"),
}
_CHOICES: Final = (  # what is chosen, what it is called, where it stands, and the command
    ("engine.model", "the default model", CHOSEN, "mecum models default"),
    ("library.embedder", "the embedder", CHOSEN_EMBEDDER, "mecum models embedder"),
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings, and for each dotted name where its value came from (`flag --port`, `MECUM_SERVER_PORT`, …).

    `file` is the file that was read, or None.
    """

    settings: Settings
    origins: Mapping[str, str]
    file: Path | None


@dataclass(frozen=True, slots=True)
class _Given:
    value: Any
    rank: int
    label: str  # as messages name the place: "server.port in /home/me/mecum.toml"
    origin: str  # as `mecum config` names it: "mecum.toml (/home/me)"


def load(flags: Mapping[str, Any], environ: Mapping[str, str], *, config: Path | None = None) -> Loaded:
    """Return the effective settings.

    Args:
        flags: values from the command line by dotted name; None means that the flag was not given.
        environ: the environment. Lists are comma separated; an empty value counts as not set.
        config: the file that `--config` names; else MECUM_CONFIG, else `mecum.toml` in the data directory, if there.

    Raises:
        SettingsError: an unknown name, a wrong value, a contradiction, or a file that cannot be read.
    """
    known = names.table()
    given = _from_environ(environ, known) | _from_flags(flags, known)
    home = given.get("home") or _Given(_platform_home(), _DEFAULT, "home", "default")
    given["home"] = replace(home, value=_absolute(home.value, home.label))
    file = _file(config, environ, given["home"].value)
    content = _parsed(file) if file else {}
    tables = model_tables(content.pop(names.MODELS, {}), file) if file else {}
    given = _from_choice(given["home"].value) | (_from_file(file, content, known) if file else {}) | given
    origins = dict.fromkeys(known, "default") | {name: one.origin for name, one in given.items()}
    settings = _validated(given, known)
    for name, winner in _set_aside(settings, given).items():
        del given[name]
        origins[name] = f"default, because {winner} sets it aside"
    stronger = {name.removeprefix("engine."): one.label for name, one in given.items() if one.rank > _FILE}
    models, theirs = of_models(tables, file, stronger) if file else ({}, {})
    settings = _validated(given, known).model_copy(update={names.MODELS: models})
    return Loaded(settings, origins | theirs, file)


def _from_flags(flags: Mapping[str, Any], known: Mapping[str, Setting]) -> dict[str, _Given]:
    return {
        name: _Given(value, _FLAG, known[name].flag or name, f"flag {known[name].flag}")
        for name, value in flags.items()
        if value is not None
    }


def _from_environ(environ: Mapping[str, str], known: Mapping[str, Setting]) -> dict[str, _Given]:
    by_env = {setting.env: setting for setting in known.values()}
    given: dict[str, _Given] = {}
    for env, text in sorted(environ.items()):
        if not env.startswith(names.ENV_PREFIX) or env in names.ENV_OTHERS:
            continue
        if env not in by_env:
            raise SettingsError(unknown(env, [*by_env, names.ENV_CONFIG]))
        setting = by_env[env]
        if text.strip():
            value: Any = _split(text) if setting.schema["type"] == "array" else text.strip()
            given[setting.name] = _Given(value, _ENVIRON, env, env)
    return given


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _platform_home() -> Path:
    return platformdirs.user_data_path("mecum", appauthor=False)


def _absolute(path: str | Path, label: str) -> Path:
    try:
        found = Path(path).expanduser().absolute()
        str(found).encode()
    except RuntimeError:  # "~" of a user who does not exist, or who has no home
        raise SettingsError(f"{label} is {str(path)!r}, whose ~ leads nowhere.") from None
    except UnicodeEncodeError:  # neither the database nor JSON can name such a file
        raise SettingsError(f"{label} is {str(path)!r}, which is no text in UTF-8. Take another path.") from None
    return found


def _file(config: Path | None, environ: Mapping[str, str], home: Path) -> Path | None:
    """Return the file to read. One that was asked for by name must exist; the one in the data directory may."""
    named = config or environ.get(names.ENV_CONFIG, "").strip()
    if not named:
        usual = home / "mecum.toml"
        return usual if usual.exists() else None
    label = "--config" if config else names.ENV_CONFIG
    path = _absolute(named, label)
    if not path.exists():
        raise SettingsError(f"{label} names {path}, which does not exist.")
    return path


def _from_choice(home: Path) -> dict[str, _Given]:
    given: dict[str, _Given] = {}
    for setting, what, place, command in _CHOICES:
        if name := _chosen(home / place, command):
            value = str((home / place).with_name(name))
            given[setting] = _Given(value, _CHOICE, f"{what} ({home / place})", f"{place.as_posix()} ({home})")
    return given


def _chosen(file: Path, command: str) -> str:
    """Return the name that stands in the file, "" where none does."""
    try:
        name = file.read_text(encoding="utf-8").strip() if file.is_file() else ""
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"{file} cannot be read. `{command} NAME` writes it anew.") from None
    if name and (name != Path(name).name or name in (".", "..") or "\0" in name):
        raise SettingsError(f"{file} must hold the name of a file beside it. `{command} NAME` writes it anew.")
    return name


def _from_file(path: Path, content: Json, known: Mapping[str, Setting]) -> dict[str, _Given]:
    given: dict[str, _Given] = {}
    for name, value in _flat(content, path).items():
        label = f"{name} in {path}"
        if name == "home":
            raise SettingsError(f"{label} has no effect, because the file is found by it. Set MECUM_HOME or --home.")
        if name not in known:
            raise SettingsError(unknown(label, [key for key in known if key != "home"], name))
        given[name] = _Given(value, _FILE, label, f"{path.name} ({path.parent})")
        if isinstance(value, bool) and known[name].schema["type"] != "boolean":
            raise SettingsError(wrong(known[name], label, value))  # pydantic would take true for 1
    return given


def _parsed(path: Path) -> Json:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not UTF-8 text.") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None


def _flat(content: Json, path: Path) -> Json:
    """Return the file's values by dotted name."""
    flat: Json = {}
    for key, value in content.items():
        if not isinstance(value, dict):
            if key in Settings.model_fields and key != "home":
                raise SettingsError(f"{key} in {path} must be a table: write [{key}] on a line of its own.")
            flat[key] = value
            continue
        if key not in Settings.model_fields or key == "home":
            raise SettingsError(unknown(f"[{key}] in {path}", [k for k in Settings.model_fields if k != "home"], key))
        flat |= {f"{key}.{name}": inner for name, inner in value.items()}
    return flat


def _validated(given: Mapping[str, _Given], known: Mapping[str, Setting]) -> Settings:
    tree: Json = {}
    for name, one in given.items():
        section, _, key = name.rpartition(".")
        (tree.setdefault(section, {}) if section else tree)[key] = one.value
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        found = dict.fromkeys(".".join(str(part) for part in detail["loc"][:2]) for detail in error.errors())
        lines = [wrong(known[name], given[name].label, given[name].value) for name in found]
        raise SettingsError("\n".join(lines)) from None


def _set_aside(settings: Settings, given: Mapping[str, _Given]) -> dict[str, str]:
    """Return the answers to one question that a stronger place overrules, each with the place that does.

    So `mecum serve --demo` works whatever the file says. Two answers from places of the same strength contradict.
    """
    aside: dict[str, str] = {}
    for question, rivals in _RIVALS.items():
        chosen = {name: given[name] for name in rivals if name in given and _value(settings, name)}
        top = max((one.rank for one in chosen.values()), default=_DEFAULT)
        winners = [one.label for one in chosen.values() if one.rank == top]
        if len(winners) > 1:
            raise SettingsError(f"{' and '.join(winners)} contradict each other: each names what {question}. Give one.")
        aside |= {name: winners[0] for name, one in chosen.items() if one.rank < top}
    return aside


def _value(settings: Settings, name: str) -> object:
    section, _, key = name.partition(".")
    return getattr(getattr(settings, section), key)
