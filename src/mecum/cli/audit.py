"""`mecum audit`: who did what, the first first, as much of it as is asked for (`tests/cli/test_keys.py`)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Final

from mecum.cli.personas import Where
from mecum.cli.remote import Api
from mecum.cli.terminal import note, one_line, say
from mecum.types import Json

AUDIT: Final = "/api/audit"
_PAGE: Final = 1000
_SHOWN: Final = 3  # ids in a line; --json has all that were kept


def show(where: Where, *, since: float | None, limit: int, as_json: bool) -> None:
    """Show the last entries of the audit log: as lines, or as one JSON object."""

    async def work(api: Api) -> list[Json]:
        found: list[Json] = []
        cursor: int | None = None
        while len(found) < limit:
            page = await api.get(AUDIT, {"since": since, "limit": min(_PAGE, limit - len(found)), "cursor": cursor})
            found += page["items"]
            if (cursor := page["next_cursor"]) is None:
                break
        found.reverse()
        found.sort(key=lambda entry: float(entry["time"]))  # what is counted is written down later
        return found

    entries = where.do(work)
    if as_json:
        say(json.dumps({"entries": entries}, indent=2))
    elif not entries:
        note("nothing was done that the audit log would tell of.")
    for entry in () if as_json else entries:
        say(_line(entry))


def _line(entry: Json) -> str:
    time = datetime.fromtimestamp(entry["time"], UTC).astimezone()
    what = entry["what"] if entry["count"] <= 1 else f"{entry['what']} {entry['count']} times"
    targets = entry["targets"][:_SHOWN]
    more = ["…"] if entry["count"] > len(targets) and targets else []
    return "  ".join([f"{time:%Y-%m-%d %H:%M:%S}", _who(entry), what, entry["outcome"], *targets, *more])


def _who(entry: Json) -> str:
    key = entry["key"]
    if key is None:
        return entry["owner"] or "nobody known"
    return f"{entry['owner'] or 'nobody known'} ({one_line(key['name'] or key['id'])})"
