"""The whole program in a process of its own, with the scripted engine and embedder: where documents are really read.

Invariant: leaving `whole` ends it with SIGTERM and code 0, and its log holds no traceback.
"""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mecum.app.build import App
from mecum.app.listen import Listening
from mecum.app.server import run
from mecum.observe.log import configure
from mecum.settings.schema import EngineSettings, LibrarySettings, ServerSettings, Settings

ROOT = Path(__file__).parents[2]


@dataclass
class Whole:
    """Where it listens, its data directory, its process and its log."""

    port: int
    home: Path
    process: subprocess.Popen[str]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def leftovers(self) -> list[str]:
        """Return the names of files on their way in or out: uploads, copies."""
        return sorted(path.name for path in (self.home / "files").iterdir() if len(path.name) > 2)


@contextmanager
def whole(
    home: Path, *, library: dict[str, Any] | None = None, file_limit: int | None = None, **server: Any
) -> Iterator[Whole]:
    """Run it with these settings, on a free port. `file_limit` is the most bytes of a file that it may write."""
    home.mkdir(exist_ok=True)
    log = home.parent / f"{home.name}.log"
    library = {"embedder": "scripted", **(library or {})}
    given = json.dumps({"home": str(home), "library": library, "server": server, "file_limit": file_limit})
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.api.whole", given], stdout=subprocess.PIPE, stderr=stderr, text=True, cwd=ROOT
        )
    assert process.stdout
    with process, process.stdout:
        try:
            port = process.stdout.readline()
            assert port, log.read_text()
            yield Whole(int(port), home, process, log)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(40)
    assert process.returncode == 0, log.read_text()
    assert "Traceback" not in log.read_text(), log.read_text()


def _main() -> None:
    given = json.loads(sys.argv[1])
    configure("debug", "text")
    if given["file_limit"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (given["file_limit"], given["file_limit"]))
    settings = Settings(
        home=Path(given["home"]),
        engine=EngineSettings(scripted=True),
        server=ServerSettings(port=0, **given["server"]),
        library=LibrarySettings(**given["library"]),
    )

    def told(_: App, listening: Listening) -> None:
        sys.stdout.write(f"{listening.sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()

    run(settings, on_listening=told)


if __name__ == "__main__":
    _main()
