"""`mecum models recommend`: a model of the catalogue for this machine, and why (`tests/cli/test_models.py`)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mecum.cli.terminal import say
from mecum.cli.words import machine_line, size
from mecum.engine.machine import Machine
from mecum.models.catalogue import READING, Advice, Entry, entries
from mecum.models.catalogue import recommend as choose
from mecum.models.fit import read_speed, tokens_per_second
from mecum.settings.load import load

BY_HAND = (
    "Look for a repository of GGUF files on the hub, read its licence, and pull it: mecum pull hf:OWNER/REPO takes the file "
    "that fits this machine, hf:OWNER/REPO:FILE the one that you name."
)


def recommend(flags: Mapping[str, Any], config: Path | None, *, as_json: bool) -> None:
    """Say what to pull here, and why, or that there is nothing to recommend."""
    load(flags, os.environ, config=config)  # a wrong setting is told now, not by the pull
    machine, found = Machine.here(), entries()
    memory = read_speed(machine.cores)
    advice = choose(found, machine, memory)
    if as_json:
        say(json.dumps(_json(found, advice, machine), indent=2, default=str))
        return
    say(machine_line(machine))
    if advice is None:
        what = "The catalogue is empty" if not found else "No model of the catalogue fits the free memory"
        say(f"{what}, so there is nothing to recommend. {BY_HAND}")
    else:
        for line in why(advice, machine):
            say(line)
    if found:
        say("\nThe catalogue (size of the file, context, licence):")
        for entry in found:
            say(_line(entry, machine, memory))
        say(f"\nOthers: {BY_HAND}")


def why(advice: Advice, machine: Machine) -> list[str]:
    """Return what is recommended, and the reasons."""
    entry = advice.entry
    speed = "" if advice.speed is None else f", and answers with about {_rate(advice.speed)} tokens a second (estimated)"
    reason = "It is the strongest of the catalogue that fits and can be read along with."
    if not advice.fast_enough:
        reason = f"None of the catalogue answers {READING:.0f} tokens a second here; this is the quickest that fits."
    elif machine.gpu:
        reason = "It is the strongest of the catalogue that fits the memory; how fast it is the GPU decides."
    return [
        f"Recommended: mecum pull {entry.name} --default",
        f"  {entry.parameters} parameters, {size(entry.size)}, {entry.licence}, from {entry.repo}",
        f"  It has room for {advice.context:,} of its {entry.context:,} tokens of context{speed}.",
        f"  {reason}",
        f"  Read on {entry.read}: {' '.join(entry.pages)}",
    ]


def _line(entry: Entry, machine: Machine, memory: float) -> str:
    speed = tokens_per_second(entry.size, machine, memory)
    here = f"about {_rate(speed)}/s" if speed else "fits"
    facts = f"{size(entry.size):>8}  {entry.context:>7,}  {entry.licence:<11}"
    return f"  {entry.name:<22} {facts} {here if entry.fits(machine.memory) else 'too large now'}"


def _rate(speed: float) -> str:
    return f"{speed:.0f}" if speed >= 3 else f"{speed:.1f}"


def _json(found: Sequence[Entry], advice: Advice | None, machine: Machine) -> dict[str, Any]:
    return {
        "recommended": advice and {**asdict(advice), "entry": advice.entry.name},
        "catalogue": [{**asdict(entry), "fits": entry.fits(machine.memory)} for entry in found],
        "machine": asdict(machine),
    }
