"""Every package that we install, ship or test with carries a licence of `rulings.md` 30, by what its own metadata says.

`requirements/bench.txt` is left out: it holds the programs that we are measured against, in an environment of their own.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCKS = sorted(path for path in (ROOT / "requirements").glob("*.txt") if path.name != "bench.txt")
CLIENTS = Path(sys.prefix) / "clients"  # where `tests/clients/install.py` puts the packages of clients.txt

PERMITTED = {
    "MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "ISC", "0BSD", "Unlicense", "Zlib", "PSF-2.0", "MIT-CMU", "MPL-2.0",
    "CC0-1.0",  # a public domain dedication
}  # fmt: skip
# What people wrote before there were SPDX names.
WORDS = {
    "MIT License": "MIT",
    "The MIT License (MIT)": "MIT",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "BSD 2-Clause License": "BSD-2-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "PSFL": "PSF-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
EXCEPTIONS = {
    "apsw": ("any-OSI", "its author lets us choose any OSI licence: we take it under Zlib"),
    "pypdfium2": (
        "BSD-3-Clause, Apache-2.0, dependency licenses",
        "PDFium brings libraries under permissive licences of their own; their texts are in the wheel",
    ),
    "regex": ("Apache-2.0 AND CNRI-Python", "CNRI's is the permissive licence of Python 1.6; only a client's tests need it"),
}
BANNED = {"ebooklib", "pymupdf", "pymupdf4llm", "extract-msg", "litellm-enterprise"}


def _locked(lock: Path) -> set[str]:
    return {_key(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", lock.read_text(), re.MULTILINE)}


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _said(package: Distribution) -> Iterator[str]:
    """Yield what the metadata says, the most exact first."""
    meta = package.metadata
    yield meta.get("License-Expression") or ""
    first, *_ = (meta.get("License") or "").splitlines() or [""]
    yield WORDS.get(first.strip(), first)
    names = [line.rpartition(" :: ")[2] for line in meta.get_all("Classifier") or () if line.startswith("License ::")]
    yield " AND ".join(WORDS.get(name, name) for name in names)


def _permitted(expression: str) -> bool:
    """Return whether we may use what is under this: of every part (AND) at least one choice (OR) is permitted."""
    parts = re.split(r"\s+AND\s+", expression)
    return all(any(word in PERMITTED for word in re.split(r"\s+OR\s+", part.strip("() "))) for part in parts)


def _refused(packages: dict[str, Distribution], names: set[str]) -> dict[str, list[str]]:
    """Return the packages whose licence is none of ours, and what they say of it."""
    said = {name: [text for text in _said(packages[name]) if text] for name in names & packages.keys()}
    return {
        name: texts
        for name, texts in said.items()
        if not any(map(_permitted, texts)) and [*EXCEPTIONS.get(name, "")][:1] != texts[:1]
    }


def _installed(path: Path | None = None) -> dict[str, Distribution]:
    found = distributions() if path is None else distributions(path=[str(path)])
    return {_key(package.metadata["Name"]): package for package in found}


@pytest.mark.parametrize("lock", [lock for lock in LOCKS if lock.name != "clients.txt"], ids=lambda lock: lock.name)
def test_our_packages(lock: Path) -> None:
    packages, names = _installed(), _locked(lock)
    assert names & packages.keys(), "none of this lock's packages is installed"
    assert _refused(packages, names) == {}


def test_the_clients_packages() -> None:
    sites = list(CLIENTS.glob("lib/python*/site-packages"))
    if not sites:
        pytest.skip("the clients' environment is not installed (python -m tests.clients.install)")
    assert _refused(_installed(sites[0]), _locked(ROOT / "requirements" / "clients.txt")) == {}


def test_the_node_packages() -> None:
    lock = json.loads((ROOT / "tests/clients/node/package-lock.json").read_text())
    licences = {name: package["license"] for name, package in lock["packages"].items() if name}
    assert licences
    assert {name: licence for name, licence in licences.items() if not _permitted(licence)} == {}


def test_what_is_never_used() -> None:
    """Also where its metadata would pass, or is not at hand."""
    assert {lock.name: found for lock in LOCKS if (found := _locked(lock) & BANNED)} == {}


def test_no_exception_is_left_over() -> None:
    assert set(EXCEPTIONS) <= {name for lock in LOCKS for name in _locked(lock)}


@pytest.mark.parametrize(
    ("expression", "permitted"),
    [
        ("MIT", True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("(AFL-2.1 OR BSD-3-Clause)", True),
        ("GPL-3.0-or-later", False),
        ("MIT AND GPL-2.0-only", False),
        ("AGPL-3.0-only OR LicenseRef-Proprietary", False),
        ("", False),
    ],
)
def test_how_licences_are_read(expression: str, permitted: bool) -> None:
    assert _permitted(expression) is permitted
