"""Runs `mecum` commands as processes."""

from __future__ import annotations

import subprocess
import sys

from tests.clients.server import clean_environment

MECUM = [sys.executable, "-m", "mecum"]


def mecum(*arguments: object, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run `mecum` with these arguments and settings alone, and return how it ended."""
    return subprocess.run(
        [*MECUM, *map(str, arguments)],
        env=clean_environment() | environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
