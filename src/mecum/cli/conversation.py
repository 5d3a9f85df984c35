"""What was said in a chat, and what is typed into it. Pure: no terminal, no engine.

Invariant: after every step the turns are whole exchanges, a question and its answer, so whatever goes wrong with one
question the next one is asked as if it had not been (`tests/cli/test_conversation.py`).
"""

from __future__ import annotations

import json
import re
from pathlib import PurePath

from mecum.types import Json

_QUOTES = '"""'
_OPENING = re.compile(rf"\s*(/\w+\s+)?{_QUOTES}")  # at the beginning, or after a command
_COMMAND = re.compile(r"/\w*(?!\S)")  # not a path such as /etc/hosts


class Conversation:
    """The turns so far, and the last question, answered or not."""

    def __init__(self) -> None:
        self.turns: tuple[Json, ...] = ()
        self._last: str | None = None
        self._kept = False  # whether the last question is in the turns

    def ask(self, text: str) -> None:
        """Take note of a question before it is asked."""
        self._last, self._kept = text, False

    def keep(self, answer: str) -> None:
        """Take the last question and its answer, perhaps only the beginning of one, into the turns."""
        self.turns += ({"role": "user", "content": self._last}, {"role": "assistant", "content": answer})
        self._kept = True

    def again(self) -> str | None:
        """Take the last exchange back and return its question, to be asked once more; None where there was none."""
        if self._kept:
            self.turns, self._kept = self.turns[:-2], False
        return self._last

    def clear(self) -> None:
        """Begin anew."""
        self.turns, self._last, self._kept = (), None, False


def rendered(turns: tuple[Json, ...], system: str | None, name: str) -> str:
    """Return the conversation as a file of that name holds it: messages as JSON for `.json`, else text to read."""
    messages = [{"role": "system", "content": system}] if system else []
    messages += turns
    if PurePath(name).suffix.lower() == ".json":
        return json.dumps(messages, ensure_ascii=False, indent=2) + "\n"
    return "\n\n".join(f"## {message['role']}\n\n{message['content'].strip()}" for message in messages) + "\n"


def is_open(text: str) -> bool:
    '''Return whether the text has an opening """ that is not closed: Enter then makes a new line.'''
    opening = _OPENING.match(text)
    return opening is not None and not text[opening.end() :].rstrip().endswith(_QUOTES)


def unquoted(text: str) -> str:
    """Return the text without the quotes that let it have several lines."""
    opening = _OPENING.match(text)
    if not opening or is_open(text):
        return text
    inner = text[opening.end() :].rstrip().removesuffix(_QUOTES)
    return (opening[1] or "") + inner.removeprefix("\n").removesuffix("\n")


def command(text: str) -> tuple[str, str] | None:
    """Return a command's name and what follows it, or None where the text is something to ask."""
    found = _COMMAND.match(text)
    return (found[0], text[found.end() :].strip()) if found else None
