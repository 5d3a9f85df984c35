"""Rows 17 and 18: text of a model or of a document that becomes part of the page, or makes the page ask for something.

`tests/web/test_static.py` reads the page's own code. Here a real browser shows a hundred hostile texts: as an answer, as a
document with its title, path and passages, as the name of a file, in the address itself; then the same is put into the page
by force, to see that the policy would hold if the code did not.
Invariants: no text makes an element or runs; the page asks this server and nobody else for anything.
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
from tests.security.routes import ENDLESS, Routes
from tests.security.trap import trap

from mecum.api.middleware import CSP

STATIC: Final = Path(__file__).parents[2] / "src/mecum/web/static"
REQUIRED: Final = (
    "default-src 'self'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; object-src 'none'; "
    "base-uri 'none'; form-action 'none'"
)
DO: Final = ("window.pwned=1", "fetch('/pwned')", "location='/pwned'", "document.title='pwned'", "alert(1)")
MAKE: Final = """
<script>DO</script>
<SCRIPT SRC=/pwned></SCRIPT>
<img src=x onerror=DO>
<img src="/pwned">
<svg onload=DO>
<svg><script>DO</script></svg>
<svg><animate onbegin=DO attributeName=x dur=1s>
<math><mtext><table><mglyph><style><img src=x onerror=DO>
<iframe srcdoc="<script>parent.DO</script>"></iframe>
<iframe src="javascript:DO"></iframe>
<object data="/pwned"></object>
<embed src="/pwned">
<link rel=stylesheet href=/pwned>
<link rel=prefetch href=/pwned>
<meta http-equiv=refresh content="0;/pwned">
<base href="/pwned/">
<style>@import "/pwned"; * { background: url(/pwned) }</style>
<form action=/pwned><input name=x autofocus onfocus=DO></form>
<details open ontoggle=DO>
<video src=/pwned onerror=DO autoplay></video>
<body onload=DO>
<a href="javascript:DO" id=x>x</a>
![x](/pwned)
![x](http://127.0.0.1:1/pwned)
[x](javascript:DO)
<template><img src=x onerror=DO></template>
<noscript><p title="</noscript><img src=x onerror=DO>">
</textarea><script>DO</script>
--><script>DO</script>
"><img src=x onerror=DO>
'-DO-'
${DO}
{{constructor.constructor('DO')()}}
\\u003cscript\\u003eDO\\u003c/script\\u003e
&lt;script&gt;DO&lt;/script&gt;
<xss style="animation-name:x" onanimationstart=DO>
<img src=1 href=1 onerror="javascript:DO"></img>
]]><script>DO</script>
<?xml version="1.0"?><x:script xmlns:x="http://www.w3.org/1999/xhtml">DO</x:script>
<input onauxclick=DO autofocus>
""".strip().split("\n")
PAYLOADS: Final = [text.replace("DO", do) for text in MAKE for do in (DO if "DO" in text else DO[:1])][:100]
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
    """Check that nothing ran, and nobody else was asked."""
    assert page.run("window.pwned") is None
    assert page.run("document.title") in ("mecum", "Document · mecum", "Library · mecum")
    foreign = [url for url in page.requested if not url.startswith((f"{server}/", "data:", "about:"))]
    assert foreign == []
    assert not [url for url in page.requested if url.removeprefix(server).startswith("/pwned")]
    assert not [told for told in page.told if "Content Security Policy" in told or "exception" in told.lower()]


@needs_browser
def test_an_answer_is_text(known: People, page: Page) -> None:
    page.open(f"{known.server.url}/")
    page.until("document.getElementById('question')")
    question = "\n".join(PAYLOADS)
    page.run(f"document.getElementById('question').value = {json.dumps(question)}")
    page.run("document.getElementById('ask').requestSubmit()")
    page.until("document.getElementById('answer').getAttribute('aria-busy') === 'false' && answer.textContent.length > 9")
    assert page.run("document.getElementById('answer').textContent") == f"You said: {question}"
    assert page.run("document.getElementById('answer').childElementCount") == 0
    is_as_it_was(page, known.server.url)


@needs_browser
def test_a_document_is_text(known: People, page: Page) -> None:
    """Its passages, its title and its path."""
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
        assert names <= {"h2", "p", "div", "section", "small", "button"}
        is_as_it_was(page, known.server.url)


@needs_browser
def test_an_address_and_the_name_of_a_file_are_text(known: People, page: Page) -> None:
    for text in PAYLOADS[:40:5]:
        page.open(f"{known.server.url}/#/d/{quote(text, safe='')}/{quote(text, safe='')}")
        page.until("document.querySelector('#document [role=alert]')")
        is_as_it_was(page, known.server.url)
    page.open(f"{known.server.url}/#/library")
    page.until("document.getElementById('upload')")
    names = [text.replace("/", "\u2215") for text in PAYLOADS[:40:5]]
    page.run(
        f"""(() => {{
        const files = new DataTransfer();
        for (const name of {json.dumps(names)}) files.items.add(new File(["x"], name));
        document.getElementById("files").files = files.files;
        document.getElementById("upload").requestSubmit();
        }})()"""
    )
    page.until(f"document.querySelectorAll('#added li').length === {len(names)}")
    page.until("![...document.querySelectorAll('#added progress')].some((bar) => !bar.hidden)")
    assert page.run("[...document.querySelectorAll('#added b')].map((name) => name.textContent)") == names
    assert page.run("document.querySelectorAll('#added b *').length") == 0
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
