"""`mecum doctor`: looks for what is wrong, and says of each thing what to do.

Without `--deep` nothing is changed or started, save a child that imports llama.cpp (`tests/cli/test_doctor.py`).
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mecum.app.home import Running, is_held, running
from mecum.cli import checkup, checkup_engine, checkup_library
from mecum.cli.checkup import Finding
from mecum.cli.status import health_of
from mecum.cli.terminal import plain, say
from mecum.errors import MecumError
from mecum.observe.log import configure
from mecum.settings.load import Loaded, load

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(flags: Mapping[str, Any], config: Path | None, *, deep: bool, as_json: bool) -> int:
    """Show what was found: as a table, as lines, or as one JSON object. Return the exit code: 1 where something failed."""
    configure("critical", "text")  # what the engine would log is found here
    findings = asyncio.run(examine(flags, config, deep=deep))
    well = all(finding.level != "fail" for finding in findings)
    if as_json:
        say(json.dumps({"ok": well, "findings": [asdict(finding) for finding in findings]}, indent=2))
    elif sys.stdout.isatty():
        _table(findings)
    else:
        for finding in findings:
            say(f"{finding.level:<5} {finding.what:<10} {plain(finding.found)}{_advice(finding)}")
    return 0 if well else 1


async def examine(flags: Mapping[str, Any], config: Path | None, *, deep: bool) -> list[Finding]:
    """Return what there is to find; `deep` also asks for an answer."""
    findings = list(checkup.machine())
    try:
        loaded = load(flags, os.environ, config=config)
    except MecumError as error:  # everything else depends on them
        otherwise = "Correct it where it is set; `mecum config` shows what may be set."
        lines = [type(error)(line) for line in error.message.splitlines()]
        return findings + [checkup.failed("settings", line, otherwise) for line in lines]
    findings += checkup.settings(loaded)
    return findings + [finding async for finding in _with(loaded, deep=deep)]


async def _with(loaded: Loaded, *, deep: bool) -> AsyncIterator[Finding]:
    settings = loaded.settings
    for finding in checkup.home(settings.home):
        yield finding
    held, said = _lock(settings.home)
    server = said if held else None
    for finding in checkup.lock(held=held, said=said):
        yield finding
    for finding in (*checkup.reach(settings), *checkup.port(settings.server, server)):
        yield finding
    if server:
        for finding in checkup.server(*await health_of(server)):
            yield finding
    async for finding in checkup_library.library(settings, server):
        yield finding
    async for finding in checkup_engine.engine(settings, server):
        yield finding
    if deep:
        yield await checkup_engine.answer(settings, server)


def _lock(home: Path) -> tuple[bool, Running | None]:
    try:
        return is_held(home), running(home)
    except MecumError:
        return False, None  # the directory cannot be used, which has been said


def _advice(finding: Finding) -> str:
    return f"\n{'':<17}-> {plain(finding.fix)}" if finding.fix else ""


def _table(findings: list[Finding]) -> None:
    table = Table("", "what", "found", "what to do", box=None, padding=(0, 2, 0, 0))
    for finding in findings:
        mark = Text(finding.level, style=_COLOURS[finding.level])
        table.add_row(mark, finding.what, Text(plain(finding.found)), Text(plain(finding.fix)))
    Console(highlight=False).print(table)
