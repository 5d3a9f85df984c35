"""Words for the tests of the page's views: documents by the API, and what a view shows of them."""

from __future__ import annotations

from typing import Any, Final

from playwright.sync_api import Locator, Page, expect
from tests.api.uploads import DOCUMENTS, call, data, query
from tests.api.whole import Whole

DIARY: Final = """# Garden diary

## April

We planted the cherry tree on 12 April, next to the shed. Tom dug the hole.

## May

The first blossoms came on 3 May. A late frost took half of them.
"""
QUESTION: Final = "We planted the cherry tree next to the shed, and Tom dug the hole."  # words that the diary has
HOSTILE: Final = "<img src=x onerror=window.pwned=1>"


def add(server: Whole, *documents: dict[str, Any]) -> list[dict[str, Any]]:
    """Add texts, and wait until they are as far as they get."""
    return list(data(call(server, "POST", f"{DOCUMENTS}?wait=ready", {"documents": documents}), 202))


def paths(server: Whole, **narrowed: Any) -> list[str]:
    """The paths of the documents that there are."""
    return [one["path"] for one in data(call(server, "GET", f"{DOCUMENTS}{query(limit=1000, **narrowed)}"))["items"]]


def clear(server: Whole) -> None:
    """Remove all documents."""
    data(call(server, "POST", "/api/forget", {"all": True}))


def row(page: Page, name: str) -> Locator:
    """The row of a document in the list, by its title."""
    return page.locator(".documents > li").filter(has=page.get_by_role("link", name=name, exact=True))


def note(page: Page) -> Locator:
    """What stands under the list."""
    return page.locator(".documents + .hint")


def upload(page: Page, path: str) -> Locator:
    """The row of a file that is being added."""
    return page.locator("#added > li").filter(has=page.get_by_text(path, exact=True))


def fits(page: Page) -> None:
    """Check that nothing is wider than the window."""
    width = page.evaluate(
        "[document.documentElement.scrollWidth, document.getElementById('main').scrollWidth - main.clientWidth]"
    )
    assert width[0] <= page.evaluate("innerWidth"), width
    assert width[1] <= 0, width


def is_text(page: Page) -> None:
    """Check that no hostile text ran, or became an element."""
    assert page.evaluate("window.pwned") is None
    expect(
        page.locator("#view :is(img[src='x'], b.planted, script), #panel :is(img[src='x'], b.planted, script)")
    ).to_have_count(0)
