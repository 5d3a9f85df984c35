"""The pages carry their own code only: vendored files are the ones that were recorded, and nothing points elsewhere."""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files
from pathlib import Path

import pytest

STATIC = Path(str(files("mecum.web") / "static"))
ROW = re.compile(r"^\| `(?P<path>[^`]+)` \|.*\| (?P<digest>[0-9a-f]{64}) \|$", re.MULTILINE)
OUR_OWN = sorted(path for path in STATIC.iterdir() if path.suffix in (".html", ".js", ".css"))


def test_vendored_files_are_the_recorded_ones() -> None:
    recorded = {row["path"]: row["digest"] for row in ROW.finditer((STATIC / "vendor/README.md").read_text())}
    code = {
        str(path.relative_to(STATIC / "vendor")): path
        for path in (STATIC / "vendor").rglob("*")
        if path.suffix in (".js", ".css")
    }
    assert recorded.keys() == code.keys()
    for name, path in code.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == recorded[name], name


@pytest.mark.parametrize("path", OUR_OWN, ids=lambda path: path.name)
def test_our_pages_name_no_other_server(path: Path) -> None:
    addresses = re.findall(
        r"(?:https?:)?//[a-z0-9-]+\.[a-z]+", re.sub(r"/\*.*?\*/|^\s*//.*$", "", path.read_text(), flags=re.S | re.M)
    )
    assert addresses == []


@pytest.mark.parametrize("path", [path for path in OUR_OWN if path.suffix == ".html"], ids=lambda path: path.name)
def test_pages_keep_to_the_strict_content_security_policy(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text), "inline code or style"


def test_model_text_becomes_text_nodes_only() -> None:
    code = (STATIC / "index.js").read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", code)
