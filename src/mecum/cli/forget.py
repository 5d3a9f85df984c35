"""`mecum forget --all`: every document, its original, and what was typed in chats. What stays is said.

The library leaves no trace of them on the disk; the disk itself may (`docs/cli.md`).
Invariant (`tests/cli/test_library_commands.py`): nothing goes without the word and an answer.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mecum.cli.remote import Api
from mecum.cli.served import prepared, run
from mecum.cli.terminal import confirmed, say
from mecum.cli.words import many
from mecum.errors import InvalidRequest
from mecum.types import Json

_LONG: Final = 3600.0  # seconds: a large library is written anew
_STAYS = "What stays: your own files, settings, models, the server's log, and backups that you made."


def forget(flags: Mapping[str, Any], config: Path | None, *, everything: bool, yes: bool) -> int:
    """Forget all. Return the exit code.

    Raises:
        InvalidRequest: it was not said that all is meant.
        MecumError: the library cannot be reached, or is at fault.
    """
    if not everything:
        raise InvalidRequest("mecum forget takes everything or nothing: mecum forget --all. Single ones: mecum remove.")
    settings = prepared(flags, config)
    if not yes:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise InvalidRequest("There is no terminal to ask on. To forget everything: mecum forget --all --yes.")
        if not confirmed(f"Forget all documents and chat history in {settings.home}? This cannot be undone."):
            say("Nothing was forgotten.")
            return 1

    async def work(api: Api) -> Json:
        answer: Json = await api.post("/api/forget", {"all": True}, patience=_LONG)
        return answer

    removed = run(settings, work)["removed"]
    history = settings.home / "history"
    typed = " and what was typed in chats" * history.exists()
    history.unlink(missing_ok=True)
    say(f"Forgotten: {many(removed, 'document')}{typed}. {_STAYS}")
    return 0
