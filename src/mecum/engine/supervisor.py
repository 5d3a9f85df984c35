"""Keeps one child running: the policy, apart from what a child is (`process`) and how it is started (`command`).

Invariants, each shown in `tests/engine/test_supervisor.py` with real processes:
- whoever waits in `ready` gets an answer: the child came up, or there is a reason why it will not soon;
- a crash is followed by a restart at once, then after 1, 2, 4 s; three crashes within 60 s open the circuit: no child for
  60 s, then one on trial. A child that has never come up gets three tries in all, for its fault is not one of the moment,
  and no second one where its charge knows that by what it said;
- a child that neither loads on nor answers is killed, which ends the answers that wait for it;
- when `aclose` returns no child is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import re
import signal
import time
from collections import deque
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import NoReturn, Protocol

from mecum.engine.base import State
from mecum.engine.process import Process
from mecum.errors import EngineDown, EngineStartError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Policy:
    """All times in seconds. `start_timeout` and `silence_timeout` are the settings' (`engine.…`)."""

    start_timeout: float = 60  # without any sign of progress while loading
    silence_timeout: float = 60  # without an answer to "are you well?"
    poll_loading: float = 0.05
    poll: float = 3
    answer: float = 5  # for one "are you well?"
    delays: tuple[float, ...] = (0, 1, 2, 4)  # before the first restart, the second, …
    crashes: int = 3  # so many …
    window: float = 60  # … within this open the circuit …
    cooldown: float = 60  # … for this long
    grace: float = 1  # between SIGTERM and SIGKILL


class Charge(Protocol):
    """What is supervised."""

    async def launch(self) -> Process:
        """Start a child (OSError: it cannot be run)."""
        ...

    async def healthy(self, timeout: float) -> bool:
        """Return whether the child says that it is well, asking for at most `timeout` seconds."""
        ...

    async def prepare(self) -> None:
        """Get ready for work with a child that has just come up. An error counts as a crash."""
        ...

    def verdict(self, lines: Sequence[str]) -> str | None:
        """Return why no further try can succeed, where the last words of a child that never came up say so."""
        ...


class _Crash(Exception):
    """The child ended, or had to be ended; the text says why."""


class Supervisor:
    """Runs `charge` until closed. `state`, `reason`, `since`, `retry_after` and `restarts` tell how it goes."""

    def __init__(self, charge: Charge, policy: Policy) -> None:
        self._charge = charge
        self._policy = policy
        self.state: State = "stopped"
        self.reason: str | None = None
        self.restarts = 0
        self.since = 0.0  # the monotonic time when it began to bring a child up, at first or anew
        self.lines: tuple[str, ...] = ()  # the last words of the child that crashed last
        self._was_ready = False
        self._again_at: float | None = None  # when the next child starts, if that is to be waited for
        self._crashes: deque[float] = deque(maxlen=policy.crashes)
        self._in_a_row = 0
        self._process: Process | None = None
        self._verdict: str | None = None
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._enter("starting", None)
        self._task = asyncio.create_task(self._run(), name="engine-supervisor")

    async def aclose(self) -> None:
        """End the child and the watch over it."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._process:
            await self._process.wait(self._policy.answer)
        self._enter("stopped", "The engine was stopped.")

    @property
    def pid(self) -> int | None:
        """The child's process id, while there is one."""
        return self._process.pid if self._process and not self._process.ended else None

    @property
    def retry_after(self) -> int | None:
        """Seconds until it may be better; None where it is well, and where waiting is of no use."""
        if self.state in ("ready", "stopped") or (self.state == "failed" and self._again_at is None):
            return None
        return max(1, math.ceil((self._again_at or 0) - time.monotonic()))

    async def ready(self) -> None:
        """Return when the child is up.

        Raises:
            EngineStartError: it has never come up, and failed.
            EngineDown: it fails again and again, or was stopped.
        """
        while self.state != "ready":
            if self.state in ("failed", "stopped"):
                self._refuse()
            await self._changed.wait()

    async def settle(self, timeout: float) -> bool:
        """Return True when it is known that the child is not up, or False after `timeout` seconds in which it stayed so."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self.state == "ready":
                    await self._changed.wait()
        return self.state != "ready"

    def condemn(self, why: str) -> None:
        """End the present child: it is stuck in a way that only its users can see. It is restarted as after a crash."""
        if self._process and self.state == "ready":
            log.warning("%s", why)
            self._verdict = why
            self._enter("restarting", why)  # whoever asks from now on waits for the next child
            self._process.kill()

    def _refuse(self) -> NoReturn:
        reason = self.reason or "The engine does not run."
        if self.state == "failed" and not self._was_ready:
            raise EngineStartError(reason, lines=self.lines)
        raise EngineDown(reason, retry_after=self.retry_after or 1)

    def _enter(self, state: State, reason: str | None) -> None:
        if state in ("starting", "restarting") and state != self.state:
            self.since = time.monotonic()
        self.state, self.reason = state, reason
        self._changed.set()
        self._changed = asyncio.Event()

    async def _run(self) -> None:
        another = True
        while another:
            reason = await self._life()
            log.error("%s", reason)
            another = await self._pause(reason)

    async def _life(self) -> str:
        """Run one child from start to end; return why it ended."""
        try:
            await self._live()
        except _Crash as crash:
            return str(crash)
        except Exception:  # the loop that keeps the engine alive must outlive any fault of its own
            log.exception("the engine's supervisor failed")
        return "The engine's supervisor failed; the log says why."

    async def _live(self) -> None:
        try:
            self._process = process = await self._charge.launch()
        except OSError as error:
            raise _Crash(f"The engine cannot be started: {error.strerror or error}.") from None
        try:
            await self._load(process)
            await self._step(self._charge.prepare(), process)
            self._arrived(process)
            await self._watch(process)
        except _Crash as crash:
            if self.state == "ready":  # ending it may take a moment, in which nobody shall ask it any more
                self._enter("restarting", str(crash))
            raise
        finally:
            await process.stop(self._policy.grace)
            self.lines = process.lines

    async def _load(self, process: Process) -> None:
        before, since = process.activity(), time.monotonic()
        while not await self._charge.healthy(self._policy.answer):
            if await process.wait(self._policy.poll_loading):
                raise _Crash(_ending(process, "while it loaded the model"))
            now = process.activity()
            if now != before:
                before, since = now, time.monotonic()
            elif time.monotonic() - since > self._policy.start_timeout:
                raise _Crash(f"The engine made no progress for {self._policy.start_timeout:g} s while it loaded the model.")

    async def _step(self, work: Awaitable[None], process: Process) -> None:
        try:
            await work
        except Exception as error:  # a child that has just come up and fails to answer is as good as dead
            await process.wait(0.2)  # its own last words say more than the connection that broke
            raise _Crash(_ending(process, "before it could work") if process.ended else f"{error}") from error

    def _arrived(self, process: Process) -> None:
        process.hush()
        self._was_ready = True
        self._again_at = None
        self._enter("ready", None)

    async def _watch(self, process: Process) -> None:
        """Return never: ask again and again whether the child is well."""
        well = arrived = time.monotonic()
        while True:
            deadline = well + self._policy.silence_timeout
            if await process.wait(min(self._policy.poll, max(0, deadline - time.monotonic()))):
                raise _Crash(self._verdict or _ending(process, "at work"))
            asked = time.monotonic()
            if await self._charge.healthy(min(self._policy.answer, max(0.1, deadline - asked))):
                well = asked
            elif not process.ended and time.monotonic() >= deadline:
                raise _Crash(f"The engine did not answer for {self._policy.silence_timeout:g} s and was ended.")
            if well - arrived > self._policy.window:
                self._in_a_row = 0

    async def _pause(self, reason: str) -> bool:
        """Wait as long as the policy says after a crash; return whether there is to be another child."""
        now = time.monotonic()
        self._verdict = None
        self._crashes.append(now)
        self._in_a_row += 1
        if not self._was_ready and (verdict := self._charge.verdict(self.lines)):
            log.error("%s", verdict)
            self._give_up(verdict)
            return False
        if self._open(now):
            if not self._was_ready:
                self._give_up(reason)
                return False
            await self._sleep("failed", f"{reason} It crashed {self._policy.crashes} times in a row.", self._policy.cooldown)
            # On trial: one more crash within the window opens the circuit again.
            self._crashes.extend([time.monotonic()] * (self._policy.crashes - 1))
            self._enter("restarting", reason)
        else:
            delay = self._policy.delays[min(self._in_a_row, len(self._policy.delays)) - 1]
            await self._sleep("restarting" if self._was_ready else "failed", reason, delay)
        self.restarts += 1
        return True

    def _open(self, now: float) -> bool:
        return len(self._crashes) == self._policy.crashes and now - self._crashes[0] <= self._policy.window

    def _give_up(self, reason: str) -> None:
        self._again_at = None
        self._enter("failed", reason)

    async def _sleep(self, state: State, reason: str, seconds: float) -> None:
        self._again_at = time.monotonic() + seconds
        self._enter(state, reason)
        await asyncio.sleep(seconds)


def _ending(process: Process, when: str) -> str:
    """Return in a sentence how the child ended, with its own word for the cause where it left one."""
    status = process.status or 0
    how = f"exit status {status}" if status >= 0 else _signal_name(-status)
    told = _cause(process.lines)
    hint = " The system may have run out of memory." if status == -signal.SIGKILL else ""
    return f"The engine ended {when} ({how}){f': {told}' if told else '.'}{hint}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _cause(lines: tuple[str, ...]) -> str:
    # llama.cpp tells the cause first and then, line by line, all that failed because of it.
    plain = [re.sub(r"^[\d.]+ [A-Z] ", "", line) for line in lines]
    return next(
        (line for line in plain if re.search(r"error|failed|couldn't|invalid", line, re.IGNORECASE)),
        plain[-1] if plain else "",
    )
