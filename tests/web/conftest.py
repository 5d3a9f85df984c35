"""One browser and one server for each module: the whole program with the scripted engine and embedder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from tests.api.whole import Whole, whole
from tests.security.browser import PROGRAM, WHY_NOT
from tests.web.browsing import browsing, profile, tab


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser, ended with its module: while Playwright runs, its loop does, and no other test's loop can begin."""
    if PROGRAM is None:
        pytest.skip(WHY_NOT)
    with browsing() as browser:
        yield browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """A server with an empty library, which the module's tests share."""
    with whole(tmp_path_factory.mktemp("web") / "home") as server:
        yield server


@pytest.fixture(scope="module")
def context(browser: Browser, server: Whole) -> Iterator[BrowserContext]:
    """A profile for the module's tests: the page's files are loaded once."""
    with profile(browser, server.url) as context:
        yield context


@pytest.fixture
def page(context: BrowserContext, server: Whole) -> Iterator[Page]:
    """A tab at the start page, with nothing stored by another test."""
    with tab(context, server.url) as page:
        page.goto("/")
        yield page
