"""Our own modules are what their JSDoc types say: TypeScript checks them, strictly, and builds nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.clients.conftest import node as node  # noqa: PLC0414 # a fixture
from tests.clients.install import NODE

HERE = Path(__file__).parent


def test_types(node: Path) -> None:
    compiler = NODE / "node_modules" / "typescript" / "bin" / "tsc"
    done = subprocess.run([node, compiler, "-p", HERE], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout
