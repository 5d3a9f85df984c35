"""No route hides from the tests of this folder."""

from __future__ import annotations

from pathlib import Path

from starlette.routing import Mount, Route
from tests.security.routes import HIDDEN, JSON, Routes, texts

from mecum.app.build import build
from mecum.settings.schema import EngineSettings, LibrarySettings, Settings


def test_the_document_and_the_hidden_ones_are_all(routes: Routes, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, engine=EngineSettings(scripted=True), library=LibrarySettings(embedder="none"))
    there = set()
    for route in build(settings).asgi.routes:
        if isinstance(route, Mount):
            there.add(("GET", route.path))
        else:
            assert isinstance(route, Route)
            there |= {(method, route.path.replace(":path}", "}")) for method in route.methods or () if method != "HEAD"}
    hidden = {(method, path.removesuffix("/app.js")) for method, path in HIDDEN}
    documented = {(route.method, route.path) for route in routes.documented()}
    assert there == documented | hidden
    assert len(documented) >= 40


def test_bodies_are_filled(routes: Routes) -> None:
    """What attacks a body stands in every text of it."""
    for route in routes.taking(JSON):
        body = routes.body(route, "http://x.test/")
        assert "http://x.test/" in texts(body) or route.path == "/api/forget", route
