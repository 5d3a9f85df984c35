"""What somebody does in the chat, for tests. `!` lines are the scripted engine's (`mecum.engine.scripted`)."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, Request, expect


def ask(page: Page, text: str) -> None:
    """Write a question, and send it with Enter."""
    page.locator("#question").fill(text)
    page.keyboard.press("Enter")


def asked(page: Page, text: str) -> dict[str, Any]:
    """Send a question, and return the body of the request that the page made of it."""
    with page.expect_request("**/api/kernel2/chat") as sent:
        ask(page, text)
    return body(sent.value)


def body(request: Request) -> dict[str, Any]:
    """Return what a request holds."""
    found: dict[str, Any] = request.post_data_json
    return found


def last(page: Page) -> Locator:
    """Return the last message."""
    return page.locator(".message").last


def text(page: Page) -> Locator:
    """Return the text of the last message."""
    return last(page).locator(".text")


def ended(page: Page) -> None:
    """Wait until the answer has ended."""
    expect(last(page)).to_have_class(re.compile("assistant"))
    expect(last(page)).to_have_attribute("aria-busy", "false")


def answered(page: Page, question: str, answer: str | re.Pattern[str]) -> None:
    """Ask, and check the answer once it has ended."""
    ask(page, question)
    expect(text(page)).to_have_text(answer)
    ended(page)


def press(page: Page, name: str) -> None:
    """Press a button of the last message."""
    last(page).get_by_role("button", name=name).click()
