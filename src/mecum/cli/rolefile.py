"""A role as a file: TOML, made to be read and edited, or JSON.

Invariant (`tests/cli/test_rolefile.py`): a file that was written gives, when it is read, the same role; a field that no role
has is refused, since it is a field that somebody misspelt.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, Final

import orjson

from mecum.cli.toml import toml
from mecum.errors import InvalidRequest
from mecum.types import Json

DEFAULTS: Final[Json] = {
    "description": "",
    "system_prompt": "",
    "icon": "",
    "is_active": True,
    "enable_l0_retrieval": True,
    "enable_l1_retrieval": True,
    "collections": [],
    "model": None,
    "temperature": None,
}
FIELDS: Final = ("name", "uuid", *DEFAULTS)
_NOT_OURS_TO_SET: Final = frozenset({"id", "create_time", "update_time"})  # an API's answer may be a role file, too
_LARGEST: Final = 1024 * 1024  # bytes


def read(file: Path) -> Json:
    """Return the role of a file, as the API takes it: every field but `uuid` is there.

    Raises:
        InvalidRequest: it cannot be read, or is no role.
    """
    values = _parsed(file)
    if unknown := sorted(set(values) - set(FIELDS) - _NOT_OURS_TO_SET):
        raise InvalidRequest(f"{file}: a role has no field '{unknown[0]}'. It has: {', '.join(FIELDS)}.")
    if "name" not in values:
        raise InvalidRequest(f"{file}: the role's name is missing.")
    role = {**DEFAULTS, **{name: values[name] for name in FIELDS if name in values}}
    try:
        orjson.dumps(role)
    except TypeError as error:
        raise InvalidRequest(f"{file} holds a value that no role may have: {error}.") from None
    return role


def written(role: Json, *, as_json: bool) -> str:
    """Return what stands in the file of a role, as the API answers it."""
    values = {name: role[name] for name in FIELDS}
    if as_json:
        return json.dumps(values, ensure_ascii=False, indent=2) + "\n"
    return toml({name: value for name, value in values.items() if value is not None})


def is_json(file: Path) -> bool:
    """Return whether a file of this name is JSON; else it is TOML."""
    return file.suffix.lower() == ".json"


def _parsed(file: Path) -> dict[str, Any]:
    text = _text(file)
    try:
        values = json.loads(text) if is_json(file) else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"{file} is not valid {'JSON' if is_json(file) else 'TOML'}: {error}.") from None
    if not isinstance(values, dict):
        raise InvalidRequest(f"{file} holds no role: it must be one object with the role's fields.")
    return values


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(_LARGEST + 1)
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be read: {error.strerror}.") from None
    if len(data) > _LARGEST:
        raise InvalidRequest(f"{file} is larger than 1 MiB: it is no role.")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise InvalidRequest(f"{file} is not UTF-8 text.") from None
