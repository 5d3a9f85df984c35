"""Rows 17 and 18: text of a model or of a document that becomes part of the page, or makes the page ask for something.

`tests/web/test_static.py` reads the page's own code. Here a real browser shows a hundred hostile texts (`hostile`): as an
answer, as a document with its title, path and passages, as the name of a file, in the address itself; then the same is put
into the page by force, to see that the policy would hold if the code did not.
Invariants: no text runs, or makes an element but those of Markdown; the page asks this server and nobody else for anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pytest
from tests.api.people import ANN, People, settled
from tests.security.browser import PROGRAM, WHY_NOT, Page, browsing
from tests.security.hostile import AUDIT, CARRIERS, DO, IN_ANSWERS, MAKE, PAYLOADS
from tests.security.routes import ENDLESS, Routes
from tests.security.trap import trap

from mecum.api.middleware import CSP

STATIC: Final = Path(__file__).parents[2] / "src/mecum/web/static"
REQUIRED: Final = (
    "default-src 'self'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; object-src 'none'; "
    "base-uri 'none'; form-action 'none'"
)
needs_browser = pytest.mark.skipif(PROGRAM is None, reason=WHY_NOT)


def test_there_are_a_hundred() -> None:
    assert len(set(PAYLOADS)) == 100
    assert {text.replace("DO", DO[0]) for text in MAKE[:24]} <= set(PAYLOADS)


# ---- without a browser


def test_the_policy_is_the_required_one(known: People) -> None:
    assert CSP == REQUIRED
    for path in ("/", "/docs"):
        for who in (None, ANN):
            answer = known.ask(who, "GET", path)
            assert answer.headers["content-security-policy"] == REQUIRED
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_whatever_a_browser_may_show_has_it(known: People, routes: Routes) -> None:
    """Pages that are reached by their files' names, other files, answers of the API, errors."""
    paths = [f"/static/{file.relative_to(STATIC)}" for file in STATIC.rglob("*.*")]
    paths += [route.at() for route in routes.all() if route.method == "GET" and route.path not in (ENDLESS, "/api/backup")]
    for path in (*paths, "/nowhere", "/static/nothing.html"):
        answer = known.ask(ANN, "GET", path)
        assert answer.headers["content-security-policy"] == REQUIRED, path
        assert answer.headers["x-content-type-options"] == "nosniff", path


@pytest.mark.parametrize("file", sorted(STATIC.rglob("*.*")), ids=lambda file: file.name)
def test_nothing_of_it_is_elsewhere(file: Path) -> None:
    """In the pages and styles nothing at all; of the vendored script, what it would load by itself is switched off."""
    if file.suffix in (".html", ".css", ".svg"):
        text = file.read_text()
        assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//", text)
        assert not re.search(r"@import|url\(\s*[\"']?(https?:)?//", text)
        assert not re.search(r"<script(?![^>]*\bsrc=)|\son[a-z]+\s*=|javascript:", text)
    if file.name == "docs.js":
        assert "validatorUrl: null" in file.read_text()


def test_the_page_makes_text_of_texts() -> None:
    code = "".join(file.read_text() for file in STATIC.rglob("*.js") if "vendor" not in file.parts)
    assert not re.search(r"\.(inner|outer)HTML|insertAdjacentHTML|document\.write|createContextualFragment|DOMParser", code)
    assert not re.search(
        r"\beval\(|new Function|setTimeout\(\s*[\"'`]|srcdoc|setAttribute\(\s*[\"'](on|src|href|style)", code
    )
    assert not re.search(r"window\.open|location(\.href)?\s*=[^=]|\.src\s*=|importScripts|import\([^\"]", code)


# ---- with one


@pytest.fixture(scope="module")
def page(known: People) -> Iterator[Page]:
    """The browser of somebody who has given the page ann's key."""
    if PROGRAM is None:
        pytest.skip(WHY_NOT)
    with browsing() as page:
        page.open(f"{known.server.url}/")
        page.run(f"localStorage.setItem('mecum.key', {json.dumps(known.keys[ANN])})")
        yield page


def is_as_it_was(page: Page, server: str) -> None:
    """Check that nothing ran, that nobody else was asked, and that all elements are such as our code makes."""
    assert page.run("window.pwned") is None
    assert page.run("document.title").endswith("mecum")
    assert page.run(AUDIT) == []
    foreign = [url for url in page.requested if not url.startswith((f"{server}/", "data:", "about:", "blob:"))]
    assert foreign == []
    assert not [url for url in page.requested if url.removeprefix(server).startswith("/pwned")]
    assert not [told for told in page.told if "Content Security Policy" in told or "exception" in told.lower()]


SAID: Final = """(() => {
  const last = [...document.querySelectorAll(".message")].at(-1);
  return last?.matches(".assistant[aria-busy=false]") ? last.querySelector(".text").textContent : null;
})()"""
NAMES: Final = "[...new Set([...document.querySelectorAll('.message *')].map((element) => element.localName))]"


def ask(page: Page, question: str) -> str:
    """Ask as somebody does, and return the text of the answer once it is there."""
    before = page.run("document.querySelectorAll('.message').length")
    page.run(f"document.getElementById('question').value = {json.dumps(question)}")
    page.run("document.getElementById('ask').requestSubmit()")
    page.until(f"document.querySelectorAll('.message').length === {before + 2} && {SAID} !== null")
    return str(page.run(SAID))


@needs_browser
def test_an_answer_makes_nothing_but_text(known: People, page: Page) -> None:
    """As Markdown, while it comes and afterwards: each by itself, since one may hide another."""
    page.open(f"{known.server.url}/")
    page.until("document.getElementById('question')")
    for start in range(0, 100, 10):
        parts = [text.replace("\\", "\\\\") for text in PAYLOADS[start : start + 10]]
        said = ask(page, "\n".join(f"!chars {text}\\n\\n" for text in parts))
        for text in PAYLOADS[start : start + 10]:
            kept = re.sub(r"!?\[x\]|[\W_]", "", text)  # Markdown takes some punctuation away
            assert kept[:12] in re.sub(r"[\W_]", "", said), (text, said)
        assert set(page.run(NAMES)) <= IN_ANSWERS
        is_as_it_was(page, known.server.url)


@needs_browser
def test_markdown_that_asks_for_something_gets_nothing(known: People, page: Page) -> None:
    """Row 18: images, links, definitions, HTML and maths that carry what was said to somebody else's server."""
    with trap() as somebody:
        page.open(f"{known.server.url}/")
        page.until("document.getElementById('question')")
        for text in CARRIERS:
            ask(page, f"!say {text.replace('URL', f'http://127.0.0.1:{somebody.port}/x?said=secret')}")
            is_as_it_was(page, known.server.url)
        page.run("new Promise((done) => setTimeout(done, 100))")
        assert somebody.visits == []


@needs_browser
def test_a_document_is_text(known: People, page: Page) -> None:
    """Its passages, its title and its path; in its own view, and as a source beside an answer."""
    for start in range(0, 100, 20):
        some = PAYLOADS[start : start + 20]
        body = {"path": f"{start}{some[0]}.txt", "title": some[1], "collection": some[2][:100], "text": "\n".join(some)}
        (document,) = known.data(ANN, "POST", "/api/documents", {"documents": [body]}, status=202)
        assert settled(known, ANN, document["id"])["state"] == "ready"
        page.open(f"{known.server.url}/#/d/{document['id']}")
        page.until("document.querySelector('#text section')")
        shown = page.run("document.getElementById('document').textContent")
        assert all(text in shown for text in some)
        names = set(page.run("[...document.querySelectorAll('#document *')].map((element) => element.localName)"))
        assert names <= set("h1 h2 p div section small button span svg path mark dl dt dd".split())
        is_as_it_was(page, known.server.url)


@needs_browser
def test_an_address_and_the_name_of_a_file_are_text(known: People, page: Page) -> None:
    for text in PAYLOADS[:40:5]:
        page.open(f"{known.server.url}/#/d/{quote(text, safe='')}/{quote(text, safe='')}")
        page.until("document.querySelector('#document [role=alert]')")
        is_as_it_was(page, known.server.url)
    page.open(f"{known.server.url}/#/library")
    page.until("document.getElementById('files')")
    names = [text.replace("/", "\u2215") for text in PAYLOADS[:40:5]]
    page.run(
        f"""(() => {{
        const files = new DataTransfer();
        for (const name of {json.dumps(names)}) files.items.add(new File(["x"], name));
        const input = document.getElementById("files");
        input.files = files.files;
        input.dispatchEvent(new Event("change"));
        }})()"""
    )
    for name in names:
        page.until(f"document.getElementById('main').textContent.includes({json.dumps(name)})")
    is_as_it_was(page, known.server.url)


@needs_browser
def test_the_pages_ask_nobody_else(known: People, page: Page) -> None:
    """Nor does what stands in their address make the API's page read another document."""
    with trap() as somebody:
        there = f"http://127.0.0.1:{somebody.port}/openapi.json"
        for path in ("/", "/#/d/x/y", f"/docs?url={there}&configUrl={there}&spec={there}#/{there}"):
            page.open(f"{known.server.url}{path}")
            if path.startswith("/docs"):
                page.until("document.querySelector('.opblock')")
                assert page.run("document.querySelector('.title').textContent").startswith("mecum")
            assert page.requested
            assert all(url.startswith((f"{known.server.url}/", "data:")) for url in page.requested), page.requested
        assert somebody.visits == []


FORCED: Final = {
    "an image": "document.body.append(Object.assign(new Image(), {src: 'URL'}))",
    "markup": "add(`<img src='URL'><iframe src='URL'></iframe><object data='URL'></object><embed src='URL'>`)",
    "a style": "document.body.style.background = `url('URL')`",
    "a sheet": "add(`<link rel=stylesheet href='URL'><style>@import 'URL'; p { background: url('URL') }</style>`)",
    "a hint": "add(`<link rel=prefetch href='URL'><link rel=preload as=image href='URL'><link rel=icon href='URL'>`)",
    "a font": "new FontFace('x', `url('URL')`).load().catch(() => 0)",
    "a script": "document.body.append(Object.assign(document.createElement('script'), {src: 'URL'}))",
    "an inline script": "document.body.append(Object.assign(document.createElement('script'), {text: 'window.pwned=1'}))",
    "a handler": "add(`<img src='data:,' onerror='window.pwned=1'><details open ontoggle='window.pwned=1'>`)",
    "fetch": "fetch('URL', {mode: 'no-cors'}).catch(() => 0)",
    "a beacon": "navigator.sendBeacon('URL', 'x')",
    "a socket": "new WebSocket('URL'.replace('http', 'ws'))",
    "events": "new EventSource('URL')",
    "a form": "add(`<form id=sent action='URL' method=post></form>`); document.getElementById('sent').submit()",
    "media": "add(`<video src='URL' autoplay></video><audio src='URL' autoplay></audio>`)",
    "a base": "add(`<base href='URL/'><img src=x>`); fetch('x').catch(() => 0)",
}
ADD: Final = "const add = (text) => document.body.insertAdjacentHTML('beforeend', text)"


@needs_browser
def test_if_the_code_failed_the_policy_would_hold(known: People, page: Page) -> None:
    """What an injected text could do: none of it reaches another address, none of it runs."""
    with trap() as somebody:
        url = f"http://127.0.0.1:{somebody.port}/x"
        for name, script in FORCED.items():
            page.open(f"{known.server.url}/")
            page.run(f"(() => {{ {ADD}; {script.replace('URL', url)}; }})()")
            page.run("new Promise((done) => setTimeout(done, 30))")
            assert page.run("window.pwned") is None, name
            assert page.run("location.origin") == known.server.url, name
            assert b"".join(somebody.visits) == b"", name  # for a frame it connects before it asks its policy, and is silent
