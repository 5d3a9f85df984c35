"""The places of the models that are installed: a `Bay` for each, made, renewed and taken away as files come and go.

Nothing is loaded or unloaded here: `several` does that. Invariants (`tests/engine/test_stock.py`, `test_several.py`): the
default is the first; a model in use keeps its place until it is not, whatever becomes of its file or its name; who waits
for a model whose file was replaced waits for the new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from mecum.engine.aliases import default_model
from mecum.engine.bay import Bay
from mecum.engine.inventory import Entry, Inventory
from mecum.engine.machine import Machine
from mecum.engine.models import STARTER_NAME
from mecum.engine.outlook import outlook_of
from mecum.errors import ModelNotFound
from mecum.settings.models import engine_for, settings_for
from mecum.settings.schema import Settings


class Stock:
    """All places. `machine` is set when the engine starts: what all models together may take of it is planned with."""

    def __init__(self, settings: Settings, default: Callable[[], str | None] | None = None) -> None:
        self._settings = settings
        self._inventory = Inventory(settings.home, default or (lambda: default_model(settings)))
        self._bays: dict[str, Bay] = {}
        self._entries: dict[str, Entry] = {}  # what is installed, by name, the default first
        self.machine = Machine(1, 0)

    async def begin(self) -> Bay:
        """Make the default model's place, and no other yet.

        Raises:
            EngineStartError: there is none, or it cannot be used here.
        """
        entry = await asyncio.to_thread(self._inventory.default)
        bay = self._place(entry)
        if bay.outlook.fault:
            raise bay.outlook.fault
        self._entries = {entry.name: entry}
        return bay

    async def look(self) -> bool:
        """Take over what is installed now, and return whether that may be something new."""
        if not self._inventory.changed():
            return False
        self._take_over(await asyncio.to_thread(self._inventory.look))
        return True

    def __iter__(self) -> Iterator[Bay]:
        """Yield all places, also of models that are gone and still answer."""
        return iter(self._bays.values())

    def __getitem__(self, name: str) -> Bay:
        """Return the place of that name, which may have been renamed since; errors as `find`."""
        bay = self._bays.get(name) or next((bay for bay in self if bay.model().is_called(name)), None)
        if bay is None:
            raise ModelNotFound(f"There is no model '{name[:256]}'.", param="model")
        return bay

    def find(self, name: str) -> Bay:
        """Return the place of a model that may be asked for: not of one that only ends the answers that it has begun.

        Raises:
            ModelNotFound: there is none of that name.
        """
        bay = self[name]
        if bay.gone and name not in self._entries:
            raise _no_file(name)
        return bay

    def installed(self) -> list[Bay]:
        """Return the places of what is installed, the default first."""
        return [self._bays[name] for name in self._entries]

    @property
    def default(self) -> Bay | None:
        """The default model's place; None before `begin`."""
        return next(iter(self.installed()), None)

    def clear(self) -> list[Bay]:
        """Let go of models whose file is gone, or is another one; return those that have to be unloaded before."""
        loaded = []
        for bay in [bay for bay in self if bay.gone]:
            if bay.name not in self._entries:
                bay.refuse(_no_file(bay.name))
            if bay.phase == "in" and not bay.users:
                loaded.append(bay)
            elif bay.phase == "out":
                del self._bays[bay.name]
                self._rename()
                if bay.name in self._entries:
                    bay.hand_over(self._bays.get(bay.name) or self._place(self._entries[bay.name]))
        return loaded

    def _take_over(self, entries: list[Entry]) -> None:
        self._entries = {entry.name: entry for entry in entries}
        for bay in self:
            bay.gone = self._entry(bay) is None
            bay.disarm()  # another one may be the default
        self._rename()
        for entry in entries:
            if entry.name not in self._bays:
                self._place(entry)

    def _entry(self, bay: Bay) -> Entry | None:
        """Return what is installed of the very files that a place is for."""
        which = bay.entry.files, bay.entry.stamp
        return next((entry for entry in self._entries.values() if (entry.files, entry.stamp) == which), None)

    def _rename(self) -> None:
        """Let models go by the names that they have now, as far as those are free: it stops nothing that they do."""
        for bay in list(self):
            entry = self._entry(bay)
            if entry and entry.name not in self._bays:
                self._bays[entry.name] = self._bays.pop(bay.name)
                bay.rename(entry, self._aliases(entry))
                self._rename()  # its old name may be another's new one

    def _place(self, entry: Entry) -> Bay:
        """Make a place for a model, or make it anew."""
        outlook = outlook_of(entry, engine_for(self._settings, entry.known_as), self.machine)
        bay = self._bays[entry.name] = Bay(entry, outlook, self._aliases(entry))
        return bay

    def _aliases(self, entry: Entry) -> tuple[str, ...]:
        """Return a model's aliases: of several quantisations, the one has them that has the name which they stand for."""
        own = settings_for(self._settings, entry.known_as).aliases if entry.name == entry.known_as else ()
        return (*own, *((STARTER_NAME,) if entry.starter else ()))


def _no_file(name: str) -> ModelNotFound:
    return ModelNotFound(f"The file of {name} is gone.", param="model")
