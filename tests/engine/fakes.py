"""A home with small models that look real, and a `llama-server` that looks like one and runs them (`fake_llama_server`)."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from tests.engine.ggufs import Gguf

from mecum.engine.plan import OVERHEAD
from mecum.engine.supervisor import Policy
from mecum.settings.schema import EngineSettings, ModelSettings, Settings

FAKE = Path(__file__).with_name("fake_llama_server.py")
ONE = OVERHEAD * 3 // 2  # bytes that hold one of these models
TWO, ALL = 2 * ONE, 10 * ONE
QUICK = Policy(poll=0.05, poll_loading=0.02, delays=(0,), crashes=3, window=60, cooldown=1)


@contextmanager
def fake_home(*names: str) -> Iterator[Path]:
    """Make a home with models of these names; its path is short enough for a socket in it, as people's are."""
    with tempfile.TemporaryDirectory(prefix="m-") as folder:
        home = Path(folder)
        (home / "models").mkdir()
        for name in names:
            make(home, name, data=800 + ord(name[0]))
        program = home / "llama-server"
        program.write_text(f"#!{sys.executable} -IS\n{FAKE.read_text()}")
        program.chmod(0o755)
        yield home


def make(home: Path, name: str, **fields: Any) -> Path:
    """Make a model's file."""
    file = home / "models" / f"{name}.gguf"
    file.write_bytes(Gguf(**fields).build())
    return file


def settings_of(home: Path, memory: int = ALL, *, models: dict[str, ModelSettings] | None = None, **engine: Any) -> Settings:
    """Return settings with `a` as the default model."""
    fields = {"binary": home / "llama-server", "model": "a", "memory": memory, "context": 512, **engine}
    return Settings(home=home, engine=EngineSettings(**fields), models=models or {})


def children() -> list[psutil.Process]:
    """The models' processes; what computes a file's hash is none."""
    return [child for child in psutil.Process().children() if _name(child) == "llama-server"]


def _name(child: psutil.Process) -> str:
    """Return a process's name, "" when it has just ended."""
    try:
        return child.name()
    except psutil.NoSuchProcess:
        return ""
