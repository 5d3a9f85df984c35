"""`mecum verify`: whether the library is whole: rows, originals, index (`tests/cli/test_library_commands.py`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mecum.cli.remote import Api
from mecum.cli.served import prepared, run
from mecum.cli.terminal import plain, say
from mecum.types import Json

WRONG: Final = 6  # the exit code, as for a store that cannot be opened
_LONG: Final = 3600.0  # seconds: a large library is read as a whole


def verify(flags: Mapping[str, Any], config: Path | None, *, as_json: bool) -> int:
    """Look at the library, and tell what is wrong. Return the exit code.

    Raises:
        MecumError: it cannot be opened or reached.
    """

    async def work(api: Api) -> Json:
        answer: Json = await api.get("/api/verify", patience=_LONG)
        return answer

    faults = run(prepared(flags, config), work)["faults"]
    if as_json:
        say(json.dumps({"ok": not faults, "faults": faults}, indent=2))
    elif not faults:
        say("The library is in order.")
    else:
        for fault in faults:
            say(plain(fault))
        say("Put back a backup: mecum restore FILE.tar --replace, or add the documents again: mecum forget --all.")
    return WRONG if faults else 0
