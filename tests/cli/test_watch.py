"""`mecum watch` in the foreground: what happens in the folder is in the library, and is said."""

import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.cli import commands
from tests.cli.inside import mecum
from tests.cli.inside_library import ENVIRON
from tests.clients.server import clean_environment, serving

from mecum.cli.watch import line
from mecum.errors import StoreFull
from mecum.knowledge.sync import Report

PATIENCE = 30  # seconds


class Watching:
    """A process and the lines that it writes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._listening = threading.Thread(target=self._listen)
        self._listening.start()

    def see(self, words: str) -> str:
        """Wait for a line with these words."""
        deadline, seen = time.monotonic() + PATIENCE, []
        while True:
            try:
                seen.append(self._lines.get(timeout=max(0.0, deadline - time.monotonic())))
            except queue.Empty:
                raise AssertionError(f"{words!r} did not come: {seen}") from None
            if words in seen[-1]:
                return seen[-1]

    def close(self) -> None:
        """End it, however it goes."""
        self.process.kill()
        self.process.wait()
        self._listening.join()

    def _listen(self) -> None:
        assert self.process.stdout
        with self.process.stdout as lines:
            for text in lines:
                self._lines.put(text)


@contextmanager
def watching(home: Path, *folders: Path) -> Iterator[Watching]:
    """Watch folders for the block; Ctrl-C must end it in order."""
    process = subprocess.Popen(
        [*commands.MECUM, "watch", "--home", str(home), *map(str, folders)],
        env=clean_environment() | ENVIRON,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    seen = Watching(process)
    try:
        yield seen
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    finally:
        seen.close()


def put(file: Path, text: str) -> None:
    """Write a file that has been left alone for long enough."""
    file.write_text(text)
    os.utime(file, (time.time() - 60, time.time() - 60))


def listed(home: Path) -> set[str]:
    done = mecum("documents", "--home", home, "--json", **ENVIRON)
    return {Path(document["path"]).name for document in json.loads(done.stdout)["documents"]}


def follow(home: Path, folder: Path) -> None:
    """Watch a folder in which things happen."""
    folder.mkdir()
    put(folder / "a.md", "one")
    put(folder / "bad.pdf", "%PDF-1.4 broken")
    with watching(home, folder) as seen:
        seen.see(f"watching {folder}; Ctrl-C ends it.")
        seen.see(f"{folder}: 2 added")
        seen.see(f"{folder / 'bad.pdf'}: damaged: ")
        (folder / "a.md").rename(folder / "b.md")
        (folder / "bad.pdf").unlink()
        put(folder / "c.md", "two")
        said = ""
        while not all(word in said for word in ("added", "renamed", "removed")):
            said += seen.see(f"{folder}: ")


def test_a_running_server_gets_what_happens(tmp_path):
    with serving(tmp_path / "home", "--demo", env=ENVIRON):
        follow(tmp_path / "home", tmp_path / "docs")
        assert listed(tmp_path / "home") == {"b.md", "c.md"}


def test_without_a_server_the_command_holds_the_library_itself(tmp_path):
    follow(tmp_path / "home", tmp_path / "docs")
    assert listed(tmp_path / "home") == {"b.md", "c.md"}


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "a.md").touch()
    done = mecum("watch", "--home", tmp_path / "home", tmp_path / "a.md")
    assert (done.returncode, "is no folder. Add a file: mecum add" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (Report(added=1200, removed=1), "/d: 1,200 added, 1 removed"),
        (Report(missing=True), "/d is not there. Its documents stay, and it is waited for."),
        (Report(), "/d: it is there again"),
        (StoreFull("The disk is full."), "/d: The disk is full. It is tried again."),
        (OSError("odd"), "/d: OSError. It is tried again."),
    ],
)
def test_a_line_says_what_happened(what, said):
    assert line(Path("/d"), what) == said
