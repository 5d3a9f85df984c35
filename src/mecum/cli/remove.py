"""`mecum remove`: documents out of the library.

Invariant (`tests/cli/test_library_commands.py`): the files themselves are never touched; one wrong name removes nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mecum.cli.naming import Chosen, choose
from mecum.cli.remote import Api
from mecum.cli.served import prepared, run
from mecum.cli.terminal import confirmed, say
from mecum.cli.upload import DOCUMENTS
from mecum.cli.words import many
from mecum.types import Json


def remove(names: Sequence[str], flags: Mapping[str, Any], config: Path | None, *, collection: str | None, yes: bool) -> int:
    """Remove what the names mean; on a terminal more than one document only after a question. Return the exit code.

    Raises:
        NotFound: one of them means nothing; none is removed then.
        MecumError: the library cannot be reached, or is at fault.
    """
    settings = prepared(flags, config)

    async def look(api: Api) -> list[Chosen]:
        return [await choose(api, name, collection) for name in names]

    async def work(api: Api) -> int:
        chosen = await look(api)
        return sum([await _remove(api, one, collection) for one in chosen])

    if not yes and sys.stdin.isatty() and sys.stderr.isatty():
        number = sum(one.number for one in run(settings, look))
        if number > 1 and not confirmed(f"Remove {many(number, 'document')} from the library? Your files stay."):
            say("Nothing was removed.")
            return 1
    removed = run(settings, work)
    say(f"{many(removed, 'document')} removed. Your own files are as they were.")
    return 0


async def _remove(api: Api, chosen: Chosen, collection: str | None) -> int:
    if chosen.document_id:
        answer: Json = await api.delete(f"{DOCUMENTS}/{chosen.document_id}")
    else:
        answer = await api.delete(DOCUMENTS, {"path": chosen.path, "collection": collection})
    return int(answer["removed"])
