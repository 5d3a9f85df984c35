"""Several models at once: each a llama.cpp of its own (`embedded`), loaded on first use, under one memory budget.

Invariants (`tests/engine/test_several.py`; of the decision itself `tests/engine/test_memory.py`): what is loaded takes no
more than the budget; a model is never unloaded while a request uses it; what happens to one model is nothing to the others,
save that they may have to make room; when `aclose` returns no child is left.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Collection, Coroutine
from dataclasses import replace
from typing import Any, Final

from mecum.engine.base import State, Status
from mecum.engine.bay import Bay, Use
from mecum.engine.command import Backend
from mecum.engine.embedded import Answer, Embedded, backend_of
from mecum.engine.loader import Loader
from mecum.engine.loading import Progress
from mecum.engine.machine import Machine, overloaded, private_memory
from mecum.engine.memory import decide
from mecum.engine.outlook import too_large
from mecum.engine.stock import Stock
from mecum.engine.supervisor import Policy
from mecum.errors import EngineDown, EngineStartError, ModelInUse
from mecum.settings.schema import Settings
from mecum.types import Prompt

log = logging.getLogger(__name__)
UNUSED: Final = 900  # seconds after which a model that is not the default is unloaded, where no setting says otherwise
OURS: Final = 0.9  # of the memory that is free at the start
_STOPPED: Final = "The engine has not been started, or was stopped."


class Several:
    """The engine of all models that are installed. What is given besides the settings replaces what would be found here.

    `reserved` says how many bytes of so much free memory are left to others, unless `engine.memory` says what is ours.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        default: Callable[[], str | None] | None = None,
        policy: Policy | None = None,
        machine: Callable[[], Machine] = Machine.here,
        busy: Callable[[], bool] = overloaded,
        owners: Callable[[], Collection[str]] = frozenset,
        reserved: Callable[[int], int] = lambda _free: 0,
    ) -> None:
        self._settings = settings
        self._stock = Stock(settings, default)
        self._loader = Loader(settings, policy=policy, busy=busy, owners=owners)
        self._look_at_machine = machine
        self._reserved = reserved
        self._budget = 0
        self._backend: Backend | None = None
        self._numbers = itertools.count()
        self._looking = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._state: State = "stopped"

    async def start(self) -> None:
        """Look at the machine and the default model, and begin to load it (`base.Engine.start`)."""
        self._backend = await backend_of(self._settings)
        machine = await asyncio.to_thread(self._look_at_machine)
        others = await asyncio.to_thread(self._reserved, machine.memory)
        self._budget = self._settings.engine.memory or max(0, int(machine.memory * OURS) - others)
        self._stock.machine = replace(machine, memory=min(self._budget, machine.memory))
        bay = await self._stock.begin()
        self._state = "ready"
        await self._loader.begin(bay, self._backend, bay.outlook.plan.memory)
        bay.moving = self._spawn(self._loader.arrive(bay))
        self._spawn(self.refresh())

    async def aclose(self) -> None:
        """End all children, and wait until they are gone."""
        self._state = "stopped"
        for bay in self._stock:
            bay.refuse(EngineDown("The engine was stopped."))
            if bay.phase == "coming":
                self._send_away(bay)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(self._loader.leave(bay) for bay in self._stock))

    def status(self) -> Status:
        """Return the present state; as a whole the engine is as its default model is (`rulings.md` 22)."""
        default = self._stock.default
        if default is None or self._state == "stopped":
            return Status(state="stopped", kind="embedded", reason=_STOPPED)
        return replace(
            default.as_a_whole(),
            models=tuple(bay.model() for bay in self._stock.installed()),
            version=self._backend.version if self._backend else "",
            restarts=sum(bay.restarts + (bay.engine.glance()[3] if bay.engine else 0) for bay in self._stock),
            budget=self._budget,
        )

    def progress(self, model: str) -> Progress | None:
        """Return how far a model is while it loads (`base.Engine.progress`)."""
        return None if self._state == "stopped" else self._stock[model].progress()

    async def ready(self) -> None:
        """Return when the default model is loaded.

        Raises:
            EngineStartError: it cannot be; `lines` are the engine's last.
            EngineDown: it crashed again and again, or the engine was stopped.
        """
        default = self._stock.default
        if default is None or self._state == "stopped":
            raise EngineDown(_STOPPED)
        use = self.use(default.name)
        try:
            await use.ready()
        except EngineDown:
            if isinstance(default.failure, EngineStartError):
                raise default.failure from None
            raise
        finally:
            use.leave()

    async def refresh(self) -> None:
        """Look for models that came or went, if the folder has changed."""
        async with self._looking:
            if self._state != "stopped" and await self._stock.look():
                self._settle()

    def use(self, model: str) -> Use:
        """Return a new use of a model (`base.Engine.use`)."""
        self._check()
        return Use(self._stock.find(model), next(self._numbers), self._settle)

    async def load(self, model: str) -> None:
        """Begin to load a model (`base.Engine.load`), also one that could not be loaded just now."""
        self._check()
        bay = self._stock.find(model)
        bay.forgive()
        bay.check()
        if bay.phase != "in":
            bay.wanted = next(self._numbers)
            self._settle()
        if bay.refused:
            raise bay.refused

    async def unload(self, model: str) -> None:
        """Unload a model (`base.Engine.unload`), also while it loads."""
        bay = self._bay(model)
        if bay.users:
            who = "a request" if bay.users == 1 else f"{bay.users} requests"
            raise ModelInUse(f"{bay.name} is in use by {who}. Try again when that has ended.", param="model")
        bay.wanted = None
        if bay.phase in ("in", "coming"):
            self._send_away(bay)
        if bay.phase == "going" and bay.moving:
            await asyncio.wait({bay.moving})  # and no longer: who has asked meanwhile has it loaded anew

    async def count(self, prompt: Prompt) -> int | None:
        """Return the prompt's tokens with its model's template."""
        return await (await self._engine(prompt.model)).count(prompt)

    async def chat(self, prompt: Prompt) -> Answer:
        """Open an answer of the prompt's model."""
        return await (await self._engine(prompt.model)).chat(prompt)

    async def _engine(self, name: str) -> Embedded:
        bay = self._bay(name)
        if bay.phase != "in":  # whoever asks holds no use
            use = Use(bay, next(self._numbers), self._settle)
            try:
                await use.ready()
            finally:
                use.leave()
        if bay.engine is None:
            raise EngineDown(f"{name} is not loaded.")
        return bay.engine

    def _bay(self, name: str) -> Bay:
        self._check()
        return self._stock[name]

    def _check(self) -> None:
        if self._state == "stopped":
            raise EngineDown(_STOPPED)

    def _settle(self) -> None:
        """Do what is to be done now: after each event, and at once, so that nothing is decided twice."""
        if self._state == "stopped":
            return
        for bay in self._stock.clear():
            self._send_away(bay)
        if any(bay.is_wanted for bay in self._stock):
            self._decide()
        for bay in self._stock:
            self._arm(bay)

    def _decide(self) -> None:
        room = self._room()
        verdict = decide([bay.tenant() for bay in self._stock], room)
        for bay in (self._stock[name] for name in verdict.refuse):
            bay.refuse(too_large(bay.name, bay.outlook, room))
        for name in verdict.admit:
            self._stock[name].admit()
        for name, memory in verdict.load.items():
            self._fetch(self._stock[name], memory)
        for name in verdict.unload:
            self._send_away(self._stock[name])

    def _room(self) -> int:
        """Return how many bytes models may take: the budget, or what the machine has left for them, if that is less."""
        if not any(bay.phase == "out" and bay.is_wanted for bay in self._stock):
            return self._budget
        pids = [bay.engine.status().pid for bay in self._stock if bay.engine]
        return min(self._budget, self._look_at_machine().memory + sum(private_memory(pid) for pid in pids if pid))

    def _fetch(self, bay: Bay, memory: int) -> None:
        assert self._backend is not None  # noqa: S101 # it has started
        bay.phase, bay.memory = "coming", memory
        bay.moving = self._spawn(self._loader.load(bay, self._backend, memory))

    def _send_away(self, bay: Bay) -> None:
        """Unload a model that is loaded or being loaded. Only once: what is on its way out is never called off."""
        bay.phase = "going"
        bay.moving = self._spawn(self._loader.leave(bay, bay.moving))

    def _arm(self, bay: Bay) -> None:
        """See to it that a model that is not used is unloaded after its time."""
        keep = self._keep_alive(bay)
        if bay.phase != "in" or bay.users or keep is None:
            bay.disarm()
        elif bay.timer is None:
            due = max(0.0, bay.used + keep - time.monotonic())
            bay.timer = asyncio.get_running_loop().call_later(due, self._expire, bay)

    def _expire(self, bay: Bay) -> None:
        bay.timer = None
        if bay.phase == "in" and not bay.users and self._state != "stopped":
            self._send_away(bay)

    def _keep_alive(self, bay: Bay) -> float | None:
        """Return after how many seconds without use a model is unloaded; None: never."""
        keep = self._settings.engine.keep_alive
        if keep is not None:
            return keep
        return None if bay is self._stock.default else UNUSED

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("a model could not be looked after", exc_info=error)
        self._settle()
