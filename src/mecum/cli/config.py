"""`mecum config`: the settings in effect, each with where it came from. Secrets are masked (`tests/cli/test_config.py`)."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mecum.cli.terminal import note, one_line, say
from mecum.models.shelf import Shelf
from mecum.models.tables import without_effect
from mecum.settings import names
from mecum.settings.load import Loaded, load
from mecum.settings.models import shown
from mecum.settings.wording import show

LONGEST = 200  # characters of a value in a table; only templates have more


def show_config(flags: Mapping[str, Any], config: Path | None, *, as_json: bool) -> None:
    """Print the settings: as a table, or as one JSON object."""
    loaded = load(flags, os.environ, config=config)
    values = _values(loaded)
    if as_json:
        rows = {name: {"value": value, "origin": loaded.origins[name]} for name, value in values.items()}
        say(json.dumps({"file": loaded.file and str(loaded.file), "settings": rows}, indent=2))
    elif sys.stdout.isatty():
        _table(loaded, values)
    else:
        for name, value in values.items():
            say(f"{name:<24} {_text(value):<24} {loaded.origins[name]}")
    if loaded.settings.models:
        for found, fix in without_effect(loaded.settings, Shelf(loaded.settings.home).installed()):
            note(one_line(f"{found} {fix}"))


def _values(loaded: Loaded) -> dict[str, Any]:
    """Return each value by dotted name, as JSON has it; a set secret is asterisks."""
    tree = loaded.settings.model_dump(mode="json", exclude={names.MODELS})
    sections = {name: value if isinstance(value, dict) else {"": value} for name, value in tree.items()}
    flat = {f"{section}.{key}".rstrip("."): value for section, keys in sections.items() for key, value in keys.items()}
    flat |= shown(loaded.settings)
    return {name: show(value) if isinstance(value, str) else value for name, value in flat.items()}


def _text(value: Any) -> str:
    if value is None or value == []:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(value)
    return f"{value:g}" if isinstance(value, float) else _one_line(str(value))


def _one_line(text: str) -> str:
    first, *more = text.splitlines() or [""]
    return f"{first[:LONGEST]}…" if more or len(first) > LONGEST else first


def _table(loaded: Loaded, values: Mapping[str, Any]) -> None:
    table = Table("setting", "value", "from", caption=f"file: {loaded.file or 'none'}", caption_justify="left")
    for name, value in values.items():
        origin = loaded.origins[name]
        table.add_row(name, Text(_text(value)), Text(origin), style="dim" if origin == "default" else None)
    Console().print(table)
