import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def home() -> Iterator[Path]:
    """A data directory with a short path: the engine's socket lies in it, and must be gone with it."""
    with tempfile.TemporaryDirectory(prefix="m-") as folder:
        yield Path(folder)
