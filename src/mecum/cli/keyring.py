"""What `mecum keys …` does, over the routes of keys, whoever serves them.

Invariants (`tests/cli/test_keys.py`): a new key's text is all that stands on stdout, once; what is done holds for the
running server from its next request on.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mecum.cli.personas import Where
from mecum.cli.remote import Api
from mecum.cli.terminal import confirmed, note, one_line, say
from mecum.cli.words import day, many
from mecum.errors import InvalidRequest, KeyNotFound
from mecum.types import Json

KEYS: Final = "/api/keys"


def create(asked: Json, where: Where, *, as_json: bool) -> None:
    """Make a key, and show its text."""
    body = {name: value for name, value in asked.items() if value is not None}

    async def work(api: Api) -> tuple[Json, bool]:
        first = not await api.get(KEYS)
        return await api.post(KEYS, body), first

    key, first = where.do(work)
    if as_json:
        say(json.dumps(key, indent=2))
        return
    say(key["key"])
    note(f'made the key "{one_line(key["name"])}" of {_of(key)}. It is shown this once: keep it where only you can read it.')
    if first:
        note("from now on every request needs a key, but for the page itself and the server's state.")


def show_all(where: Where, *, as_json: bool) -> None:
    """List the keys: as a table, as lines, or as one JSON object."""
    keys: list[Json] = where.do(lambda api: api.get(KEYS))
    if as_json:
        say(json.dumps({"keys": keys}, indent=2))
    elif not keys:
        note("there are no keys. mecum keys create NAME makes one.")
    elif sys.stdout.isatty():
        table = Table("name", "owner", "scopes", "ends in", "", "last used", "id")
        for key in keys:
            table.add_row(*map(Text, _row(key)), style=None if key["state"] == "good" else "dim")
        Console().print(table)
    else:
        for key in keys:
            say("  ".join(_row(key)))


def revoke(names: Sequence[str], where: Where) -> None:
    """Revoke keys: all that are named, or none where one of them is not there."""

    async def work(api: Api) -> list[Json]:
        keys: list[Json] = await api.get(KEYS)
        found = {key["id"]: key for key in [_found(keys, name) for name in names]}
        return [await api.delete(f"{KEYS}/{key['id']}") for key in found.values()]

    for key in where.do(work):
        say(f'Revoked "{one_line(key["name"])}" ({key["id"]}). It opens nothing any more.')


def open_(where: Where, *, yes: bool) -> int:
    """Let this machine in without a key again, and return the exit code. On a terminal it asks first where keys are good."""

    async def work(api: Api) -> list[Json] | None:
        good = [key for key in await api.get(KEYS) if key["state"] == "good"]
        if good and not yes and sys.stdin.isatty() and not confirmed(f"This revokes {many(len(good), 'key')}. Go on?"):
            return None
        revoked: list[Json] = await api.post(f"{KEYS}/open", None)
        return revoked

    revoked = where.do(work)
    if revoked is None:
        note("nothing was changed.")
        return 1
    for key in revoked:
        say(f'Revoked "{one_line(key["name"])}" ({key["id"]}).')
    say("No key is asked for any more: whoever uses this machine is the owner local.")
    return 0


def _found(keys: Sequence[Json], name: str) -> Json:
    """Return the key of that id, or the good one of that name.

    Raises:
        KeyNotFound: there is none.
    """
    for means in (
        [key for key in keys if key["id"] == name],
        [key for key in keys if key["name"] == name and key["state"] == "good"],
        [key for key in keys if key["name"] == name and key["state"] == "expired"],
    ):
        if len(means) == 1:
            return means[0]
        if means:
            raise InvalidRequest(f"There are several keys '{one_line(name[:200])}'. Name one by its id: mecum keys list.")
    raise KeyNotFound(f"There is no key '{one_line(name[:200])}'. mecum keys list shows those there are.")


def _of(key: Json) -> str:
    limits = [f"{many(key['rate'], 'request')} a minute"] if key["rate"] else []
    limits += [f"{key['concurrency']} at once"] if key["concurrency"] else []
    limits += [f"until {day(key['expires'])}"] if key["expires"] else []
    return ", ".join([f"{key['owner']}, for {' and '.join(key['scopes'])}", *limits])


def _row(key: Json) -> list[str]:
    state = key["state"] if key["state"] != "good" or not key["expires"] else f"good until {day(key['expires'])}"
    used = day(key["last_used"]) or "never"
    return [one_line(key["name"]), key["owner"], ",".join(key["scopes"]), f"…{key['hint']}", state, used, key["id"]]
