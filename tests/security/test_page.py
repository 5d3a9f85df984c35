"""`docs/security.md` names, for each of the 25 rows, tests that are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
ROWS: Final = {int(number): rest for number, rest in re.findall(r"^\| (\d+) \|(.*)\|$", PAGE, re.M)}
HERE: Final = sorted(path.name for path in Path(__file__).parent.glob("test_row_*.py"))


def test_there_are_twenty_five() -> None:
    assert sorted(ROWS) == list(range(1, 26))


@pytest.mark.parametrize("number", ROWS)
def test_a_rows_tests_are_there(number: int) -> None:
    named = re.findall(r"`((?:tests/)?[\w/]+\.py)`", ROWS[number])
    own = [name for name in named if "/" not in name]
    assert own
    for name in named:
        assert (ROOT / name if "/" in name else Path(__file__).parent / name).is_file(), name
    for name in own:
        assert str(number) in [part.lstrip("0") for part in re.findall(r"_(\d\d)(?=_)", name)], name


def test_every_file_here_is_named() -> None:
    assert all(f"`{name}`" in PAGE for name in HERE)
