"""Runs the rows of a client that lives in another process, and gives each row's outcome to one test.

A driver is a program in `drivers/` or `node/`: it gets a URL and the names of rows, runs them, and prints one JSON object,
row -> outcome. The tests judge the values; a row that crashed fails the test that asks for it, with its traceback.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.clients.server import clean_environment

ROOT = Path(__file__).parent
LIMIT = 100.0  # seconds for all rows of one driver

# No client may call home: what they would fetch at import or report afterwards is off.
QUIET = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LANGSMITH_TRACING": "false",
    "LANGCHAIN_TRACING_V2": "false",
    "HF_HUB_OFFLINE": "1",
    "AI_SDK_LOG_WARNINGS": "false",
    "PYTHONUTF8": "1",
}


class Rows:
    """The outcomes of one run of a driver."""

    def __init__(self, outcomes: dict[str, Any], errors: str) -> None:
        self._outcomes = outcomes
        self._errors = errors

    def __getitem__(self, row: str) -> Any:
        """Return a row's value, or fail the test with the row's traceback."""
        outcome = self._outcomes.get(row)
        if outcome is None:
            pytest.fail(f"the driver has no row {row!r}:\n{self._errors}")
        if "crashed" in outcome:
            pytest.fail(f"row {row!r} failed in the client:\n{outcome['crashed']}", pytrace=False)
        return outcome["value"]

    def raised(self, row: str) -> dict[str, Any]:
        """Return what the client raised in a row: `types` (its class and those above), `message`, and what else it tells."""
        value = self[row]
        assert isinstance(value, dict), f"nothing was raised, but this came: {value!r}"
        assert "types" in value, f"nothing was raised, but this came: {value!r}"
        return value


def drive(program: Path, driver: str, url: str, *rows: str) -> Rows:
    """Run a driver's rows (all but those for a real model, where none is named) against a server."""
    done = subprocess.run(
        [str(program), str(ROOT / driver), url, *rows],
        env={**clean_environment(), **QUIET},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, f"{driver} ended with code {done.returncode}:\n{done.stderr[-4000:]}"
    return Rows(json.loads(done.stdout.rstrip("\n").rpartition("\n")[2]), done.stderr)  # LiteLLM prints more
