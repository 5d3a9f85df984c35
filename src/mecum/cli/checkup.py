"""What `mecum doctor` looks at, but for the engine: machine, settings, data directory, port, the running server.

Each check yields findings. Invariant: nothing is changed, and no check raises (`tests/cli/test_doctor.py`).
"""

from __future__ import annotations

import os
import platform
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from mecum import __version__
from mecum.app import exposure
from mecum.app.home import Running
from mecum.app.listen import listening
from mecum.engine.own import template_of
from mecum.errors import MecumError
from mecum.models.shelf import Shelf
from mecum.models.tables import without_effect
from mecum.settings.load import Loaded
from mecum.settings.names import model_setting
from mecum.settings.reach import this_machine_only
from mecum.settings.schema import ServerSettings, Settings
from mecum.types import Json

Level = Literal["ok", "warn", "fail"]

_LITTLE = 1_000_000_000  # bytes of free disk: room for a small model
_NOTHING = 50_000_000  # bytes: not even for logs and a database that grows


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, and, where it is not well, what to do about it in one sentence."""

    what: str
    level: Level
    found: str
    fix: str = ""


def failed(what: str, error: MecumError, otherwise: str) -> Finding:
    """Return a failure with what the error advises, or where it advises nothing, with what to do `otherwise`."""
    found, _, fix = error.message.partition(". ")
    return Finding(what, "fail", found.rstrip(".") + ".", fix or otherwise)


def machine() -> Iterator[Finding]:
    """Look at Python and the platform."""
    system, kind = platform.system(), platform.machine()
    found = f"mecum {__version__}, Python {platform.python_version()}, {system} {kind}"
    if system == "Linux" and kind in ("x86_64", "AMD64"):
        yield Finding("machine", "ok", found)
    else:
        yield Finding("machine", "warn", found, "mecum is tested on Linux x86-64; elsewhere report what does not work.")


def settings(loaded: Loaded) -> Iterator[Finding]:
    """Look at settings that could be read."""
    given = sum(not origin.startswith("default") for origin in loaded.origins.values())
    file = loaded.file
    yield Finding("settings", "ok", f"{given} set, {f'from {file}' if file else 'no file'}")
    if file and loaded.origins["engine.api_key"].startswith(file.name) and _open_to_others(file):
        yield Finding("settings", "warn", f"others can read {file}, and a key is in it.", f"chmod 600 {file}")
    if loaded.settings.models:
        for what, fix in without_effect(loaded.settings, Shelf(loaded.settings.home).installed()):
            yield Finding("settings", "warn", what, fix)
    for name, own in loaded.settings.models.items():
        try:
            template_of(own, name)
        except MecumError as error:
            yield failed("settings", error, f"Name another file: {model_setting(name, 'chat_template')}.")


def home(path: Path) -> Iterator[Finding]:
    """Look at the data directory: whether it can be written, by whom else, and the room on its disk."""
    there = next(folder for folder in (path, *path.parents) if folder.exists())
    other = "Name another data directory: --home or MECUM_HOME."
    if not there.is_dir():
        yield Finding("data", "fail", f"{there} is not a folder.", other)
        return
    if not os.access(there, os.R_OK | os.W_OK | os.X_OK):
        yield Finding("data", "fail", f"{there} cannot be written.", other)
    elif there != path:
        yield Finding("data", "ok", f"{path} will be made")
    elif _open_to_others(path):
        yield Finding("data", "warn", f"others may look into {path}.", f"chmod 700 {path}")
    else:
        yield Finding("data", "ok", str(path))
    yield _disk(there)


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    found = f"{free / 1e9:,.1f} GB free"
    if free > _LITTLE:
        return Finding("disk", "ok", found)
    fix = f"Free some room on the disk of {folder}, or name a data directory elsewhere: --home."
    return Finding("disk", "warn" if free > _NOTHING else "fail", found, fix)


def _open_to_others(path: Path) -> bool:
    return os.name == "posix" and bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def lock(*, held: bool, said: Running | None) -> Iterator[Finding]:
    """Look at who works on the data directory: whether the lock is held, and what run.json says."""
    if said and held:
        yield Finding("lock", "ok", f"held by the server, process {said.pid}")
    elif held:
        fix = "Wait for it to end; as long as it works, no server can start there."
        yield Finding("lock", "warn", "another mecum command works on the data directory.", fix)
    elif said:
        fix = "Nothing: the next start removes what it left behind."
        yield Finding("lock", "warn", f"free; the server with process id {said.pid} did not end in order.", fix)
    else:
        yield Finding("lock", "ok", "free")


def server(health: Json | None, error: str | None) -> Iterator[Finding]:
    """Look at what the running server says of itself, or why it does not."""
    if health is None:
        fix = "Read its log, and start it anew: mecum stop --now, then mecum serve."
        yield Finding("server", "fail", error or "it does not answer.", fix)
        return
    engine, queue = health["engine"], health["queue"]
    found = f"{health['status']}, {queue['working']} at work, {queue['waiting']} waiting"
    if health["status"] == "ok" and not engine["restarts"]:
        yield Finding("server", "ok", found)
    elif health["status"] == "ok":
        found += f"; its engine had to be restarted, {engine['restarts']} so far."
        yield Finding("server", "warn", found, "Its log says why; the engine may lack memory.")
    else:
        level: Level = "warn" if health["status"] in ("starting", "draining") else "fail"
        fix = "Wait a moment, and look again." if level == "warn" else "Mend the cause, and start it anew: mecum stop."
        yield Finding("server", level, f"{health['status']}: {engine['reason'] or 'no reason given'}", fix)


def reach(settings: Settings) -> Iterator[Finding]:
    """Look at whether others than this machine reach the server, and whether they may."""
    if this_machine_only(settings.server.host):
        return
    try:
        exposure.check(settings)
    except MecumError as error:
        yield failed("reach", error, "Listen on localhost: --host localhost.")
        return
    if settings.server.allow_open_network:
        found = f"whoever reaches {settings.server.host} may come without a key, unless one was made before"
        yield Finding("reach", "warn", found, "Make a key (mecum keys create NAME), and unset server.allow_open_network.")
    else:
        yield Finding("reach", "ok", f"whoever reaches {settings.server.host} needs a key")


def port(wanted: ServerSettings, running: Running | None) -> Iterator[Finding]:
    """Look at whether `mecum serve` could listen, or already does."""
    where = f"{wanted.host}, port {wanted.port}" if wanted.port else f"{wanted.host}, any free port"
    if running and running.url.endswith(f":{wanted.port}"):
        yield Finding("port", "ok", f"{where}: the running server's")
        return
    try:
        with listening(wanted.host, wanted.port):
            yield Finding("port", "ok", f"{where}: free")
    except MecumError as error:
        finding = failed("port", error, "Choose another one: --port or --host.")
        yield Finding("port", "fail", finding.found + _listener(wanted.port), finding.fix)


def _listener(number: int) -> str:
    """Return who listens on a port, as far as this user may know."""
    try:
        for link in psutil.net_connections("tcp"):
            if link.status == psutil.CONN_LISTEN and link.laddr and link.laddr.port == number and link.pid:
                return f" It is {psutil.Process(link.pid).name()}, process {link.pid}."
    except psutil.Error:
        pass
    return ""
