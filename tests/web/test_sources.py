"""Sources: the badge under an answer, the panel of a citation, and the page behind a source's link."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from tests.api.people import ANN, people
from tests.api.uploads import DOCUMENTS, call, data, file, form
from tests.api.whole import Whole
from tests.clients.wire import request
from tests.web.axe import violations
from tests.web.browsing import watched
from tests.web.chatting import ask, ended, last
from tests.web.library import DIARY, HOSTILE, QUESTION, add, clear, fits, is_text
from tests.web.tabs import page as page  # noqa: PLC0414 # fixtures
from tests.web.tabs import tab as tab  # noqa: PLC0414

LETTER: Final = f"Dear Ann, {QUESTION} Maria sends her love from the market in Ulm, where she sold all of her pears at last."
LONG: Final = "\n\n".join(
    f"# {month}\n\n" + " ".join(f"In {month} we did the work number {n} of the year." for n in range(40))
    for month in (
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    )
)


@pytest.fixture(scope="module")
def documents(server: Whole) -> list[dict[str, Any]]:
    """A diary, a long text, and one that wants to be more than text."""
    clear(server)
    hostile = {
        "path": f"{HOSTILE}.txt",
        "title": f"{HOSTILE}<script>window.pwned=1</script>",
        "text": f"Hostile words. <b class=planted>{HOSTILE}",
    }
    return add(
        server,
        {"path": "notes/diary.md", "text": DIARY, "date": 1_560_000_000},
        {"path": "year.md", "text": LONG},
        hostile,
        {"path": "letter.txt", "text": LETTER},
    )


def opened(page: Page, server: Whole, document: dict[str, Any], number: int | None = None) -> list[dict[str, Any]]:
    """Open a document at a passage of it, or at its beginning. Returns its passages."""
    passages: list[dict[str, Any]] = data(call(server, "GET", f"{DOCUMENTS}/{document['id']}/passages?limit=1000"))["items"]
    page.goto(f"/#/d/{document['id']}" + (f"/{passages[number]['id']}" if number is not None else ""))
    expect(page.locator("#document h1")).to_be_visible()
    return passages


# ---- under an answer


def test_an_answer_that_cites_says_so_and_its_numbers_open_the_passage(page: Page, documents: list[dict[str, Any]]) -> None:
    ask(page, f"{QUESTION}\n!say On 12 April. [1]")
    ended(page)
    expect(last(page).get_by_role("button", name="From your documents · 1 source")).to_be_visible()
    citation = last(page).locator(".citation")
    citation.focus()
    page.keyboard.press("Enter")
    panel = page.locator("#panel")
    expect(panel.get_by_role("heading", name="Source", exact=True)).to_be_focused()
    expect(panel.locator(".cited")).to_contain_text("Tom dug the hole.")
    expect(panel.locator(".cited")).to_have_attribute("aria-current", "true")
    expect(panel.get_by_role("link", name="Open the document")).to_have_attribute(
        "href", re.compile(f"^#/d/[0-9a-f]{{32}}/{_cited(page)}$")
    )
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(citation).to_be_focused()
    citation.click()
    expect(panel).to_be_visible()
    citation.click()  # the same again closes it
    expect(panel).to_be_hidden()


def test_a_question_asked_at_once_looks_into_the_documents_too(page: Page, documents: list[dict[str, Any]]) -> None:
    """Before the page knows that there are any."""
    assert documents
    held: list[Route] = []
    page.route("**/api/documents/counts", lambda route: held.append(route) or None)
    page.reload()
    ask(page, f"{QUESTION}\n!say On 12 April. [1]")
    assert held
    for route in held:
        route.continue_()
    ended(page)
    expect(last(page).get_by_role("button", name="From your documents · 1 source")).to_be_visible()


def test_sources_are_gone_through_and_the_badge_explains(page: Page, documents: list[dict[str, Any]]) -> None:
    assert documents
    ask(page, f"{QUESTION}\n!say So it was [1] [2].")
    ended(page)
    badge = last(page).get_by_role("button", name="From your documents · 2 sources")
    badge.click()
    popover = page.get_by_role("dialog", name="How this answer came about")
    expect(popover).to_contain_text(f"Searched for: {QUESTION}")
    page.keyboard.press("Escape")
    expect(badge).to_be_focused()
    last(page).get_by_role("button", name="Source 1 ").last.click()
    panel = page.locator("#panel")
    expect(panel.locator(".source-head .source-number")).to_have_text("1")
    first = panel.locator(".cited").inner_text()
    panel.get_by_role("button", name="Next source").click()
    expect(panel.locator(".source-head .source-number")).to_have_text("2")
    expect(panel.locator(".cited")).not_to_have_text(first)
    expect(panel.locator("h3")).to_be_focused()


def test_an_answer_that_cites_nothing_or_has_nothing_says_so(page: Page, documents: list[dict[str, Any]]) -> None:
    assert documents
    ask(page, f"{QUESTION}\n!say I believe in April.")
    ended(page)
    expect(last(page).get_by_role("button", name="Passages given, none cited")).to_be_visible()
    ask(page, "zebra quantum\n!say Ask me something else.")
    ended(page)
    empty = last(page).get_by_role("button", name="Nothing in your documents")
    empty.click()
    expect(page.get_by_role("dialog")).to_contain_text("what it says is its own")
    expect(last(page).locator(".chips")).to_have_count(0)


def test_a_search_by_words_alone_says_so(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> None:
    from tests.api.whole import whole  # noqa: PLC0415 # a server of its own, without an embedder

    with (
        whole(tmp_path_factory.mktemp("words") / "home", library={"embedder": "none"}) as server,
        watched(browser, server.url) as page,
    ):
        data(call(server, "POST", f"{DOCUMENTS}?wait=searchable", {"documents": [{"path": "diary.md", "text": DIARY}]}), 202)
        page.goto("/")
        ask(page, f"{QUESTION}\n!say On 12 April. [1]")
        ended(page)
        expect(last(page).get_by_text("By words only")).to_be_visible()
        page.goto("/#/library")
        expect(page.locator("#library")).to_contain_text("search is by words only")
        expect(page.locator(".documents .badge")).to_have_text("Searchable")


def test_a_key_for_chats_alone_sees_how_the_passage_begins(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("keys") / "home"
    with people(home) as known, watched(browser, known.server.url) as page:
        known.data(ANN, "POST", f"{DOCUMENTS}?wait=ready", {"documents": [{"path": "diary.md", "text": DIARY}]}, status=202)
        page.add_init_script(f"localStorage.setItem('mecum.key', '{known.keys['only chat']}')")
        page.goto("/#/roles/compare")
        page.get_by_label("Question to both").fill(f"{QUESTION}\n!say On 12 April. [1]")
        page.get_by_role("button", name="Ask both").click()
        page.locator(".citation").first.click()
        expect(page.locator("#panel")).to_contain_text("Your key opens no documents.")
        expect(page.locator("#panel blockquote")).to_contain_text("Garden diary April We planted the cherry tree")


# ---- the page behind a link


def test_a_link_shows_the_passage_between_its_neighbours(page: Page, server: Whole, documents: list[dict[str, Any]]) -> None:
    passages = opened(page, server, documents[1], 6)
    assert len(passages) > 12
    cited = page.locator("#text section.cited")
    expect(cited).to_be_in_viewport()
    expect(cited.locator("p")).to_have_text(passages[6]["text"], use_inner_text=True)
    expect(page.locator("#text section")).to_have_count(7)
    page.get_by_role("button", name="Show what comes before").click()
    page.get_by_role("button", name="Show what comes after").click()
    expect(page.locator("#text section")).to_have_count(20)
    expect(page.get_by_role("button", name="Show what comes before")).to_be_hidden()
    assert page.title() == "Document · mecum"


def test_the_text_is_whole_and_nothing_in_it_stands_twice(
    page: Page, server: Whole, documents: list[dict[str, Any]]
) -> None:
    """Passages overlap; on the page they do not."""
    passages = opened(page, server, documents[1])
    more = page.get_by_role("button", name="Show what comes after")
    while page.locator("#text section").count() < len(passages):
        before = page.locator("#text section").count()
        more.click()
        expect(page.locator("#text section")).not_to_have_count(before)
    shown = " ".join(page.locator("#text section p").all_text_contents())
    for month in ("January", "June", "December"):
        assert [shown.count(f"In {month} we did the work number {n} of") for n in range(40)] == [1] * 40


def test_the_file_is_stored_as_it_was_added(page: Page, server: Whole, documents: list[dict[str, Any]]) -> None:
    opened(page, server, documents[0])
    expect(page.locator("#document")).to_contain_text("notes/diary.md")
    with page.expect_download() as stored:
        page.get_by_role("button", name="Download the file").click()
    assert stored.value.suggested_filename == "diary.md"
    assert stored.value.path().read_text() == DIARY


def test_a_mailbox_links_to_its_mails_and_they_to_it(page: Page, server: Whole) -> None:
    mails = "".join(
        f"From a@b Thu Jan  1 00:00:00 1970\nSubject: Mail {n}\nMessage-ID: <{n}@x>\n\nThe harvest {n}.\n\n"
        for n in range(2)
    )
    upload = form(file("box.mbox", mails))
    kind = {"Content-Type": "multipart/form-data; boundary=----boundary-0123456789"}
    (box,) = data(request(server.url, "POST", f"{DOCUMENTS}?wait=ready", upload, kind), 202)
    page.goto(f"/#/d/{box['id']}")
    expect(page.get_by_role("heading", name="2 documents in it")).to_be_visible()
    page.get_by_role("link", name="Mail 1").click()
    expect(page.locator("#text")).to_contain_text("The harvest 1.")
    page.get_by_role("link", name="Open the whole file").click()
    expect(page.get_by_role("heading", name="2 documents in it")).to_be_visible()


def test_what_is_gone_is_said(page: Page, server: Whole, documents: list[dict[str, Any]]) -> None:
    page.goto(f"/#/d/{documents[0]['id']}/{'0' * 32}")
    expect(page.locator("#document [role=alert]")).to_contain_text("This passage is no longer in the document")
    expect(page.locator("#text")).to_contain_text("Tom dug the hole.")
    page.goto(f"/#/d/{'0' * 32}")
    expect(page.locator("#document [role=alert]")).to_have_text("This document is no longer in your library.")


def test_hostile_documents_are_text(page: Page, server: Whole, documents: list[dict[str, Any]]) -> None:
    opened(page, server, documents[2], 0)
    expect(page.locator("#document")).to_contain_text("<b class=planted>")
    is_text(page)
    page.goto("/")
    ask(page, f"Which hostile words are there?\n!say {HOSTILE} [1]")
    ended(page)
    last(page).locator(".citation").click()
    expect(page.locator("#panel .cited")).to_contain_text("<b class=planted>")
    is_text(page)


# ---- whoever looks at it


@pytest.fixture
def answer(page: Page, documents: list[dict[str, Any]]) -> Page:
    """A page with an answer whose source is open."""
    assert documents
    ask(page, f"{QUESTION}\n!say On 12 April. [1]")
    ended(page)
    last(page).locator(".citation").click()
    expect(page.locator("#panel .cited")).to_be_visible()
    return page


def test_they_are_accessible(answer: Page, server: Whole, documents: list[dict[str, Any]]) -> None:
    assert violations(answer) == []
    opened(answer, server, documents[1], 3)
    assert violations(answer) == []


def test_they_fit_a_phone(browser: Browser, server: Whole, documents: list[dict[str, Any]]) -> None:
    with watched(browser, server.url, locale="zh-CN", viewport={"width": 360, "height": 740}) as page:
        opened(page, server, documents[1], 3)
        expect(page.get_by_text("被引用的段落")).to_be_visible()
        fits(page)


def _cited(page: Page) -> str:
    """The id of the passage that is marked in the panel."""
    return str(page.locator("#panel .cited").get_attribute("data-id"))
