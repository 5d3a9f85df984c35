"""Loads one model of several, and unloads it: from an empty bay to one that works, and back.

Invariant (`tests/engine/test_several.py`, `test_several_races.py`): whatever happens on the way, the bay is loaded or empty
at the end, and an empty one has no process. Loading may be cancelled, by `leave` alone; leaving never is.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from typing import Final

from mecum.engine.bay import Bay
from mecum.engine.command import Backend
from mecum.engine.embedded import Embedded
from mecum.engine.plan import within
from mecum.engine.supervisor import Policy
from mecum.errors import EngineDown, EngineError
from mecum.settings.schema import Settings

log = logging.getLogger(__name__)
COOLDOWN: Final = 60  # seconds in which a model that could not be loaded is not tried again


class Loader:
    """Starts and ends the models' processes. `policy`, `busy` and `owners` are as in `Embedded`."""

    def __init__(
        self,
        settings: Settings,
        *,
        policy: Policy | None,
        busy: Callable[[], bool],
        owners: Callable[[], Collection[str]],
    ) -> None:
        self._settings = settings
        self._policy = policy
        self._busy = busy
        self._owners = owners

    async def begin(self, bay: Bay, backend: Backend, memory: int) -> None:
        """Start a process that loads the model within so many bytes.

        Raises:
            EngineStartError: it is known at once that it cannot (`base.Engine.start`).
        """
        entry = bay.entry
        engine = self._settings.engine.model_copy(update={"model": str(entry.file)})
        bay.phase, bay.memory, bay.used = "coming", memory, time.monotonic()
        bay.forgive()
        bay.engine = Embedded(
            self._settings.model_copy(update={"engine": engine}),
            backend=backend,
            policy=self._policy,
            plan=within(bay.outlook.plan, entry.header, entry.size, memory),
            busy=self._busy,
            owners=self._owners,
        )
        log.info("loading", extra={"model": bay.name, "memory_mb": memory // 1_000_000})
        await bay.engine.start()

    async def arrive(self, bay: Bay) -> None:
        """Wait until a model that has begun is loaded; one that fails is unloaded again."""
        try:
            await _up(bay)
        except EngineError as error:
            await self.fail(bay, error)
        else:
            seconds = round(time.monotonic() - bay.used, 2)
            bay.phase, bay.used, bay.wanted = "in", time.monotonic(), None
            log.info("loaded", extra={"model": bay.name, "seconds": seconds})

    async def load(self, bay: Bay, backend: Backend, memory: int) -> None:
        """Load a model, to the end, whatever that is."""
        try:
            await self.begin(bay, backend, memory)
        except EngineError as error:
            await self.fail(bay, error)
        else:
            await self.arrive(bay)

    async def fail(self, bay: Bay, error: EngineError) -> None:
        """Unload a model that could not be loaded."""
        log.error("%s cannot be loaded: %s", bay.name, error.message)
        bay.fail(error, COOLDOWN)
        await self.leave(bay)

    async def leave(self, bay: Bay, loading: asyncio.Task[None] | None = None) -> None:
        """Unload a model; where it is `loading` still, call that off."""
        bay.phase = "going"
        bay.disarm()
        if loading and not loading.done():
            loading.cancel()
            await asyncio.wait({loading})
            bay.phase = "going"  # whatever it came to in its last moment
        if bay.engine:
            status = bay.engine.status()
            if status.state == "failed" and not bay.failure:  # its circuit is open, and stays so without a process
                bay.fail(EngineDown(status.reason or "It crashed again and again."), status.retry_after or COOLDOWN)
            await bay.engine.aclose()
            bay.restarts += status.restarts
            log.info("unloaded", extra={"model": bay.name})
        bay.engine, bay.phase, bay.memory = None, "out", 0


async def _up(bay: Bay) -> None:
    if bay.engine is None:
        raise EngineDown("The engine was stopped.")
    await bay.engine.ready()
