"""One tab for all tests of a module: the page's files are fetched once. What a test left in the browser is cleared."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page
from tests.api.whole import Whole
from tests.web.browsing import watched


@pytest.fixture(scope="module")
def tab(browser: Browser, server: Whole) -> Iterator[Page]:
    """The tab."""
    with watched(browser, server.url) as page:
        yield page


@pytest.fixture
def page(tab: Page) -> Page:
    """The tab at the start page, loaded anew."""
    tab.unroute_all(behavior="ignoreErrors")
    tab.emulate_media(color_scheme="light")
    tab.goto("/")
    tab.evaluate("localStorage.clear(); sessionStorage.clear()")
    return tab
