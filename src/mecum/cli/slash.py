"""The commands inside a chat: lines that begin with a slash.

`COMMANDS` is the one table; `/help` and `docs/cli.md` show it, and a test holds the page to it.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType

from mecum.cli.conversation import Conversation, rendered
from mecum.cli.question import Question
from mecum.cli.terminal import plain, say
from mecum.errors import InvalidRequest, ModelNotFound

COMMANDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "/help": ("", "Show this list."),
        "/new": ("", "Begin a new conversation; role, model and the like stay."),
        "/system": ("[TEXT]", "Tell the model something before every question; nothing without TEXT."),
        "/role": ("[ID]", "Speak as a role; as none without ID."),
        "/model": ("[NAME]", "Ask this model; without NAME, list the models."),
        "/docs": ("on|off", "Look into your documents or not."),
        "/retry": ("", "Ask the last question once more."),
        "/save": ("FILE", "Write the conversation to a new file: messages for .json, else a text to read."),
        "/exit": ("", "End the chat, as Ctrl-D does."),
    }
)
_KEYS = 'Alt-Enter, or \\ and Enter: a new line. """ begins a text of several lines, and ends it. Ctrl-C stops an answer.'


class End(Exception):
    """The chat is to end."""


class Commands:
    """Carries commands out. `question` is what every question has in common; `models` asks for the models' names."""

    def __init__(self, conversation: Conversation, question: Question, models: Callable[[], Awaitable[list[str]]]) -> None:
        self.question = question
        self._conversation = conversation
        self._models = models

    async def obey(self, name: str, rest: str) -> str | None:
        """Carry out a command; return a question if there is one to ask now.

        Raises:
            InvalidRequest: there is no such command, or not like this.
            End: the chat is to end.
            MecumError: the server cannot be asked.
        """
        if name not in COMMANDS:
            near = get_close_matches(name, COMMANDS, n=1)
            hint = f"Did you mean {near[0]}?" if near else "/help lists them."
            raise InvalidRequest(f"There is no command {name}. {hint} A space in front of it makes it a question.")
        usage = COMMANDS[name][0]
        if (rest and not usage) or (not rest and usage and not usage.startswith("[")):
            raise InvalidRequest(f"Write it like this: {name} {usage}".rstrip() + ".")
        if name == "/retry":
            return self._retry()
        if name == "/model":
            await self._model(rest)
        else:
            getattr(self, f"_{name[1:]}")(rest)
        return None

    def _help(self, _rest: str) -> None:
        for name, (usage, what) in COMMANDS.items():
            say(f"  {name + ' ' + usage:<16} {what}")
        say(f"  {_KEYS}")

    def _new(self, _rest: str) -> None:
        self._conversation.clear()
        say("A new conversation.")

    def _system(self, rest: str) -> None:
        self.question = replace(self.question, system=rest or None)
        say("The model is told this before every question." if rest else "The model is told nothing beforehand.")

    def _role(self, rest: str) -> None:
        self.question = replace(self.question, role_id=rest or None)
        say(f"The role is {plain(rest)}." if rest else "No role.")

    async def _model(self, rest: str) -> None:
        known = await self._models()
        if not rest:
            current = self.question.model or next(iter(known), None)
            for name in known:
                say(f"{'*' if name == current else ' '} {plain(name)}")
        elif rest not in known:
            raise ModelNotFound(f"There is no model {plain(rest)} here, only {', '.join(map(plain, known)) or 'none'}.")
        else:
            self.question = replace(self.question, model=rest)
            say(f"{plain(rest)} answers from now on.")

    def _docs(self, rest: str) -> None:
        if rest not in ("on", "off"):
            raise InvalidRequest("Write it like this: /docs on, or /docs off.")
        self.question = replace(self.question, docs=rest == "on")
        say(f"Your documents are {'looked into' if rest == 'on' else 'left alone'}.")

    def _retry(self) -> str:
        text = self._conversation.again()
        if text is None:
            raise InvalidRequest("There is nothing to ask again yet.")
        return text

    def _save(self, rest: str) -> None:
        if not self._conversation.turns:
            raise InvalidRequest("There is nothing to save yet.")
        text = rendered(self._conversation.turns, self.question.system, rest)
        try:
            file = Path(rest).expanduser()
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
                out.write(text)
        except FileExistsError:
            raise InvalidRequest(f"{rest} is there already. Name another file.") from None
        except (OSError, RuntimeError) as error:  # RuntimeError: a ~ that leads nowhere
            reason = getattr(error, "strerror", None) or error
            raise InvalidRequest(f"{rest} cannot be written: {reason}. Name another file.") from None
        say(f"Saved in {file.absolute()}.")

    def _exit(self, _rest: str) -> None:
        raise End
