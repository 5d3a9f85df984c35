"""The chat with llama.cpp and the starter model: an answer comes, is stopped, goes on where it was, and is counted."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect
from tests.clients.conftest import real as real  # noqa: PLC0414 # a fixture
from tests.clients.server import Server
from tests.web.browsing import watched
from tests.web.chatting import ask, ended, last, press, text

pytestmark = pytest.mark.real_model


def test_an_answer_is_stopped_and_goes_on_in_its_sentence(browser: Browser, real: Server) -> None:
    with watched(browser, real.url) as page:
        page.goto("/")
        page.get_by_role("button", name="Temperature and length").click()
        page.get_by_label("Most tokens of an answer").fill("90")
        page.keyboard.press("Tab")
        page.keyboard.press("Escape")
        ask(page, "Write a story about a gardener and a cat.")
        expect(text(page)).to_have_text(re.compile(r"(\S+\s+){6}"), timeout=60_000)
        page.keyboard.press("Escape")
        expect(last(page)).to_contain_text("The answer was stopped.")
        begun = text(page).inner_text().strip()
        press(page, "Continue")
        ended(page)
        whole = text(page).inner_text().strip()
        assert whole.startswith(begun)
        assert len(whole) > len(begun)
        assert begun[:20] not in whole[len(begun) :], "it began anew"
        expect(last(page).locator(".meter")).to_have_text(
            re.compile(r"^\d+ tokens · [\d.]+ tokens/s · began after [\d.]+ s · \S+")
        )
