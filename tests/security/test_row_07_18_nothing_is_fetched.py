"""Rows 7 and 18: a URL in a request, a role or a document that makes the server ask for it.

`tests/api/test_wire.py` has what an image may be, `tests/knowledge/test_hostile.py` files that point elsewhere.
Invariant: whatever stands wherever on whichever route, the server opens no connection, be the URL on this machine (where
other programs listen) or anywhere.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.api.people import ANN, People, settled
from tests.api.uploads import KIND, file, form
from tests.api.uploads import field as form_field
from tests.clients.wire import CHAT_ROUTES, asks, has_both_shapes
from tests.knowledge.extract import files
from tests.security.routes import ENDLESS, JSON, SHUTS_OTHERS_OUT, Routes
from tests.security.trap import Trap, trap


@pytest.fixture(scope="module")
def trapped() -> Iterator[Trap]:
    with trap() as made:
        yield made


@pytest.fixture(autouse=True)
def nobody_came(known: People, trapped: Trap) -> Iterator[None]:
    """After every test: no visit, and no connection of the server's that it opened itself, or of its children."""
    yield
    assert trapped.visits == []
    family = [one := psutil.Process(known.server.process.pid), *one.children(recursive=True)]
    for member in family:
        try:
            opened = [one for one in member.net_connections("inet") if one.raddr and one.laddr.port != known.server.port]
        except psutil.Error:
            continue  # it has just ended
        assert opened == []


def test_a_url_in_every_text_of_every_body(known: People, routes: Routes, trapped: Trap) -> None:
    for url in trapped.urls():
        for route in routes.taking(JSON):
            known.ask(ANN, route.method, route.at(lambda _: url), routes.body(route, url))  # noqa: B023 -- called at once
            known.ask(ANN, route.method, route.at(), routes.body(route, url, optional=False))


def test_a_url_in_every_path_and_parameter(known: People, routes: Routes, trapped: Trap) -> None:
    url = trapped.urls()[0]
    headers = dict.fromkeys(("Referer", "X-Forwarded-For", "X-Callback-Url", "Link", "Destination", "X-Wap-Profile"), url)
    for route in routes.documented():
        if route.path in (ENDLESS, SHUTS_OTHERS_OUT, "/api/backup") or route.takes:
            continue
        for name in (*route.query, "url", "callback", "webhook", "next"):
            known.ask(ANN, route.method, f"{route.at(lambda _: url)}?{name}={url}", None, headers)


NO_IMAGES = [
    *("file:///etc/passwd", "/etc/passwd", " http://x", "javascript:1", "", "DATA:IMAGE/PNG;base64,AA"),
    *("data:text/html;base64,AA", "data:image/svg+xml,<svg/>", "data:image/png;base64", "blob:http://x/y"),
]


@pytest.mark.parametrize("path", CHAT_ROUTES)
def test_an_image_is_in_the_request_or_nowhere(known: People, trapped: Trap, path: str) -> None:
    urls = trapped.urls()
    for url in (*urls, *NO_IMAGES):
        for image in ({"url": url}, {"url": url, "detail": "high"}, url):
            asked = asks([{"type": "image_url", "image_url": image}])
            error = has_both_shapes(known.ask(ANN, "POST", path, asked), 400)
            assert "image_url" in error["param"], url
    for part in ({"type": "input_image", "image_url": urls[0]}, {"type": "file", "file": {"file_id": urls[0]}}):
        assert known.ask(ANN, "POST", path, asks([part])).status == 400


_RELS = "http://schemas.openxmlformats.org/package/2006/relationships"
POINTING = {  # files that ask their readers to look at URL
    "a.md": "# A note\n\n![x](URL) <img src='URL'> [link](URL)",
    "a.html": '<base href="URL"><link rel=stylesheet href="URL"><script src="URL"></script><iframe src="URL"></iframe>'
    '<meta http-equiv=refresh content="0;URL"><p>A page.<img src="URL">',
    "a.svg": '<!DOCTYPE x [<!ENTITY e SYSTEM "URL">]><svg xmlns="http://www.w3.org/2000/svg"><image href="URL"/>'
    "<text>&e; drawn</text></svg>",
    "a.xml": '<?xml-stylesheet href="URL"?><!DOCTYPE x [<!ENTITY % r SYSTEM "URL"> %r;]>'
    '<x xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="URL"/></x>',
    "a.rtf": '{\\rtf1 {\\*\\template URL} A letter. {\\field{\\*\\fldinst INCLUDEPICTURE "URL"}}}',
    "a.eml": 'From: a@x\nSubject: Hello\nContent-Type: message/external-body; access-type=URL; URL="URL"\n\nA mail.',
    "a.ipynb": '{"cells": [{"cell_type": "markdown", "source": ["![x](URL)"]}], "nbformat": 4}',
    "a.url": "[InternetShortcut]\nURL=URL\n",
}


def documents(url: str) -> dict[str, bytes]:
    """All of these, with packed ones."""
    template = f'<Relationship Id="r" Type="http://x/attachedTemplate" Target="{url}" TargetMode="External"/>'
    settings = {"word/_rels/settings.xml.rels": f'<Relationships xmlns="{_RELS}">{template}</Relationships>'}
    opened = b"/Type /Catalog /OpenAction << /S /URI /URI (" + url.encode() + b") >>"
    return {
        **{name: text.replace("URL", url).encode() for name, text in POINTING.items()},
        "a.docx": files.docx(files.paragraph("An invoice."), **settings),
        "a.pdf": files.pdf(["A report."]).replace(b"/Type /Catalog", opened),
    }


def test_documents_that_point_elsewhere(known: People, trapped: Trap) -> None:
    url = trapped.urls()[0]
    parts = [file(f"pointing/{name}", data) for name, data in documents(url).items()]
    body = form(form_field("metadata", json.dumps({"url": url})), *parts)
    answer = known.ask(ANN, "POST", "/api/documents?wait=ready", body, {"Content-Type": KIND})
    added: list[dict[str, Any]] = answer.json()["data"]
    assert len(added) == len(documents(url))
    assert sum(settled(known, ANN, one["id"])["state"] == "ready" for one in added) >= 8
    metadata = {"enable_l0_retrieval": True, "min_score": 0, "top_k": 20}
    for path in CHAT_ROUTES:
        asked = {**asks("What is in the invoice, the letter, the page?", stream=False), "metadata": metadata}
        sources = known.ask(ANN, "POST", path, asked).json()["sources"]
        assert len({one["document_id"] for one in sources} & {one["id"] for one in added}) >= 5
        assert all(one["url"].startswith(f"{known.server.url}/#/d/") for one in sources)


def test_the_readers_child_has_no_network(known: People) -> None:
    """Where the system lets us: not even a fault in native code could ask."""
    if sys.platform != "linux":
        pytest.skip("namespaces are Linux's")
    ours = _network(known.server.process.pid)
    readers = [
        one
        for one in psutil.Process(known.server.process.pid).children(recursive=True)
        if "reading.program" in str(one.cmdline())
    ]
    assert readers
    if _network(readers[0].pid) == ours:
        pytest.skip("this system lets no process leave the network")


def _network(pid: int) -> str:
    return str(Path(f"/proc/{pid}/ns/net").readlink())
