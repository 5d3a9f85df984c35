"""A hub that behaves, a shelf that is empty, and a pull between them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.models.hubs import FakeHub, model, running

from mecum.models.hub import Hub
from mecum.models.meter import Meter
from mecum.models.pull import Pulled, Puller
from mecum.models.shelf import Shelf
from mecum.models.source import parse

NAME = "Tiny-Q4_K_M.gguf"


@pytest.fixture
def fake() -> Iterator[FakeHub]:
    with running(FakeHub(files={NAME: model(300_000)})) as hub:
        yield hub


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    (home / "models").mkdir(parents=True)
    return Shelf(home)


class Pulling:
    """Pulls onto the shelf, and keeps what was said."""

    def __init__(self, shelf: Shelf, fake: FakeHub, tmp_path: Path) -> None:
        self.shelf = shelf
        self.fake = fake
        self.cache = tmp_path / "hub-cache"
        self.token: str | None = None
        self.offline = False
        self.memory = 8_000_000_000
        self.meter = Meter()
        self.said: list[str] = []

    async def __call__(self, what: str, sha256: str = "", **options: Any) -> Pulled:
        options = {"silence": 5.0, "pause": 0.01} | options
        hub = Hub(self.fake.url, self.token, self.cache, self.offline)
        puller = Puller(self.shelf, hub, self.meter, memory=self.memory, tell=self.said.append, **options)
        return await puller.pull(parse(what, hub.endpoint), sha256)


@pytest.fixture
def pull(shelf: Shelf, fake: FakeHub, tmp_path: Path) -> Pulling:
    return Pulling(shelf, fake, tmp_path)
