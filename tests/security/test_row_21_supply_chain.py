"""Row 21: code that comes with a dependency. `tests/test_licences.py` reads what is there, `tests/clients/test_install.py`
the clients' locks, `tests/cli/test_starter.py` what `mecum pull starter` fetches.

Invariants: everything that is installed, to run, build, test or measure, is pinned by version and hash, from files that name
no index; nothing in the program fetches or replaces code; there are few direct dependencies.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
SOURCE: Final = ROOT / "src" / "mecum"
LOCKS: Final = sorted((ROOT / "requirements").glob("*.txt"))
FLAGS: Final = ("--no-deps", "--require-hashes", "--only-binary :all:")
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_package_is_pinned_with_hashes(lock: Path) -> None:
    """One entry is a name, an exact version, perhaps a condition, and SHA-256 sums; nothing else stands in the file."""
    text = lock.read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    assert entries
    for entry in entries:
        assert re.fullmatch(
            r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==[A-Za-z0-9.+!]+( ; [^\\\n]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+", entry
        ), entry
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host|^-e |^git\+|@ ", text, re.M)


def test_they_are_installed_that_way() -> None:
    """pip is called with a lock and these flags, or on this very folder without anything else."""
    makefile = (ROOT / "Makefile").read_text()
    (locked,) = re.findall(r"^LOCKED := (.*)$", makefile, re.M)
    assert all(flag in locked for flag in FLAGS)
    calls = re.findall(r"(?:\$\(PIP\)|-m pip[^\n]*--quiet) (.*)$", makefile, re.M)
    assert len(calls) >= 4
    for call in calls:
        assert call.startswith("$(LOCKED) -r requirements/") or call == "install --no-deps --no-build-isolation -e ."
    for file in (*(ROOT / "tests").glob("clients/*.py"), *(ROOT / "src").rglob("*.py"), *(ROOT / "bench").glob("*.py")):
        if '"-m", "pip"' in (text := file.read_text()):
            assert "--require-hashes" in text, file
            assert "--no-deps" in text, file
            assert "--only-binary" in text, file


def test_each_hash_is_of_what_is_installed(record_property: pytest.RecordProperty) -> None:
    """The versions are those of the lock: nothing was upgraded behind its back."""
    pinned = set(re.findall(r"^([A-Za-z0-9._-]+)==([^ \\\n]+)", (ROOT / "requirements/runtime.txt").read_text(), re.M))
    direct = [re.split(r"[>=<;\[ ]", name)[0] for name in PROJECT["project"]["dependencies"]]
    for name in direct:
        if name not in ("uvloop", "httptools") or sys.platform != "win32":
            assert (re.sub(r"[-_.]+", "-", name).lower(), distribution(name).version) in pinned, (
                "some versions depend on Python's"
            )
    record_property("direct dependencies", len(direct))
    assert len(direct) <= 29
    assert len({name for name, _ in pinned}) <= 70


STARTING: Final = re.compile(
    r"\bsubprocess\.(run|Popen|call|check_)|create_subprocess|os\.(exec\w*|system|popen|spawn\w*|posix_spawn\w*)\("
)
STARTS: Final = {"process.py", "launcher.py", "worker.py", "starter.py", "checkup_engine.py", "personas.py"}
HTTP: Final = {"urllib.request", "requests", "httpx", "http.client", "ftplib"}
FETCHES_MODELS: Final = SOURCE / "models"  # data, whose SHA-256 is checked (row 12)


def test_the_program_fetches_no_code() -> None:
    """Only `mecum pull starter` calls pip, for data that it takes out of wheels; few files start programs."""
    for file in SOURCE.rglob("*.py"):
        text = file.read_text()
        assert not STARTING.search(text) or file.name in STARTS, file
        assert not re.search(r'"(pip|uv|npm|npx|curl|wget)"', text) or file.name == "starter.py", file
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
                assert not HTTP & set(names) or file.is_relative_to(FETCHES_MODELS), file
    assert "--require-hashes" in (SOURCE / "cli/starter.py").read_text()


def test_the_page_brings_no_code_of_others_but_what_is_vendored() -> None:
    """`tests/web/test_static.py` holds the vendored files to their recorded hashes."""
    assert not (ROOT / "src/mecum/web/static/node_modules").exists()
    pages = (ROOT / "src/mecum/web/static").glob("*.html")
    sources = [source for page in pages for source in re.findall(r'(?:src|href)="([^"]+)"', page.read_text())]
    assert all(source.startswith(("/static/", "/docs", "#")) for source in sources), sources
