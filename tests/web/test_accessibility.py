"""The chat for those who do not see it, or not well: axe-core in both themes, what is announced, what moves."""

from __future__ import annotations

import json
import re

from playwright.sync_api import Browser, Page, expect
from tests.api.whole import Whole
from tests.web.axe import violations
from tests.web.browsing import watched
from tests.web.chatting import answered, ask, last, press
from tests.web.test_markdown import SAMPLE


def test_an_empty_chat(page: Page) -> None:
    expect(page.get_by_role("button", name="Model: scripted")).to_be_visible()
    assert violations(page) == []


def test_a_conversation_with_all_that_there_is(page: Page) -> None:
    page.route(
        "**/api/kernel2/chat", lambda route: route.fulfill(status=200, content_type="text/event-stream", body=_sample())
    )
    ask(page, "Show me")
    expect(last(page)).to_have_attribute("aria-busy", "false")
    expect(last(page).locator(".hljs-keyword").first).to_be_visible()
    page.unroute("**/api/kernel2/chat")
    answered(page, "!reason why\n!say because\n!finish length", "because")
    press(page, "Answer again")
    ask(page, "!refuse 429")
    expect(last(page).get_by_role("alert")).to_be_visible()
    page.locator(".reasoning:visible summary").click()
    page.mouse.move(600, 300)
    assert violations(page) == []


def test_menus_dialogs_and_the_palette(page: Page) -> None:
    answered(page, "Hello", "You said: Hello")
    page.get_by_role("button", name="Temperature and length").click()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Actions for").last.click()
    assert violations(page) == []
    page.get_by_role("menuitem", name="Rename").click()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("option").first).to_be_visible()
    assert violations(page) == []


def test_a_phone(browser: Browser, server: Whole) -> None:
    with watched(browser, server.url, viewport={"width": 390, "height": 780}) as page:
        page.goto("/")
        answered(page, "Hello", "You said: Hello")
        assert violations(page) == []
        page.get_by_role("button", name="Show conversations").click()
        expect(page.get_by_role("button", name="New chat")).to_be_focused()
        assert violations(page) == []


def test_an_answer_is_announced_once_and_does_not_chatter(page: Page) -> None:
    page.evaluate(
        """() => {
        window.heard = [];
        const region = document.getElementById("announcer");
        new MutationObserver(() => region.textContent && heard.push(region.textContent)).observe(region, {childList: true});
        }"""
    )
    answered(page, "!pause 0.02\n!words 30", re.compile("word30"))
    page.wait_for_function("heard.length === 2")
    answered(page, "!pause 0.01\n!words 90", re.compile("word90"))
    page.wait_for_function("heard.length === 4")
    heard = page.evaluate("heard")
    assert heard[0] == heard[2] == "The answer is coming."
    assert heard[1].startswith("word1 word2")  # a short one is read
    assert heard[3] == "The answer is complete: 90 words."
    live = "document.querySelectorAll('#view :is([aria-live], [role=status], [role=log])').length"
    assert page.evaluate(live) == 0


def test_nothing_moves_for_those_who_want_it_still(page: Page) -> None:
    ask(page, "!wait 1\n!say done")
    waiting = page.locator(".waiting")
    expect(waiting).to_be_visible()
    duration = waiting.evaluate("(element) => getComputedStyle(element, '::after').animationDuration")
    assert float(duration.removesuffix("s")) < 0.001
    expect(last(page)).to_have_attribute("aria-busy", "false")


def _sample() -> str:
    """Return the events of an answer that is the sample of Markdown."""
    chunk = {"model": "scripted", "choices": [{"index": 0, "delta": {"content": SAMPLE}, "finish_reason": None}]}
    end = {"model": "scripted", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return f"data: {json.dumps(chunk)}\n\ndata: {json.dumps(end)}\n\ndata: [DONE]\n\n"
