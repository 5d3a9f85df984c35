"""The chat's flows: asking, stopping, going on, asking again, branches, errors, and that nothing of them is lost."""

from __future__ import annotations

import re
import time

from playwright.sync_api import Browser, Page, expect
from tests.api.uploads import call
from tests.api.whole import Whole
from tests.web.browsing import watched
from tests.web.chatting import answered, ask, asked, body, ended, last, press, text


def test_a_question_is_answered_and_kept(page: Page) -> None:
    answered(page, "Hello", "You said: Hello")
    answered(page, "Again", "You said: Again")
    expect(page).to_have_url(re.compile(r"#/c/[0-9a-f]{32}$"))
    expect(page.get_by_role("navigation", name="Conversations").get_by_role("link", name="Hello")).to_be_visible()
    page.reload()
    expect(page.locator(".message .text")).to_have_text(["Hello", "You said: Hello", "Again", "You said: Again"])
    expect(page.get_by_label("Ask something")).to_be_focused()


def test_the_server_gets_the_whole_branch(page: Page) -> None:
    answered(page, "One", "You said: One")
    sent = asked(page, "Two")
    assert [(turn["role"], turn["content"]) for turn in sent["messages"]] == [
        ("user", "One"),
        ("assistant", "You said: One"),
        ("user", "Two"),
    ]
    assert sent["stream"] is True
    assert sent["metadata"] == {"enable_l0_retrieval": False, "truncation": "auto"}  # the library is empty
    ended(page)


def test_keys_of_the_box(page: Page) -> None:
    """Enter sends; with Shift it begins a line; while an input method chooses it is the input method's."""
    box = page.get_by_label("Ask something")
    box.fill("first")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("second")
    expect(box).to_have_value("first\nsecond")
    for sign in ("isComposing: true", "keyCode: 229"):
        event = f"new KeyboardEvent('keydown', {{key: 'Enter', bubbles: true, cancelable: true, {sign}}})"
        assert box.evaluate(f"(box) => box.dispatchEvent({event})")  # nobody prevented it
    expect(page.locator(".message")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(text(page)).to_have_text("You said: first second")
    ended(page)
    page.keyboard.press("ArrowUp")
    expect(page.get_by_label("Your message, edited")).to_have_value("first\nsecond")


def test_nothing_is_sent_of_an_empty_box(page: Page) -> None:
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    ask(page, "  \n ")
    expect(page.locator(".message")).to_have_count(0)


def test_stopping_keeps_what_came_and_one_can_go_on(page: Page) -> None:
    ask(page, "!say Once upon\n!wait 30\n!say a time")
    expect(text(page)).to_have_text("Once upon")
    page.keyboard.press("Escape")
    expect(last(page)).to_contain_text("The answer was stopped.")
    expect(text(page)).to_have_text("Once upon")
    expect(page.get_by_label("Ask something")).to_be_focused()
    with page.expect_request("**/api/kernel2/chat") as sent:
        press(page, "Continue")
    assert body(sent.value)["messages"][-1] == {"role": "assistant", "content": "Once upon"}
    page.get_by_role("button", name="Stop the answer").click()
    expect(last(page)).to_contain_text("The answer was stopped.")


def test_an_answer_that_was_cut_off_can_be_continued(page: Page) -> None:
    answered(page, "!say one\n!finish length", "one")
    expect(last(page)).to_contain_text("The answer was cut off")
    press(page, "Continue")
    expect(text(page)).to_have_text("oneone")  # the scripted engine begins anew; a model goes on


def test_a_reload_in_the_middle_keeps_what_had_come(page: Page) -> None:
    ask(page, "!say Once upon\n!wait 30\n!say a time")
    expect(text(page)).to_have_text("Once upon")
    page.wait_for_timeout(500)  # it is written down every 0.3 s
    page.reload()
    expect(text(page)).to_have_text("Once upon")
    expect(last(page)).to_contain_text("The answer was interrupted. What had come is kept.")
    expect(last(page).get_by_role("button", name="Continue")).to_be_visible()
    press(page, "Answer again")
    expect(last(page)).to_contain_text("2/2")
    page.keyboard.press("Escape")


def test_asking_again_and_editing_make_branches(page: Page) -> None:
    answered(page, "Hello", "You said: Hello")
    press(page, "Answer again")
    expect(last(page)).to_contain_text("2/2")
    ended(page)
    answered(page, "More", "You said: More")
    question = page.locator(".message.user").first
    question.get_by_role("button", name="Edit").click()
    page.get_by_label("Your message, edited").fill("Good evening")
    page.keyboard.press("Enter")
    expect(text(page)).to_have_text("You said: Good evening")
    expect(page.locator(".message")).to_have_count(2)
    question.get_by_role("button", name="Previous version").click()
    expect(page.locator(".message .text")).to_have_text(["Hello", "You said: Hello", "More", "You said: More"])
    page.reload()
    expect(page.locator(".message .text")).to_have_text(["Hello", "You said: Hello", "More", "You said: More"])
    page.locator(".message.assistant").first.get_by_role("button", name="Previous version").click()
    expect(page.locator(".message")).to_have_count(2)
    expect(last(page)).to_contain_text("1/2")


def test_editing_can_be_left(page: Page) -> None:
    answered(page, "Hello", "You said: Hello")
    question = page.locator(".message.user")
    question.get_by_role("button", name="Edit").click()
    page.keyboard.press("Escape")
    expect(question.locator(".text")).to_have_text("Hello")
    expect(question.get_by_role("button", name="Edit")).to_be_focused()


def test_reasoning_is_folded(page: Page) -> None:
    answered(page, "!reason Let me think\n!say It is so", "It is so")
    thoughts = last(page).get_by_text("Let me think")
    expect(thoughts).to_be_hidden()
    last(page).get_by_text("Reasoning").click()
    expect(thoughts).to_be_visible()


def test_errors_are_words_with_a_way_on(page: Page) -> None:
    ask(page, "!refuse 429")
    expect(last(page).get_by_role("alert")).to_contain_text("The scripted engine is busy.")
    ask(page, "!say Half of it\n!wait 0.1\n!break")
    expect(last(page).get_by_role("alert")).to_contain_text("The scripted engine broke off.")
    expect(text(page)).to_have_text("Half of it")
    press(page, "Try again")
    expect(last(page)).to_contain_text("2/2")


def test_a_server_that_is_gone_is_said(page: Page) -> None:
    page.route("**/api/kernel2/chat", lambda route: route.abort())
    ask(page, "Hello")
    expect(last(page).get_by_role("alert")).to_contain_text("The server does not answer.")
    page.unroute("**/api/kernel2/chat")
    press(page, "Try again")
    expect(text(page)).to_have_text("You said: Hello")


def test_tokens_and_speed_are_shown_on_focus(page: Page) -> None:
    answered(page, "!pause 0.05\n!words 12", re.compile("word12"))
    meter = last(page).locator(".meter")
    expect(meter).to_have_css("opacity", "0")
    last(page).get_by_role("button", name="Copy").focus()
    expect(meter).to_have_css("opacity", "1")
    expect(meter).to_have_text(re.compile(r"^12 tokens · [\d.]+ tokens/s · began after [\d.]+ s · scripted$"))


def test_role_model_and_settings_are_sent(page: Page, server: Whole) -> None:
    role = call(server, "POST", "/api/kernel2/roles", {"name": "Gardener", "system_prompt": "You grow things."})
    page.reload()
    page.get_by_role("button", name="Role: No role").click()
    page.get_by_role("menuitemradio", name="Gardener").click()
    page.get_by_role("button", name="Temperature and length").click()
    page.get_by_label("Temperature", exact=True).fill("0.7")
    page.get_by_label("Most tokens of an answer").fill("5")
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    sent = asked(page, "!words 9")
    assert (sent["temperature"], sent["max_tokens"]) == (0.7, 5)
    assert sent["metadata"]["role_id"] == role.json()["data"]["uuid"]
    expect(text(page)).to_have_text("word1 word2 word3 word4 word5")
    expect(last(page)).to_contain_text("The answer was cut off")
    page.reload()
    expect(page.get_by_role("button", name="Role: Gardener")).to_be_visible()


def test_an_answer_goes_on_while_another_view_is_shown(page: Page) -> None:
    ask(page, "!say Once\n!wait 1\n!say upon a time")
    expect(text(page)).to_have_text("Once")
    page.get_by_role("link", name="Help").click()
    expect(page.get_by_label("Ask something")).to_have_count(0)
    page.go_back()
    expect(text(page)).to_have_text("Onceupon a time")
    ended(page)


def test_two_tabs_lose_nothing_of_each_other(browser: Browser, server: Whole) -> None:
    with watched(browser, server.url) as page:
        page.goto("/")
        answered(page, "Hello", "You said: Hello")
        other = page.context.new_page()  # watched, too
        other.goto(page.url)
        expect(text(other)).to_have_text("You said: Hello")
        ask(page, "!say from one\n!wait 1")
        expect(text(other)).to_have_text("from one")  # it is seen there while it comes
        ended(other)
        ask(other, "!say slow\n!wait 2\n!say answer")
        expect(text(other)).to_have_text("slow")
        page.reload()  # it must not take the other tab's answer for a broken one
        expect(text(page)).to_have_text("slow")
        time.sleep(0.6)
        expect(page.get_by_text("interrupted")).to_have_count(0)
        ended(other)
        expect(text(page)).to_have_text("slowanswer")
        for tab in (page, other):
            tab.reload()
            expect(tab.locator(".message .text")).to_have_text(
                ["Hello", "You said: Hello", re.compile("from one"), "from one", re.compile("slow"), "slowanswer"]
            )


def test_a_draft_survives_a_reload(page: Page) -> None:
    page.get_by_label("Ask something").fill("Half a thou")
    page.reload()
    expect(page.get_by_label("Ask something")).to_have_value("Half a thou")


def test_a_server_with_keys_asks_for_one(page: Page, server: Whole) -> None:
    """Last of all: the server asks for keys from then on."""
    expect(page.get_by_role("button", name="Model: scripted")).to_be_visible()
    made = call(server, "POST", "/api/keys", {"name": "page"})
    ask(page, "Hello")
    dialog = page.get_by_role("dialog", name="This server asks for a key")
    dialog.get_by_label("API key").fill(made.json()["data"]["key"])
    dialog.get_by_role("button", name="Use it").click()
    expect(dialog).to_have_count(0)
    press(page, "Try again")
    expect(text(page)).to_have_text("You said: Hello")
    page.reload()
    expect(page.get_by_role("button", name="Model: scripted")).to_be_visible()
