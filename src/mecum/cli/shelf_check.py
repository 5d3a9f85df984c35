"""`mecum models verify`: whether models are what they were when they came.

Nothing is changed (`tests/cli/test_models.py`).
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mecum.cli.fetching import showing
from mecum.cli.terminal import note, one_line, say
from mecum.engine import gguf
from mecum.engine.aliases import meant
from mecum.errors import EngineStartError
from mecum.models.folder import check_folder
from mecum.models.installed import Installed
from mecum.models.meter import Meter
from mecum.models.shelf import Shelf
from mecum.models.take import hash_of
from mecum.settings.load import load

WRONG = 5  # the exit code: the model


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of a model."""

    name: str
    file: str
    well: bool
    found: str
    sha256: dict[str, str]


def verify(name: str | None, flags: Mapping[str, Any], config: Path | None, *, as_json: bool) -> int:
    """Look at a model, or at all, and return the exit code: 5 where one is not as it should be.

    Raises:
        ModelNotFound: there is none of that name.
    """
    settings = load(flags, os.environ, config=config).settings
    shelf = Shelf(settings.home)
    models = shelf.installed() if name is None else [shelf.find(meant(name, settings))]
    verdicts = asyncio.run(_all(models))
    if as_json:
        well = all(one.well for one in verdicts)
        say(json.dumps({"ok": well, "models": [asdict(one) for one in verdicts]}, indent=2))
    else:
        for one in verdicts:
            say(f"{'ok' if one.well else 'fail':<5} {one_line(one.name)}: {one_line(one.found)}")
        if not verdicts:
            note("there are no models.")
    return 0 if all(one.well for one in verdicts) else WRONG


async def _all(models: Sequence[Installed]) -> list[Verdict]:
    meter = Meter()
    with showing(meter):
        return [await _one(model, meter) for model in models]


async def _one(model: Installed, meter: Meter) -> Verdict:
    meter.begin(model.file.name, model.size)
    if model.fault:
        return Verdict(model.name, str(model.file), well=False, found=model.fault, sha256={})
    try:
        await asyncio.to_thread(_look, model)
        sha256 = {name: await hash_of(file, meter) for name, file in model.names.items()}
    except EngineStartError as error:
        return Verdict(model.name, str(model.file), well=False, found=error.message, sha256={})
    except OSError as error:
        return Verdict(model.name, str(model.file), well=False, found=f"It cannot be read: {error.strerror}.", sha256={})
    well, found = _judged(model, sha256)
    return Verdict(model.name, str(model.file), well, found, sha256)


def _look(model: Installed) -> None:
    """Read what the files say of themselves."""
    if model.folder:
        check_folder(model.folder, model.file.name)
    else:
        for file in model.files:
            gguf.read(file)


def _judged(model: Installed, sha256: dict[str, str]) -> tuple[bool, str]:
    wrong = [name for name, value in model.sha256.items() if sha256.get(name, value) != value]
    if wrong:
        return False, (
            f"{', '.join(wrong)} is not what came: its SHA-256 was {model.sha256[wrong[0]]}, and is {sha256[wrong[0]]}. "
            f"Fetch it again: mecum models remove {model.file.name}, then mecum pull."
        )
    if gone := sorted(set(model.sha256) - set(sha256)):
        again = f"Fetch it again: mecum models remove {model.file.name}, then mecum pull."
        return False, f"{', '.join(gone)} came with it, and is gone. {again}"
    if set(model.sha256) >= set(sha256):
        return True, "header good, SHA-256 as when it came"
    return True, f"header good; nobody wrote down which SHA-256 it must have, it has {', '.join(sha256.values())}"
