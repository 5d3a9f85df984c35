"""llama.cpp as the supervisor's charge: how a child is started, asked how it is, and asked what it runs.

Invariants: each start has a place, a key and a connection of its own, so that nothing meant for a dead child reaches a new
one; what is published of the model is what the child says, not what was asked for (`tests/engine/test_embedded.py`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mecum.engine import gguf, identity, models
from mecum.engine.aliases import default_model
from mecum.engine.base import Model
from mecum.engine.command import Backend, Place, listens, make_place
from mecum.engine.connection import Connection
from mecum.engine.kinds import check_chats
from mecum.engine.loading import resident_of
from mecum.engine.machine import Machine
from mecum.engine.own import sampling_of, template_fault, template_of
from mecum.engine.plan import Plan, make_plan
from mecum.engine.process import Process
from mecum.engine.traits import traits_of
from mecum.errors import EngineDown, MecumError
from mecum.settings.models import engine_for, settings_for
from mecum.settings.names import model_setting
from mecum.settings.schema import Settings

PROPS = 30  # seconds that the child may take to tell what it runs


@dataclass(frozen=True, slots=True)
class Setup:
    """What is known of a model before a child runs it. `resident`: bytes in memory once it does (`loading`)."""

    files: tuple[Path, ...]
    plan: Plan
    model: Model
    resident: int | None = None


def look(settings: Settings, version: str, machine: Machine | None = None, plan: Plan | None = None) -> Setup:
    """Find and check the model, and plan how to run it, unless there is a plan. It reads files: for a thread.

    Raises:
        EngineStartError: there is no model, it is broken, does not chat, or does not fit the memory.
    """
    path = models.locate(default_model(settings), settings.home)
    files = models.parts(path)
    header, *_ = [gguf.read(file) for file in files]  # each: llama.cpp opens all parts of a model by itself
    check_chats(header)
    weights = sum(file.stat().st_size for file in files)
    name = models.name_of(header)
    own = settings_for(settings, name)
    plan = plan or make_plan(header, weights, engine_for(settings, name), machine or Machine.here())
    plan = dataclasses.replace(plan, chat_template=template_of(own, name))
    hashed = identity.Hashes(settings.home / "cache").known(files) or identity.quick_hash(files)
    defaults = sampling_of(own, header)
    model = Model(
        name=name,
        fingerprint=identity.fingerprint(version, hashed, plan, defaults),
        context=plan.context,
        slots=plan.slots,
        size=weights,
        created=int(path.stat().st_mtime),
        defaults=defaults,
    )
    return Setup(files, plan, model, resident_of(plan, header, weights))


@dataclass(frozen=True, slots=True)
class _Running:
    process: Process
    place: Place
    connection: Connection


class Child:
    """What the supervisor starts again and again (`supervisor.Charge`). `model` is what the last one that came up runs."""

    def __init__(self, backend: Backend, setup: Setup, home: Path, *, silence: float) -> None:
        self._backend = backend
        self._setup = setup
        self._home = home
        self._silence = silence
        self._running: _Running | None = None
        self.model = setup.model

    @property
    def version(self) -> str:
        """What it runs on."""
        return self._backend.version

    @property
    def connection(self) -> Connection:
        """The way to the child that was started last.

        Raises:
            EngineDown: none was.
        """
        if self._running is None:
            raise EngineDown("The engine has not been started.")
        return self._running.connection

    def keep_no_prompts(self) -> None:
        """Keep none, from the next start on: llama.cpp takes them for whatever prompt and slot they fit (tried)."""
        self._setup = dataclasses.replace(self._setup, plan=dataclasses.replace(self._setup.plan, cache_mib=0))

    def identify(self, weights: str) -> None:
        """Take the hash of the model's bytes into the fingerprint."""
        exact = identity.fingerprint(self.version, weights, self._setup.plan, self.model.defaults)
        self.model = dataclasses.replace(self.model, fingerprint=exact)

    async def launch(self) -> Process:
        """Start a child in a place of its own."""
        await self.aclose()
        place = make_place(self._home, unix=self._backend.unix)
        try:
            process = self._backend.start(self._setup.files[0], self._setup.plan, place)
        except OSError:
            place.clear()
            raise
        connection = Connection(
            place.url, api_key=place.key, unix_socket=place.socket, llama=True, silence_timeout=self._silence
        )
        self._running = _Running(process, place, connection)
        return process

    async def healthy(self, timeout: float) -> bool:
        """Ask /health: llama.cpp answers it beside all its work, where /slots and /metrics would wait in its queue."""
        running = self._running
        if running is None or not (running.place.socket or listens(running.process, running.place.port)):
            return False
        try:
            await running.connection.get("/health", timeout=timeout)
        except MecumError:
            return False
        return True

    async def prepare(self) -> None:
        """Ask the child what it runs, and try what its chat template understands."""
        props = await self.connection.get("/props", timeout=PROPS)
        context = (props.get("default_generation_settings") or {}).get("n_ctx")
        self.model = dataclasses.replace(
            self.model,
            context=context if isinstance(context, int) and context > 0 else self.model.context,
            slots=props.get("total_slots") or self.model.slots,
            traits=await traits_of(self.connection, props),
        )

    def verdict(self, lines: Sequence[str]) -> str | None:
        """Return what is wrong with the chat template, if that is it: it will be so the next time, too."""
        fault = template_fault(lines)
        if fault is None:
            return None
        name, given = self.model.name, bool(self._setup.plan.chat_template)
        setting = model_setting(name, "chat_template")
        where = f"The chat template of {name} ({setting})" if given else f"The chat template in the model file of {name}"
        return f"{where} cannot be used: {fault} {'Mend it.' if given else f'Set another one: {setting}.'}"

    async def aclose(self) -> None:
        """Remove what the last child leaves behind. The supervisor has ended it before."""
        if self._running:
            await self._running.connection.aclose()
            self._running.place.clear()
