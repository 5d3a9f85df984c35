"""llama.cpp in a child of ours as the engine: `child` and `supervisor` behind `base.Engine`.

Invariants (`tests/engine/test_embedded.py`, with the real model): nobody but us can speak to the child; an answer that
falls silent ends, and a child that brings nothing to anybody any more is replaced; after `aclose` nothing of it is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence

from mecum.engine.base import AlwaysLoaded, Model, State, Status
from mecum.engine.child import Child, Setup, look
from mecum.engine.command import Backend, Binary, Wheel
from mecum.engine.connection import Connection, StreamReply
from mecum.engine.identity import Hashes, full_hash
from mecum.engine.loading import Loading, Progress
from mecum.engine.machine import Machine, overloaded
from mecum.engine.plan import Plan
from mecum.engine.slots import Seat, Slots, Together
from mecum.engine.supervisor import Policy, Supervisor
from mecum.errors import EngineDown, EngineError, EngineStartError, MecumError
from mecum.settings.schema import Settings
from mecum.types import Delta, Prompt

NEVER = 60  # seconds to name for a retry where there will be none by itself
ERASE = 5  # seconds; a slot whose client has just left may be at work for two more
SETTLE = 0.5  # seconds in which the end of a child that broke off is noticed
NEARLY = 0.95  # of the silence timeout: the clocks of a connection and ours do not start at once


class Embedded(AlwaysLoaded):
    """The engine that `settings.engine` describes, run by us. What is given besides replaces what would be found here.

    `plan` says how the model is to run; `owners`, when it starts, whose prompts are to be expected (it may read files).
    """

    def __init__(
        self,
        settings: Settings,
        *,
        backend: Backend | None = None,
        policy: Policy | None = None,
        machine: Machine | None = None,
        plan: Plan | None = None,
        busy: Callable[[], bool] = overloaded,
        owners: Callable[[], Collection[str]] = frozenset,
    ) -> None:
        self._settings = settings
        self._backend = backend
        self._policy = policy or policy_of(settings)
        self._machine = machine
        self._plan = plan
        self._busy = busy
        self._owners = owners
        self._divided = False  # the slots are their owners'
        self._only: str | None = None  # whose prompts came, until then
        self._deciding = asyncio.Lock()
        self._slots: Slots | Together = Together()
        self._slots_of: Connection | None = None
        self._child: Child | None = None
        self._supervisor: Supervisor | None = None
        self._resident: int | None = None
        self._loading = Loading(None, 0.0)
        self._last_sign = 0.0  # when any answer last brought something
        self._hashing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Look at the model and the machine, and begin to load (`base.Engine.start`)."""
        backend = self._backend or await backend_of(self._settings)
        setup = await asyncio.to_thread(look, self._settings, backend.version, self._machine, self._plan)
        self._resident = setup.resident
        self._child = Child(backend, setup, self._settings.home, silence=self._policy.silence_timeout)
        if len(await asyncio.to_thread(self._owners)) > 1:
            self._divided = True
            self._child.keep_no_prompts()
        self._supervisor = Supervisor(self._child, self._policy)
        self._supervisor.start()
        self._hashing = asyncio.create_task(self._hash(self._child, setup), name="engine-hash")

    async def aclose(self) -> None:
        """End the child, and wait until it is gone."""
        if self._supervisor:
            await self._supervisor.aclose()
        if self._hashing:
            self._hashing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._hashing
        if self._child:
            await self._child.aclose()

    def status(self) -> Status:
        """Return the present state (`base.Engine.status`)."""
        if self._supervisor is None or self._child is None:
            return Status(state="stopped", kind="embedded", reason="The engine has not been started.")
        watch = self._supervisor
        return Status(
            state=watch.state,
            kind="embedded",
            models=(self._child.model,),
            reason=watch.reason,
            retry_after=watch.retry_after,
            version=self._child.version,
            restarts=watch.restarts,
            pid=watch.pid,
        )

    def glance(self) -> tuple[State, str | None, Model | None, int]:
        """Return state, reason, model and restarts of the status: with several models this is asked all the time."""
        if self._supervisor is None or self._child is None:
            return "stopped", None, None, 0
        return self._supervisor.state, self._supervisor.reason, self._child.model, self._supervisor.restarts

    def progress(self, model: str = "") -> Progress | None:  # noqa: ARG002 # there is one
        """Return how far the child is while it loads the model, at first or anew (`base.Engine.progress`)."""
        watch = self._supervisor
        if watch is None or watch.state in ("ready", "stopped"):
            return None
        if self._loading.began != watch.since:
            self._loading = Loading(self._resident, watch.since)
        return self._loading.progress(watch.pid)

    async def ready(self) -> None:
        """Return when the child has loaded the model.

        Raises:
            EngineStartError: the model could not be loaded, ever; `lines` are the engine's last.
            EngineDown: the child crashed again and again, or the engine was stopped.
        """
        if self._supervisor is None:
            raise EngineDown("The engine has not been started.")
        await self._supervisor.ready()

    async def count(self, prompt: Prompt) -> int | None:
        """Return the prompt's tokens with the model's template, of the next child where this one dies just now."""
        connection = await self._up()
        try:
            return await connection.count(prompt)
        except EngineDown:
            if self._supervisor is None or not await self._supervisor.settle(SETTLE):
                raise
        return await (await self._up()).count(prompt)  # to count changes nothing, so it may be done twice

    async def chat(self, prompt: Prompt) -> Answer:
        """Open an answer (`base.Engine.chat`). Waits while the child loads, refuses at once when it has failed."""
        connection, seat = await self._seated(prompt)
        began = time.monotonic()
        try:
            if seat.fresh:
                await _erase(connection, seat)
                prompt = dataclasses.replace(prompt, cache=False)
            reply = await connection.chat(prompt, slot=seat.slot)
        except BaseException as error:  # a cancellation, too, must give the seat back
            seat.leave()
            if isinstance(error, EngineDown):
                await self._failed(began, error)
            raise
        seat.took()
        self._sign()
        return Answer(reply, seat, self._sign, self._failed)

    async def _seated(self, prompt: Prompt) -> tuple[Connection, Seat]:
        """Return the way to the child, and the prompt's place there, once one is free."""
        await self._divide(prompt.owner)
        while True:
            connection = await self._up()
            if connection is not self._slots_of:  # a child that has just come up: its slots are empty
                slots = self._child.model.slots if self._child else 1
                self._slots, self._slots_of = Slots(slots) if self._divided else Together(), connection
            seat = await self._slots.take(prompt)
            if connection is self._slots_of and connection is (self._child and self._child.connection):
                return connection, seat
            seat.leave()

    async def _divide(self, owner: str) -> None:
        """Give each owner slots of their own, when a second one comes: with another child, once the answers have ended.

        Those who come meanwhile wait. In the present child nobody knows which slot has whose tokens, and it keeps prompts.
        """
        async with self._deciding:
            if self._divided or self._only in (None, owner):
                self._only = owner
                return
            await self._up()
            while isinstance(self._slots, Together) and not self._slots.is_idle:
                await self._slots.idle()
                await self._up()
            if self._supervisor and self._child:
                self._divided = True
                self._child.keep_no_prompts()
                self._supervisor.condemn("The engine starts anew: there is a second owner, and each gets their own slots.")

    async def _up(self) -> Connection:
        try:
            await self.ready()
        except EngineStartError as error:
            raise EngineDown(error.message, retry_after=self.status().retry_after or NEVER) from None
        if self._child is None:
            raise EngineDown("The engine has not been started.")
        return self._child.connection

    async def _hash(self, child: Child, setup: Setup) -> None:
        hashes = Hashes(self._settings.home / "cache")
        with contextlib.suppress(OSError):  # the file went away: the quick hash stays
            if hashes.known(setup.files) is None and (hashed := await full_hash(setup.files)):
                hashes.remember(setup.files, hashed)
                child.identify(hashed)

    def _sign(self) -> None:
        self._last_sign = time.monotonic()

    async def _failed(self, since: float, error: EngineError) -> None:
        """Take note that an answer broke off which had brought nothing `since` then.

        A child that died is known to be dead when this returns: whoever is told of the failure and asks again waits for the
        next one, and does not knock at a dead one's door. One that lives, and brought nothing to any other either, is stuck,
        unless the machine has far too much to do.
        """
        if self._supervisor is None:
            return
        quiet = time.monotonic() - max(since, self._last_sign)
        await self._supervisor.settle(SETTLE)
        if isinstance(error, EngineDown) and quiet >= self._policy.silence_timeout * NEARLY and not self._busy():
            self._supervisor.condemn(f"The engine worked for {quiet:.0f} s without a result and was ended.")


class Answer:
    """A reply of the child (`base.Reply`) that tells the engine when it brings something, and when it fell silent."""

    def __init__(
        self,
        reply: StreamReply,
        seat: Seat,
        sign: Callable[[], None],
        failed: Callable[[float, EngineError], Awaitable[None]],
    ) -> None:
        self._reply = reply
        self._seat = seat
        self._sign = sign
        self._failed = failed

    def __aiter__(self) -> AsyncIterator[Sequence[Delta]]:
        return self

    async def __anext__(self) -> Sequence[Delta]:
        since = time.monotonic()
        try:
            batch = await anext(self._reply)
        except EngineError as error:
            await self._failed(since, error)
            raise
        self._sign()
        return batch

    async def aclose(self) -> None:
        """Close the connection, which frees the child's slot."""
        try:
            await self._reply.aclose()
        finally:
            self._seat.leave()


async def _erase(connection: Connection, seat: Seat) -> None:
    """Erase what is in a slot. Where that fails, the prompt that comes next does it: it is sent to be computed whole."""
    if seat.slot is not None:
        with contextlib.suppress(MecumError):
            await connection.post(f"/slots/{seat.slot}?action=erase", {}, timeout=ERASE)


async def backend_of(settings: Settings) -> Backend:
    """Return what runs the models.

    Raises:
        EngineStartError: it is not there, or not what it should be.
    """
    program = settings.engine.binary
    return await Binary.examine(program) if program else Wheel()


def policy_of(settings: Settings) -> Policy:
    """Return how long a child is waited for."""
    usual = Policy()
    return Policy(
        start_timeout=settings.engine.start_timeout,
        silence_timeout=settings.engine.silence_timeout or usual.silence_timeout,
    )
