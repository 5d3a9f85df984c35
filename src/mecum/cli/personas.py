"""What `mecum roles …` does, over the routes of roles, whoever serves them.

Invariants (`tests/cli/test_roles.py`): importing a file twice changes nothing the second time; an export never overwrites;
names and texts of a role cannot steer the terminal.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path, PureWindowsPath
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mecum.cli import rolefile
from mecum.cli.remote import Api
from mecum.cli.served import prepared, run
from mecum.cli.terminal import note, one_line, plain, say
from mecum.errors import InvalidRequest, MecumError, RoleNotFound
from mecum.types import Json

ROLES: Final = "/api/kernel2/roles"


class Where:
    """On which data directory a command works, with which settings file."""

    def __init__(self, home: Path | None, config: Path | None) -> None:
        self._flags: Mapping[str, Any] = {"home": home}
        self._config = config

    def do(self, work: Callable[[Api], Coroutine[Any, Any, Any]]) -> Any:
        """Do some work with the API; errors as `served.run`."""
        return run(prepared(self._flags, self._config), work)


def show_all(where: Where, *, as_json: bool) -> None:
    """List the roles: as a table, as lines, or as one JSON object."""
    roles: list[Json] = where.do(lambda api: api.get(ROLES))
    if as_json:
        say(json.dumps({"roles": roles}, indent=2))
    elif not roles:
        note("there are no roles. mecum roles create NAME makes one.")
    elif sys.stdout.isatty():
        _table(roles)
    else:
        for role in roles:
            say("  ".join([*_row(role), one_line(role["description"])]).rstrip())


def show(name: str, where: Where, *, as_json: bool) -> None:
    """Show one role with its prompt: as text, or as JSON."""
    role = where.do(lambda api: find(api, name))
    if as_json:
        say(json.dumps(role, indent=2))
        return
    for label, value in _facts(role):
        say(f"{label:<14}{one_line(value)}".rstrip())
    if role["system_prompt"]:
        say(f"\n{plain(role['system_prompt'])}")


def create(fields: Json, file: Path | None, where: Where) -> None:
    """Make a role of what was given, and of a file where there is one: what was given wins."""
    values = {**(rolefile.read(file) if file else {}), **fields}
    if not values.get("name"):
        raise InvalidRequest('Name the role: mecum roles create "Guide".')
    role = where.do(lambda api: api.post(ROLES, values))
    say(f"Made {_called(role)}. Speak as it: mecum chat --role {role['uuid']}")


def edit(name: str, fields: Json, where: Where) -> None:
    """Change a role: what was given; where nothing was, in the user's editor."""
    role = where.do(lambda api: find(api, name))
    with nullcontext(fields) if fields else _edited(role) as changes:
        if not changes:
            note("nothing was changed.")
            return
        role = where.do(lambda api: api.patch(_one(role), changes))
    say(f"Changed {_called(role)}.")


def delete(names: Sequence[str], where: Where) -> None:
    """Delete roles: all that are named, or none where one of them is not there."""

    async def work(api: Api) -> list[Json]:
        found = {role["uuid"]: role for role in [await find(api, name) for name in names]}
        return [await api.delete(_one(role)) for role in found.values()]

    for role in where.do(work):
        say(f"Deleted {_called(role)}.")


def export(name: str, file: Path | None, where: Where, *, as_json: bool) -> None:
    """Write a role to a new file, or to stdout."""
    role = where.do(lambda api: find(api, name))
    if file is None:
        sys.stdout.write(rolefile.written(role, as_json=as_json))
        sys.stdout.flush()
        return
    _write(file, rolefile.written(role, as_json=as_json or rolefile.is_json(file)))
    note(f"wrote {file}.")


def export_all(folder: Path, where: Where, *, as_json: bool) -> None:
    """Write every role to a new file in a folder."""
    roles: list[Json] = where.do(lambda api: api.get(ROLES))
    files = _files(folder, roles, ".json" if as_json else ".toml")
    if taken := [file for file in files if file.exists()]:
        raise InvalidRequest(f"{taken[0]} is there already. Name another folder, or move the file away.")
    folder.mkdir(parents=True, exist_ok=True)
    for file, role in zip(files, roles, strict=True):
        _write(file, rolefile.written(role, as_json=as_json))
        note(f"wrote {file}.")


def import_all(files: Sequence[Path], where: Where, *, replace: bool) -> int:
    """Make the roles of files, or bring those that are there to what the files say. Return the exit code.

    A role is the same by its uuid; by its name where the file has no uuid, or with `replace`.

    Raises:
        InvalidRequest: a file holds no role; nothing was done.
    """
    roles = [(file, rolefile.read(file)) for file in files]

    async def work(api: Api) -> int:
        failed = 0
        for file, role in roles:
            try:
                say(await _take(api, role, replace=replace))
            except InvalidRequest as error:
                note(f"{file}: {error.message}")
                failed += 1
        return failed

    return 2 if where.do(work) else 0


async def find(api: Api, name: str) -> Json:
    """Return the role of that uuid or name; of a name in another case, if it is the only one.

    Raises:
        RoleNotFound: there is none.
    """
    roles: list[Json] = await api.get(ROLES)
    for means in (
        [role for role in roles if role["uuid"] == name],
        [role for role in roles if role["name"] == name],
        [role for role in roles if role["name"].casefold() == name.casefold()],
    ):
        if len(means) == 1:
            return means[0]
    raise RoleNotFound(f"There is no role '{name[:200]}'. mecum roles list shows those there are.")


async def _take(api: Api, role: Json, *, replace: bool) -> str:
    """Make or change the role of a file, and return what was done."""
    uuid, values = role.get("uuid"), {name: value for name, value in role.items() if name != "uuid"}
    roles: list[Json] = await api.get(ROLES)
    there = next((one for one in roles if uuid and one["uuid"] == uuid), None)
    if there is None and (replace or not uuid):
        there = next((one for one in roles if one["name"] == role["name"].strip()), None)
    if there is None:
        return f"Made {_called(await api.post(ROLES, role))}."
    changed = await api.patch(_one(there), values)
    same = {**changed, "update_time": ""} == {**there, "update_time": ""}
    return f"Unchanged: {_called(changed)}." if same else f"Changed {_called(changed)}."


@contextmanager
def _edited(role: Json) -> Iterator[Json]:
    """Yield what the user changes of a role in an editor. What was written is lost only if the block takes it."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise InvalidRequest("Say what to change (mecum roles edit --help), or name your editor: EDITOR=nano.")
    folder = Path(tempfile.mkdtemp(prefix="mecum-"))
    file = folder / "role.toml"
    _write(file, rolefile.written(role, as_json=False))
    before = rolefile.read(file)
    try:
        subprocess.run([*shlex.split(editor), str(file)], check=True)  # noqa: S603 # the user's own choice
        after = rolefile.read(file)
        yield {name: value for name, value in after.items() if name != "uuid" and value != before[name]}
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        shutil.rmtree(folder)
        raise InvalidRequest(f"The editor failed, so nothing was changed: {error}.") from None
    except MecumError:
        note(f"what you wrote is in {file}")
        raise
    shutil.rmtree(folder)


def _files(folder: Path, roles: Sequence[Json], suffix: str) -> list[Path]:
    """Return a file for each role, named by it, no two alike on any system."""
    names: list[str] = []
    for role in roles:
        slug = re.sub(r"[^\w-]+", "-", role["name"].lower()).strip("-_") or "role"
        slug = f"role-{slug}" if PureWindowsPath(slug).is_reserved() else slug
        names.append(slug if slug not in names else f"{slug}-{role['uuid']}")
    return [folder / f"{name}{suffix}" for name in names]


def _write(file: Path, text: str) -> None:
    try:
        with file.open("x", encoding="utf-8", newline="\n") as opened:
            opened.write(text)
    except FileExistsError:
        raise InvalidRequest(f"{file} is there already. Name another file, or move it away.") from None
    except OSError as error:
        raise MecumError(f"{file} cannot be written: {error.strerror}.") from None


def _one(role: Json) -> str:
    return f"{ROLES}/{role['uuid']}"


def _called(role: Json) -> str:
    return f'"{one_line(role["name"])}" ({role["uuid"]})'


def _row(role: Json) -> tuple[str, str, str]:
    return one_line(role["name"]), role["uuid"], "active" if role["is_active"] else "inactive"


def _facts(role: Json) -> list[tuple[str, str]]:
    where = ", ".join(role["collections"]) or "all collections"
    return [
        ("name", role["name"]),
        ("uuid", role["uuid"]),
        ("description", role["description"]),
        ("icon", role["icon"] if len(role["icon"]) <= 100 else f"{role['icon'][:40]} …"),
        ("state", "active" if role["is_active"] else "inactive"),
        ("documents", where if role["enable_l0_retrieval"] else "only when asked to"),
        ("model", role["model"] or "the default"),
        ("temperature", "the route's" if role["temperature"] is None else f"{role['temperature']:g}"),
        ("made", f"{role['create_time']} UTC"),
        ("changed", f"{role['update_time']} UTC"),
    ]


def _table(roles: Sequence[Json]) -> None:
    table = Table("name", "uuid", "", "description")
    for role in roles:
        style = None if role["is_active"] else "dim"
        table.add_row(*map(Text, _row(role)), Text(one_line(role["description"])), style=style)
    Console().print(table)
