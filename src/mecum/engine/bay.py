"""One model among several: its process while it is loaded, the requests that use it, and those that wait for it.

Nothing is decided here: `memory` decides, `several` acts, and `loader` starts and ends the process. Invariant
(`tests/engine/test_several.py`): a request counts as long as it holds its Use, and whoever waits is let in, or told why not.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from mecum.engine.base import Load, Model, State, Status
from mecum.engine.embedded import Embedded
from mecum.engine.inventory import Entry
from mecum.engine.loading import Progress
from mecum.engine.memory import Phase, Tenant
from mecum.engine.outlook import Outlook
from mecum.errors import EngineDown, EngineError, MecumError

_NOTHING: Final[tuple[State, None, None, int]] = ("stopped", None, None, 0)


class Bay:
    """A model's place. `memory` is what it was given, in bytes; `used` is a monotonic time.

    `wanted` is set, to a number as requests have, while it shall be loaded for nobody in particular. `restarts` counts those
    of its processes that are gone.
    """

    def __init__(self, entry: Entry, outlook: Outlook, aliases: tuple[str, ...]) -> None:
        self.entry = entry
        self.outlook = outlook
        self.phase: Phase = "out"
        self.engine: Embedded | None = None
        self.memory = 0
        self.used = 0.0
        self.restarts = 0
        self.wanted: int | None = None
        self.refused: MecumError | None = None  # why it was not loaded when it was wanted
        self.gone = False  # its file is there no more, or is another one
        self.at_work: set[Use] = set()
        self.waiting: list[Use] = []
        self.moving: asyncio.Task[None] | None = None  # what loads or unloads it, or did so last
        self.timer: asyncio.TimerHandle | None = None
        self.failure: EngineError | None = None
        self._retry_at = 0.0
        self._unloaded = Model(
            name=entry.name,
            fingerprint="",
            context=outlook.plan.context,
            slots=outlook.plan.slots,
            size=entry.size,
            created=entry.created,
            aliases=aliases,
            file=entry.file,
            load="unloaded",
            memory=outlook.plan.memory,
        )
        self._seen: tuple[object, ...] = ()
        self._shown = self._unloaded

    def rename(self, entry: Entry, aliases: tuple[str, ...]) -> None:
        """Go by another name from now on: what the model was called already, it is called still."""
        self.entry = entry
        self._unloaded = replace(self._unloaded, name=entry.name, aliases=aliases)
        self._seen = ()

    @property
    def name(self) -> str:
        """What the API calls the model."""
        return self.entry.name

    @property
    def users(self) -> int:
        """How many requests use it, or wait for it."""
        return len(self.at_work) + len(self.waiting)

    @property
    def is_wanted(self) -> bool:
        """Whether anybody waits for it to be loaded."""
        return bool(self.waiting) or self.wanted is not None

    @property
    def retry_after(self) -> int | None:
        """Seconds until it is tried again, while it has failed."""
        left = self._retry_at - time.monotonic()
        return max(1, round(left)) if self.failure and left > 0 else None

    def tenant(self) -> Tenant:
        """Return the model as the decision sees it."""
        numbers = [use.number for use in self.waiting] + ([self.wanted] if self.wanted is not None else [])
        size, least = (self.outlook.plan.memory, self.outlook.least) if self.phase == "out" else (self.memory, self.memory)
        waits = min(numbers, default=None)
        return Tenant(self.name, size, least, self.phase, busy=bool(self.at_work), used=self.used, waits=waits)

    def model(self) -> Model:
        """Return the model as it is now. It is asked several times a request, so what did not change is not made anew."""
        state, reason, known, _ = self.engine.glance() if self.engine and self.phase != "going" else _NOTHING
        fault = self._fault()
        seen = (state, reason, known, fault, self.phase, self.memory, self.users, self.is_wanted)
        if seen != self._seen:
            self._seen, self._shown = seen, self._model(state, reason, known, fault)
        return self._shown

    def _model(self, state: State, reason: str | None, known: Model | None, fault: EngineError | None) -> Model:
        if fault:
            reason = fault.message
        elif self.phase == "out" and self.is_wanted:
            reason = "It waits for room in memory."
        return replace(
            known or self._unloaded,
            name=self.name,
            aliases=self._unloaded.aliases,
            file=self.entry.file,
            memory=self.memory or self._unloaded.memory,
            load=self._load(state),
            reason=reason,
            users=self.users,
        )

    def _load(self, state: State) -> Load:
        if self.phase == "in":
            return "loaded" if state == "ready" else "failed" if state == "failed" else "loading"
        if self.phase == "coming" or self.is_wanted:
            return "loading"
        return "failed" if self._fault() else "unloaded"

    def _fault(self) -> EngineError | None:
        return self.outlook.fault or (self.failure if self.retry_after else None)

    def progress(self) -> Progress | None:
        """Return how far it is while it loads; None while it does not, or still waits for room."""
        return self.engine.progress() if self.engine and self.model().load == "loading" else None

    def as_a_whole(self) -> Status:
        """Return the state of an engine whose default model this is: not loaded is ready, for it loads on use."""
        if self.phase == "coming":
            return Status("starting", "embedded", retry_after=1, pid=self.engine.status().pid if self.engine else None)
        if self.phase == "in" and self.engine:
            return self.engine.status()
        fault = self._fault()
        reason = fault.message if fault else None
        return Status("failed" if fault else "ready", "embedded", reason=reason, retry_after=self.retry_after)

    def check(self) -> None:
        """Return if it is worth waiting for.

        Raises:
            EngineDown: it cannot run here, it has just failed to load, or it crashes again and again.
        """
        if self.outlook.fault:
            raise EngineDown(self.outlook.fault.message, retry_after=60)
        if self.failure and (wait := self.retry_after):
            raise self._down(self.failure, wait)
        if self.phase == "in" and self.engine and self.engine.glance()[0] == "failed":
            status = self.engine.status()
            raise EngineDown(status.reason or "The engine does not run.", retry_after=status.retry_after or 1)

    def fail(self, error: EngineError, cooldown: float) -> None:
        """Take note that it could not be loaded; whoever waits is told. It is tried again after so many seconds."""
        self.failure, self._retry_at = error, time.monotonic() + cooldown
        self.refuse(self._down(error, max(1, round(cooldown))))

    def _down(self, error: EngineError, retry_after: int) -> EngineDown:
        return EngineDown(f"The model {self.name} cannot be loaded. {error.message}", retry_after=retry_after)

    def forgive(self) -> None:
        """Forget the failure: the next request tries again."""
        self.failure, self.refused, self._retry_at = None, None, 0.0

    def admit(self) -> None:
        """Let in all that waits."""
        self.wanted = None
        for use in self.waiting:
            self.at_work.add(use)
            use.turn.set()
        self.waiting.clear()

    def refuse(self, error: MecumError) -> None:
        """Tell all that waits why it will not be."""
        if self.wanted is not None:
            self.wanted, self.refused = None, error
        for use in self.waiting:
            use.refusal = error
            use.turn.set()
        self.waiting.clear()

    def hand_over(self, other: Bay) -> None:
        """Let all that waits wait for another bay, which takes this one's place."""
        other.wanted = self.wanted if other.wanted is None else other.wanted
        for use in self.waiting:
            use.bay = other
        other.waiting += self.waiting
        if other.outlook.fault:
            other.refuse(EngineDown(other.outlook.fault.message, retry_after=60))

    def disarm(self) -> None:
        """Forget when it was to be unloaded."""
        if self.timer:
            self.timer.cancel()
            self.timer = None


class Use:
    """One request's use of a model (`base.Use`). `settle` is called when something has changed; `number` orders requests."""

    def __init__(self, bay: Bay, number: int, settle: Callable[[], None]) -> None:
        self.bay = bay
        self._settle = settle
        self.number = number
        self.turn = asyncio.Event()
        self.refusal: MecumError | None = None

    async def ready(self) -> None:
        """Return when the model is loaded, and stays so."""
        self.bay.check()
        self.bay.waiting.append(self)
        self._settle()
        await self.turn.wait()
        if self.refusal:
            raise self.refusal
        if self.bay.engine is None:
            raise EngineDown("The engine was stopped.")
        await self.bay.engine.ready()

    def leave(self) -> None:
        """Give it back."""
        if self in self.bay.at_work:
            self.bay.at_work.remove(self)
            self.bay.used = time.monotonic()
            self._settle()
        elif self in self.bay.waiting:
            self.bay.waiting.remove(self)
            self._settle()
