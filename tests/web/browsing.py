"""A real browser for the page's tests: Debian's Chromium without a window, driven by Playwright.

Invariants: no name but this machine's is looked up by it; a page that asks anybody but its server for something, throws, or
breaks its policy fails the test that opened it (`watched`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright
from tests.security.browser import PROGRAM

ONLY_HERE: Final = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
PATIENCE: Final = 45_000  # milliseconds
_OURS: Final = re.compile(r"data:|blob:|about:")


@dataclass
class Told:
    """What a page asked for, and what it said that it should not have."""

    requests: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def console(self, message: ConsoleMessage) -> None:
        """Take note of an error. That the server refused something is no fault of the page."""
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.faults.append(message.text)


@contextmanager
def browsing() -> Iterator[Browser]:
    """Run a browser."""
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    expect.set_options(timeout=PATIENCE)  # on a busy machine a page may take long to come
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=[ONLY_HERE, "--disable-gpu", *root])
        yield browser
        browser.close()


@contextmanager
def watched(browser: Browser, url: str, **options: Any) -> Iterator[Page]:
    """Open a tab with nothing kept from another; it is on no page yet, and knows the server's address.

    `options` are those of a browser's context: `viewport`, `color_scheme`, `locale`, ….
    """
    with profile(browser, url, **options) as context, tab(context, url) as page:
        yield page


@contextmanager
def profile(browser: Browser, url: str, **options: Any) -> Iterator[BrowserContext]:
    """Begin a profile, which keeps files that it has loaded."""
    context = browser.new_context(base_url=url, **{"locale": "en-GB", "reduced_motion": "reduce", **options})
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@contextmanager
def tab(context: BrowserContext, url: str) -> Iterator[Page]:
    """Open a tab, without what the profile kept of the server's storage; others that come out of it are watched, too."""
    told = Told()
    page = context.new_page()
    kept = {"origin": url, "storageTypes": "indexeddb,local_storage,session_storage"}
    context.new_cdp_session(page).send("Storage.clearDataForOrigin", kept)
    _watch(page, told)

    def came(other: Page) -> None:
        _watch(other, told)

    context.on("page", came)
    yield page
    context.remove_listener("page", came)
    for one in context.pages:
        one.close()
    foreign = [asked for asked in told.requests if not asked.startswith(f"{url}/") and not _OURS.match(asked)]
    assert foreign == [], "the page asked somebody else"
    assert told.faults == []


def _watch(page: Page, told: Told) -> None:
    page.on("request", lambda request: told.requests.append(request.url))
    page.on("console", told.console)
    page.on("pageerror", lambda error: told.faults.append(str(error)))
