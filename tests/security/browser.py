"""A real browser for tests: Debian's Chromium without a window, spoken to through a pipe in its own protocol (CDP).

Invariants: no name but this machine's is looked up by it, so nothing of it reaches beyond; leaving `browsing` ends it.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

Json = dict[str, Any]
PROGRAM: Final = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
WHY_NOT: Final = "there is no Chromium here (Debian: apt-get install chromium)"
PATIENCE: Final = 30.0  # seconds
# The protocol's pipe is on the descriptors 3 and 4.
_BEGIN: Final = "import os, sys; r, w, *c = sys.argv[1:]; os.dup2(int(r), 3); os.dup2(int(w), 4); os.execvp(c[0], c)"
_FLAGS: Final = """
--headless=new --remote-debugging-pipe --disable-gpu --disable-dev-shm-usage --no-first-run --no-default-browser-check
--disable-extensions --disable-sync --disable-background-networking --disable-component-update --disable-default-apps
--disable-domain-reliability --metrics-recording-only --password-store=basic --use-mock-keychain --mute-audio
--disable-features=BackForwardCache,Translate,OptimizationHints
""".split()
_ONLY_HERE: Final = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"


@dataclass
class Page:
    """A tab. `requested` are the addresses that it asked for, `told` what it said of errors and broken policies."""

    send: Callable[..., Json]
    requested: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def open(self, url: str) -> None:
        """Go to an address, with nothing kept of the page before."""
        self.send("Page.navigate", url="about:blank")
        self.until("location.href === 'about:blank'")
        self.requested.clear()
        self.told.clear()
        self.send("Page.navigate", url=url)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def run(self, script: str) -> Any:
        """Return what an expression is, awaited."""
        found = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until an expression is true."""
        deadline = time.monotonic() + PATIENCE
        while not self.run(f"Boolean({condition})"):
            assert time.monotonic() < deadline, (condition, self.told)
            time.sleep(0.02)

    def heard(self, message: Json) -> None:
        """Take note of an event."""
        parameters = message.get("params", {})
        if message["method"] == "Network.requestWillBeSent":
            self.requested.append(parameters["request"]["url"])
        elif message["method"] == "Network.webSocketCreated":
            self.requested.append(parameters["url"])
        elif message["method"] in ("Runtime.exceptionThrown", "Log.entryAdded", "Page.javascriptDialogOpening"):
            self.told.append(json.dumps(parameters))
            if message["method"] == "Page.javascriptDialogOpening":
                self.requested.append("a dialog")


class _Pipe:
    """The protocol: commands out, answers and events in."""

    def __init__(self, out: int, into: int) -> None:
        self._out, self._into = out, into
        self._number = 0
        self._answers: dict[int, queue.Queue[Json]] = {}
        self.hear: Callable[[Json], None] = lambda _: None
        threading.Thread(target=self._listen, daemon=True).start()

    def send(self, method: str, session: str | None = None, /, **parameters: Any) -> Json:
        self._number += 1
        number, answer = self._number, queue.Queue[Json](1)
        self._answers[number] = answer
        message: Json = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        found = answer.get(timeout=PATIENCE)
        assert "error" not in found, (method, found)
        return dict(found["result"])

    def _listen(self) -> None:
        data = b""
        while piece := os.read(self._into, 65536):
            *messages, data = (data + piece).split(b"\0")
            for text in messages:
                message = json.loads(text)
                if "id" in message:
                    self._answers.pop(message["id"]).put(message)
                else:
                    self.hear(message)


@contextmanager
def browsing() -> Iterator[Page]:
    """Run a browser with one tab."""
    assert PROGRAM, WHY_NOT
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        command = [PROGRAM, *_FLAGS, *root, _ONLY_HERE, f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(
            [sys.executable, "-c", _BEGIN, str(theirs_in), str(theirs_out), *command],
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "HOME": profile},
            cwd=Path(profile),
        )
        os.close(theirs_in)
        os.close(theirs_out)
        try:
            yield _tab(_Pipe(ours_out, ours_in))
        finally:
            os.close(ours_out)  # it ends with its pipe
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            os.close(ours_in)


def _tab(pipe: _Pipe) -> Page:
    target = pipe.send("Target.createTarget", url="about:blank")["targetId"]
    session = pipe.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def send(method: str, **parameters: Any) -> Json:
        return pipe.send(method, session, **parameters)

    page = Page(send)
    pipe.hear = page.heard
    for domain in ("Page", "Network", "Runtime", "Log"):
        send(f"{domain}.enable")
    return page
