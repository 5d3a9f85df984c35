"""The line that is typed: editing, several lines, history, on a terminal.

Enter sends. Alt-Enter, or a backslash in front of Enter, makes a new line, and so does Enter inside triple quotes. What is
pasted keeps its lines. `tests/cli/test_chat.py` types on a real pseudo-terminal.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from mecum.cli.conversation import is_open, unquoted
from mecum.errors import SettingsError

_PROMPT = FormattedText([("bold ansicyan", "> ")])
_CONTINUATION = FormattedText([("ansibrightblack", ". ")])


class Editor:
    """Reads what is typed. `history` is the file that keeps it, for this user only; None keeps it for this chat."""

    def __init__(self, history: Path | None) -> None:
        self._session: PromptSession[str] = PromptSession(
            _PROMPT,
            multiline=True,
            prompt_continuation=lambda _width, _line, _wrapped: _CONTINUATION,
            key_bindings=_keys(),
            history=_history(history),
        )

    async def read(self) -> str:
        """Return what was sent.

        Raises:
            KeyboardInterrupt: Ctrl-C on an empty line; on another one it only empties it.
            EOFError: Ctrl-D on an empty line, or the terminal is gone.
        """
        return unquoted(await self._session.prompt_async(handle_sigint=False))


def _history(file: Path | None) -> History:
    """Return the history in the file, which only we may read.

    Raises:
        SettingsError: the file cannot be used.
    """
    if file is None:
        return InMemoryHistory()
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if hasattr(os, "fchmod"):
                os.fchmod(descriptor, 0o600)  # a file that was there may be open to others
        finally:
            os.close(descriptor)
    except OSError as error:
        raise SettingsError(f"{file} cannot be used: {error.strerror}. `mecum chat --no-history` does without it.") from None
    return FileHistory(str(file))


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter")
    def send(event: KeyPressEvent) -> None:
        line = event.current_buffer
        if line.document.text_before_cursor.endswith("\\"):
            line.delete_before_cursor()
            line.insert_text("\n")
        elif is_open(line.text):
            line.insert_text("\n")
        else:
            line.validate_and_handle()

    @keys.add("escape", "enter")
    def new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @keys.add("c-c")
    def drop(event: KeyPressEvent) -> None:
        if event.current_buffer.text:
            event.current_buffer.reset()
        else:
            event.app.exit(exception=KeyboardInterrupt, style="class:aborting")

    return keys


@contextlib.contextmanager
def typing_ahead() -> Iterator[None]:
    """Keep what is typed between prompts off the screen and for the next one, Ctrl-D too. Ctrl-C stays a signal."""
    if sys.platform == "win32" or not sys.stdin.isatty():
        yield
        return
    import termios  # noqa: PLC0415 # not there on Windows

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    quiet = termios.tcgetattr(terminal)
    quiet[3] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(terminal, termios.TCSANOW, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSANOW, before)
