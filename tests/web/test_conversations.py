"""The conversations in the sidebar: found, renamed, exported, imported, deleted and taken back."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.api.whole import Whole
from tests.web.browsing import watched
from tests.web.chatting import answered, ask, last, press

LIST = "Conversations"


def rows(page: Page) -> list[str]:
    """Return the titles in the list, from above."""
    return page.get_by_role("navigation", name=LIST).locator(".row-title").all_text_contents()


def act(page: Page, title: str, action: str) -> None:
    """Choose an action of a conversation in the list."""
    row = page.get_by_role("navigation", name=LIST).locator("li", has_text=title)
    row.hover()
    row.get_by_role("button").click()
    page.get_by_role("menuitem", name=action).click()


@pytest.fixture
def two(page: Page) -> Page:
    """A browser with two conversations; the newer one is shown."""
    answered(page, "!say Rain in May\n!words 2", re.compile("Rain"))
    page.get_by_role("button", name="New chat").click()
    answered(page, "The garden\nand what grows", "You said: The garden and what grows")
    return page


def test_the_newest_stands_first_and_titles_are_first_lines(two: Page) -> None:
    assert rows(two) == ["The garden", "!say Rain in May"]
    two.get_by_role("link", name="!say Rain in May").click()
    expect(two.locator(".message")).to_have_count(2)
    expect(two.get_by_role("link", name="!say Rain in May")).to_have_attribute("aria-current", "page")
    answered(two, "More", "You said: More")
    assert rows(two) == ["!say Rain in May", "The garden"]


def test_what_was_said_is_found(two: Page) -> None:
    search = two.get_by_label("Search conversations")
    search.fill("WORD2")  # stands in an answer alone
    expect(two.get_by_role("navigation", name=LIST).locator("li")).to_have_count(1)
    expect(two.get_by_role("navigation", name=LIST).locator("li .hint")).to_have_text("Rain in Mayword1 word2")
    search.fill("garden")
    expect(two.get_by_role("navigation", name=LIST).locator(".row-title")).to_have_text(["The garden"])
    search.fill("nowhere")
    expect(two.get_by_text("Nothing is found.")).to_be_visible()
    search.fill("")
    expect(two.get_by_role("navigation", name=LIST).locator("li")).to_have_count(2)


def test_a_conversation_is_renamed(two: Page) -> None:
    act(two, "The garden", "Rename")
    two.get_by_label("Title").fill("Beans <b>")
    two.keyboard.press("Enter")
    expect(two.get_by_role("heading", level=1)).to_have_text("Beans <b>")
    answered(two, "More", "You said: More")
    assert rows(two)[0] == "Beans <b>"
    expect(two).to_have_title("Beans <b> · mecum")


def test_a_deletion_can_be_undone(two: Page) -> None:
    act(two, "The garden", "Delete")
    expect(two).to_have_url(re.compile("#/$"))
    assert rows(two) == ["!say Rain in May"]
    two.get_by_role("button", name="Undo").click()
    expect(two.locator(".message")).to_have_count(2)
    assert rows(two) == ["The garden", "!say Rain in May"]


def test_what_is_deleted_goes_for_good(browser: Browser, server: Whole) -> None:
    with watched(browser, server.url) as page:  # its clock is its own
        page.goto("/")
        answered(page, "The garden", "You said: The garden")
        url = page.url
        act(page, "The garden", "Delete")
        expect(page.get_by_role("button", name="Undo")).to_be_visible()
        page.clock.install()
        page.clock.fast_forward(61_000)
        page.reload()
        kept = """() => new Promise((resolve) => {
            const request = indexedDB.open("mecum");
            request.onsuccess = () => {
              const messages = request.result.transaction("messages").objectStore("messages").getAll();
              messages.onsuccess = () => resolve(JSON.stringify(messages.result));
            };
          })"""
        page.wait_for_function(f"async () => !(await ({kept})()).includes('garden')")
        page.goto(url)
        expect(page.get_by_role("heading", name="This conversation is not here")).to_be_visible()


def test_markdown_is_exported(two: Page) -> None:
    with two.expect_download() as saved:
        act(two, "The garden", "Export as Markdown")
    assert saved.value.suggested_filename == "The-garden.md"
    text = Path(saved.value.path()).read_text()
    assert text == (
        "# The garden\n\n## You\n\nThe garden\nand what grows\n\n## scripted\n\nYou said: The garden\nand what grows\n"
    )


def test_what_was_exported_is_imported_with_its_branches(two: Page, tmp_path: Path) -> None:
    press(two, "Answer again")
    expect(last(two)).to_contain_text("2/2")
    expect(last(two)).to_have_attribute("aria-busy", "false")
    with two.expect_download() as saved:
        two.get_by_role("button", name="All conversations").click()
        two.get_by_role("menuitem", name="Export all as JSON").click()
    file = tmp_path / "all.json"
    saved.value.save_as(file)
    assert len(json.loads(file.read_text())["conversations"]) == 2
    with two.expect_file_chooser() as chooser:
        two.get_by_role("button", name="All conversations").click()
        two.get_by_role("menuitem", name="Import from JSON").click()
    chooser.value.set_files(file)
    expect(two.get_by_text("2 conversations were imported.")).to_be_visible()
    assert sorted(rows(two)) == sorted(2 * ["The garden", "!say Rain in May"])
    for link in two.get_by_role("link", name="The garden").all():
        link.click()
        expect(last(two)).to_contain_text("2/2")


@pytest.mark.parametrize(
    "content", ["", "{}", '{"format": "mecum.conversations", "version": 1, "conversations": [{}]}', "[1"]
)
def test_another_file_is_refused(page: Page, tmp_path: Path, content: str) -> None:
    file = tmp_path / "other.json"
    file.write_text(content)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="All conversations").click()
        page.get_by_role("menuitem", name="Import from JSON").click()
    chooser.value.set_files(file)
    expect(page.get_by_text("other.json holds no conversations that this page exported.")).to_be_visible()
    expect(page.get_by_role("navigation", name=LIST).locator(".row-title")).to_have_count(0)


def test_odd_fields_of_a_file_are_left_out(page: Page, tmp_path: Path) -> None:
    """Somebody else may have made it."""
    message = {"id": "a", "parent": None, "role": "assistant", "text": "Hello <x>", "created": "x", "state": "streaming"}
    message |= {"sources": "x", "cited": {"a": 1}, "usage": 3, "times": [], "model": {}, "error": "x", "__proto__": {"a": 1}}
    file = tmp_path / "odd.json"
    odd = {"conversation": {"id": "../x", "title": {"a": 1}, "leaf": 7, "updated": "soon"}, "messages": [message]}
    file.write_text(json.dumps({"format": "mecum.conversations", "version": 1, "conversations": [odd]}))
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="All conversations").click()
        page.get_by_role("menuitem", name="Import from JSON").click()
    chooser.value.set_files(file)
    page.get_by_role("link", name="[object Object]").click()
    expect(last(page).locator(".text")).to_have_text("Hello <x>")
    expect(last(page)).to_contain_text("interrupted")


def test_deleting_stops_the_answer(page: Page) -> None:
    with page.expect_event("requestfailed") as failed:
        ask(page, "!say Once\n!wait 30")
        expect(last(page).locator(".text")).to_have_text("Once")
        act(page, "!say Once", "Delete")
    assert failed.value.url.endswith("/api/kernel2/chat")
    expect(page.get_by_role("navigation", name=LIST).locator(".row-title")).to_have_count(0)


def test_deleting_stops_the_answer_of_another_tab(browser: Browser, server: Whole) -> None:
    """It would go on to be written, when what was there had been deleted for good."""
    with watched(browser, server.url) as page:
        page.goto("/")
        answered(page, "Hello", "You said: Hello")
        other = page.context.new_page()
        other.goto(page.url)
        expect(last(other).locator(".text")).to_have_text("You said: Hello")
        with page.expect_event("requestfailed") as failed:
            ask(page, "!say Once\n!wait 30")
            expect(last(page).locator(".text")).to_have_text("Once")
            act(other, "Hello", "Delete")
        assert failed.value.url.endswith("/api/kernel2/chat")


def test_a_file_whose_messages_go_round_in_circles(page: Page, tmp_path: Path) -> None:
    def message(name: str, parent: str, created: int) -> dict[str, object]:
        return {"id": name, "parent": parent, "role": "user", "text": f"I am {name}", "created": created, "state": "done"}

    messages = [message("a", "b", 2), message("b", "a", 2), message("c", "b", 1)]  # c and a are versions of one
    odd = {"conversation": {"id": "x", "title": "Round", "leaf": "c", "updated": 1}, "messages": messages}
    file = tmp_path / "round.json"
    file.write_text(json.dumps({"format": "mecum.conversations", "version": 1, "conversations": [odd]}))
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="All conversations").click()
        page.get_by_role("menuitem", name="Import from JSON").click()
    chooser.value.set_files(file)
    page.get_by_role("link", name="Round").click()
    expect(last(page).locator(".text")).to_have_text("I am c")
    last(page).locator("[data-step=right]").dispatch_event("click")
    expect(last(page).locator(".text")).to_have_text("I am b")


def test_where_the_browser_keeps_nothing_one_can_chat(browser: Browser, server: Whole) -> None:
    with watched(browser, server.url) as page:
        page.add_init_script("indexedDB.open = () => { throw new DOMException('full', 'QuotaExceededError') }")
        page.goto("/")
        answered(page, "Hello", "You said: Hello")
        expect(page.get_by_text("The browser could not keep this conversation")).to_be_visible()
        answered(page, "Again", "You said: Again")
        expect(page.locator(".message")).to_have_count(4)


def test_where_the_browser_gives_no_storage_one_can_chat(browser: Browser, server: Whole) -> None:
    """With cookies blocked, not even a look at it is allowed."""
    with watched(browser, server.url) as page:
        page.add_init_script("""
            const denied = { get() { throw new DOMException("denied", "SecurityError"); }, configurable: true };
            for (const name of ["localStorage", "sessionStorage", "indexedDB"]) Object.defineProperty(window, name, denied);
        """)
        page.goto("/")
        answered(page, "Hello", "You said: Hello")
        expect(page.get_by_text("The browser could not keep this conversation")).to_be_visible()
