"""What the Python drivers share: running rows, and telling what a client raised."""

from __future__ import annotations

import asyncio
import json
import sys
import traceback
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Row = Callable[[str], Any]
BORDERS = "a😀👨‍👩‍👧漢字é\u0301~"
SEPARATORS = "one\u2028two\u2029three\x85four"
GROUNDED = "!say Ada Lovelace wrote the first program [1]."
BREAKS = "!say one\n!wait 0.1\n!break"
WEATHER = '!tool weather {"city": "Köln"}\n!tool weather {"city": "Bonn"}'


def main(rows: Mapping[str, Row]) -> None:
    """Run the rows that the command line names, or all but the one for a real model, and print their outcomes."""
    url, *names = sys.argv[1:]
    names = names or [name for name in rows if name != "real"]
    with ThreadPoolExecutor(4) as pool:
        futures = {name: pool.submit(rows[name], url) for name in names}
    outcomes: dict[str, Any] = {}
    for name, future in futures.items():
        error = future.exception()
        outcomes[name] = {"crashed": "".join(traceback.format_exception(error))} if error else {"value": future.result()}
    sys.stdout.write(json.dumps(outcomes, default=str) + "\n")


def raised(kind: type[Exception], call: Callable[[], Any]) -> Any:
    """Return what the client raised, as data; or what it returned instead."""
    try:
        return call()
    except kind as error:
        known = {name: getattr(error, name, None) for name in ("status_code", "code", "param")}
        return {"types": [each.__name__ for each in type(error).__mro__], "message": str(error), **known}


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run one coroutine to its end."""
    return asyncio.run(coroutine)
