"""How the engine's child is started: the wheel's llama.cpp, or a `llama-server` program in its place.

Invariants: the key is fresh for each start and stands neither in argv nor in the environment; the socket and the key file
lie in a fresh folder that only we may enter (0700), which is gone when the child is (`tests/engine/test_command.py`).
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import re
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import orjson
import psutil

from mecum.engine.plan import Plan
from mecum.engine.process import Process
from mecum.errors import EngineStartError

LOOPBACK: Final = "127.0.0.1"
SOCKET_PATH: Final = 100  # bytes; the systems' limits are 104 and 108 with the NUL
UNUSED_PORT: Final = 8080  # llama.cpp wants one beside a Unix socket too, and does not open it
ERRORS_ONLY: Final = 1  # llama.cpp's verbosity: what it says at 2 and more may quote requests
_FOLDER: Final = re.compile(r"mecum-engine-(\d+)-\w+")
_PROGRAM: Final = Path(__file__).with_name("llama.py")
_ASK: Final = 20  # seconds that `llama-server --help` may take; it looks for GPUs first


@dataclass(frozen=True, slots=True)
class Place:
    """Where a child listens. `folder` is its own; `socket` is None where it has to be a port of the loopback."""

    folder: Path
    key: str
    socket: Path | None
    port: int = 0

    @property
    def url(self) -> str:
        """The base URL; over a Unix socket its host means nothing."""
        return "http://engine" if self.socket else f"http://{LOOPBACK}:{self.port}"

    def clear(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


class Backend(Protocol):
    """A kind of child. `version` is what its answers depend on; `unix` says whether it can listen on a Unix socket."""

    version: str
    unix: bool

    def start(self, model: Path, plan: Plan, place: Place) -> Process:
        """Start a child (errors as with `Process.spawn`)."""
        ...


def make_place(home: Path, *, unix: bool) -> Place:
    """Make a folder with a fresh key's place: in `home`, or where that path is too long for a socket, in a short one."""
    choices = [home / "run", Path(tempfile.gettempdir()), Path("/tmp")]  # noqa: S108 -- the folder made there is ours alone
    base = next((base for base in choices if len(os.fsencode(base)) <= SOCKET_PATH - 40), choices[0])
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    if base == choices[0]:  # elsewhere a process of another container may live that we cannot see
        _sweep(base)
    folder = Path(tempfile.mkdtemp(prefix=f"mecum-engine-{os.getpid()}-", dir=base))
    key = secrets.token_urlsafe(32)
    return Place(folder, key, folder / "e.sock") if unix else Place(folder, key, None, _free_port())


def _sweep(base: Path) -> None:
    """Remove what a process that was killed left behind."""
    for folder in base.glob("mecum-engine-*"):
        found = _FOLDER.fullmatch(folder.name)
        with contextlib.suppress(OSError):
            if found and not psutil.pid_exists(int(found[1])) and folder.stat().st_uid == _user():
                shutil.rmtree(folder)


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0  # without users in files, their st_uid is 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def listens(process: Process, port: int) -> bool:
    """Return whether the port is the child's: another program could have taken it first, and would be told the key."""
    with contextlib.suppress(psutil.Error):
        child = psutil.Process(process.pid)
        for member in (child, *child.children(recursive=True)):
            for connection in member.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                    return True
    return False


class Wheel:
    """llama.cpp from the wheel `xllamacpp`, in a Python process. A benchmark may set fields of its CommonParams itself."""

    unix = sys.platform in ("linux", "darwin")

    def __init__(self, **overrides: object) -> None:
        self._overrides = overrides
        spec = importlib.util.find_spec("xllamacpp")
        if spec is None or spec.origin is None:
            raise EngineStartError(
                "llama.cpp is not installed. `pip install xllamacpp`, or set engine.binary or engine.base_url."
            )
        self._path = str(Path(spec.origin).parent.parent)
        self.version = "xllamacpp " + importlib.metadata.version("xllamacpp")

    def start(self, model: Path, plan: Plan, place: Place) -> Process:
        """Start a child; what it needs to know, the key too, goes through its stdin."""
        params = {
            "model.path": str(model),
            "hostnames": [str(place.socket) if place.socket else LOOPBACK],
            "port": place.port or UNUSED_PORT,
            "api_keys": [place.key],
            "slot_save_path": f"{place.folder}{os.sep}",  # without one a slot cannot be erased
            **wheel_params(plan),
            **self._overrides,
        }
        order = orjson.dumps({"path": self._path, "params": params}) + b"\n"
        return Process.spawn([sys.executable, "-I", str(_PROGRAM)], greeting=order)


def wheel_params(plan: Plan) -> dict[str, object]:
    """Return the plan as fields of `xllamacpp.CommonParams`."""
    template = {"chat_template": plan.chat_template} if plan.chat_template else {}
    return template | {
        "n_parallel": plan.slots,
        "n_ctx": plan.slots * plan.context,
        "kv_unified": False,
        "n_batch": plan.batch,
        "n_ubatch": plan.batch,
        "cpuparams.n_threads": plan.threads,
        "cpuparams_batch.n_threads": plan.threads,
        "n_threads_http": http_threads(plan),
        "n_gpu_layers": plan.gpu_layers,
        "fit_params": plan.fit,
        "cache_ram_mib": plan.cache_mib,
        "verbosity": ERRORS_ONLY,
        "warmup": False,
        "ui": False,
    }


def http_threads(plan: Plan) -> int:
    """Return how many requests the child can hold at once: a stream keeps a thread, and /health must always find one."""
    return 2 * plan.slots + 8


class Binary:
    """A `llama-server` program. Make one with `examine`: versions differ in what they understand."""

    def __init__(self, program: Path, version: str, manual: str) -> None:
        self._program = program
        self._flags = frozenset(re.findall(r"(?<![\w-])--?[a-z][\w-]*", manual))
        self._errors_only = "1: error" in manual  # older ones count differently: 1 would mean debug
        self.version = version
        self.unix = sys.platform in ("linux", "darwin") and bool(re.search("unix socket", manual, re.IGNORECASE))

    @classmethod
    async def examine(cls, program: Path) -> Binary:
        """Ask the program for its version and its options.

        Raises:
            EngineStartError: it is not there, or does not answer.
        """
        found = _found(program)
        version = await _ask(found, "--version")
        manual = "\n".join(await _ask(found, "--help"))
        if "--api-key-file" not in manual:
            raise EngineStartError(f"The program {program} is not a llama-server that can be given a key file.")
        named = next((line for line in version if line.startswith("version")), version[0] if version else "unknown")
        return cls(found, f"llama-server {named}", manual)

    def start(self, model: Path, plan: Plan, place: Place) -> Process:
        """Start a child; its key lies in a file that only we can read."""
        key_file = place.folder / "key"
        key_file.touch(mode=0o600)
        key_file.write_text(place.key + "\n")
        template = place.folder / "template.jinja" if plan.chat_template else None
        if template:
            template.write_text(plan.chat_template, encoding="utf-8")
        return Process.spawn([str(self._program), *self.arguments(model, plan, place, key_file, template)])

    def arguments(self, model: Path, plan: Plan, place: Place, key_file: Path, template: Path | None = None) -> list[str]:
        """Return the command's arguments; key and chat template lie in files.

        Of those that are not vital, only what this version knows.
        """
        host = str(place.socket) if place.socket else LOOPBACK
        vital = [
            "--model",
            str(model),
            "--host",
            host,
            "--port",
            str(place.port or UNUSED_PORT),
            "--api-key-file",
            str(key_file),
        ]
        vital += ["--ctx-size", str(plan.slots * plan.context), "--parallel", str(plan.slots)]
        vital += ["--batch-size", str(plan.batch), "--ubatch-size", str(plan.batch)]
        vital += ["--threads", str(plan.threads), "--threads-batch", str(plan.threads)]
        vital += ["--threads-http", str(http_threads(plan))]
        vital += ["--chat-template-file", str(template)] if template else []
        return [*vital, *self._known(plan, place)]

    def _known(self, plan: Plan, place: Place) -> Iterator[str]:
        wanted = [["--jinja"], ["--no-warmup"], ["--no-kv-unified"], ["--cache-ram", str(plan.cache_mib)]]
        wanted += [["--fit", "on" if plan.fit else "off"]]
        wanted += [["--slot-save-path", f"{place.folder}{os.sep}"]]  # without one a slot cannot be erased
        wanted += [["--no-ui"] if "--no-ui" in self._flags else ["--no-webui"]]
        if plan.gpu_layers >= 0:
            wanted.append(["--n-gpu-layers", str(plan.gpu_layers)])
        if self._errors_only:
            wanted.append(["--verbosity", str(ERRORS_ONLY)])
        for words in wanted:
            if words[0] in self._flags:
                yield from words


def _found(program: Path) -> Path:
    found = shutil.which(program.expanduser())
    if found is None:
        raise EngineStartError(f"There is no program {program}. Set engine.binary to a llama-server.")
    return Path(found).absolute()


async def _ask(program: Path, flag: str) -> tuple[str, ...]:
    try:
        process = Process.spawn([str(program), flag], keep=2000)
    except OSError as error:
        raise EngineStartError(f"The program {program} cannot be run: {error.strerror}.") from None
    try:
        if not await process.wait(_ASK):
            raise EngineStartError(f"The program {program} does not answer {flag} within {_ASK} s.")
    finally:
        await process.stop()
    return process.lines
