"""The library's view: adding, following, searching, narrowing, removing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from tests.api.uploads import call, data
from tests.api.whole import Whole
from tests.web.axe import violations
from tests.web.browsing import watched
from tests.web.library import DIARY, HOSTILE, add, clear, fits, is_text, note, paths, row, upload
from tests.web.tabs import page as page  # noqa: PLC0414 # fixtures
from tests.web.tabs import tab as tab  # noqa: PLC0414


@pytest.fixture
def view(page: Page, server: Whole) -> Page:
    """The view over an empty library."""
    clear(server)
    page.goto("/#/library")
    expect(note(page)).to_have_text("No documents yet.")
    return page


# ---- adding


def test_files_are_added_each_with_its_state_and_what_to_do(view: Page, server: Whole) -> None:
    text = {"mimeType": "text/plain"}
    files: list[Any] = [
        {"name": "diary.md", "buffer": DIARY.encode(), **text},
        {"name": "empty.txt", "buffer": b"", **text},
        {"name": "broken.pdf", "buffer": b"%PDF-1.4 and no more", **text},
    ]
    view.locator("#files").set_input_files(files)
    expect(upload(view, "diary.md")).to_contain_text("Ready")
    expect(upload(view, "empty.txt")).to_contain_text("The file is empty.")
    expect(upload(view, "broken.pdf")).to_contain_text("The PDF is damaged. Open it and save (or print) it as a PDF again.")
    expect(row(view, "Garden diary")).to_contain_text("Ready")
    expect(row(view, "empty.txt")).to_contain_text("No text")
    faulty = view.get_by_role("button", name="2 could not be read")
    faulty.focus()
    view.wait_for_timeout(1200)  # the figures are asked for anew meanwhile
    expect(faulty).to_be_focused()
    faulty.press("Enter")
    expect(view.locator(".documents > li")).to_have_count(2)
    assert paths(server) == ["broken.pdf", "diary.md", "empty.txt"]


def test_a_chosen_folder_is_added_without_what_is_nobodys_document(view: Page, server: Whole, tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    view.locator("#folder").set_input_files(folder)
    expect(note(view)).to_have_text("All 2 are shown.")
    assert paths(server) == ["notes/deep/er/b.txt", "notes/diary.md"]
    expect(view.locator("#toasts")).to_contain_text("left out")


def test_a_dropped_folder_is_searched_through(view: Page, server: Whole, tmp_path: Path) -> None:
    folder, single = _folder(tmp_path), tmp_path / ".hidden.txt"
    single.write_text("chosen by itself, so it is taken")
    view.locator("#collection").fill("garden")
    _drop(view, folder, single)
    expect(note(view)).to_have_text("All 3 are shown.")
    assert paths(server, collection="garden") == [".hidden.txt", "notes/deep/er/b.txt", "notes/diary.md"]


def test_what_is_dropped_in_another_view_is_added_too(view: Page, server: Whole, tmp_path: Path) -> None:
    """The browser would leave the page to show it."""
    view.goto("/#/status")
    expect(view.get_by_role("heading", name="Status")).to_be_visible()
    _drop(view, _folder(tmp_path), marked=False)
    expect(view.get_by_role("heading", name="Library")).to_be_visible()
    expect(note(view)).to_have_text("All 2 are shown.")
    assert paths(server) == ["notes/deep/er/b.txt", "notes/diary.md"]


def test_what_the_server_cannot_take_now_is_sent_again(view: Page) -> None:
    tries = []

    def refuse(route: Route) -> None:
        tries.append(route)
        if route.request.method == "POST" and len(tries) == 1:
            route.fulfill(status=503, json={"message": "Not now."}, headers={"Retry-After": "1"})
        else:
            route.continue_()

    view.route("**/api/documents", refuse)
    view.locator("#files").set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"words"})
    expect(upload(view, "a.txt")).to_contain_text("It is sent again soon.")
    expect(upload(view, "a.txt")).to_contain_text("Ready")
    assert len(tries) == 2


def test_what_the_server_refuses_says_why_and_can_be_tried_again(view: Page) -> None:
    view.route(
        "**/api/documents", lambda route: route.fulfill(status=413, json={"message": "It is larger than 1 MiB."}), times=1
    )
    view.locator("#files").set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"words"})
    expect(upload(view, "a.txt")).to_contain_text("It is larger than 1 MiB.")
    view.get_by_role("button", name="Try a.txt again").click()
    expect(upload(view, "a.txt")).to_contain_text("Ready")
    view.get_by_role("button", name="Clear the list").click()
    expect(view.locator("#added")).to_be_hidden()


def test_one_can_be_cancelled_and_the_small_ones_beside_it_go_on(view: Page, server: Whole) -> None:
    held: list[Route] = []
    view.route("**/api/documents", lambda route: held.append(route) if not held else route.continue_())
    names = ["a.txt", "b.txt"]
    view.locator("#files").set_input_files(
        [{"name": name, "mimeType": "text/plain", "buffer": b"words of " + name.encode()} for name in names]
    )
    view.get_by_role("button", name="Cancel a.txt").click()
    expect(upload(view, "a.txt")).to_contain_text("Cancelled")
    expect(upload(view, "b.txt")).to_contain_text("Ready")
    assert paths(server) == ["b.txt"]


def test_a_hundred_files_go_together_and_the_upload_goes_on_in_other_views(view: Page, server: Whole) -> None:
    requests: list[str] = []
    view.on("request", lambda request: requests.append(request.method) if request.url.endswith("/api/documents") else None)
    view.locator("#files").set_input_files(
        [{"name": f"{n:03}.txt", "mimeType": "text/plain", "buffer": f"Letter {n}".encode()} for n in range(100)]
    )
    view.goto("/#/status")
    view.goto("/#/library")
    expect(view.get_by_text("100 files added")).to_be_visible(timeout=30_000)
    expect(note(view)).to_have_text("50 of 100 are shown.")
    assert len(paths(server)) == 100
    assert requests.count("POST") <= 10


# ---- the list


def test_the_list_has_pages_and_is_narrowed(view: Page, server: Whole) -> None:
    add(server, *({"path": f"letters/{n:02}.txt", "text": f"Letter {n}"} for n in range(60)))
    add(server, {"path": "diary.md", "text": DIARY, "collection": "garden"}, {"path": "none.txt", "text": ""})
    view.reload()
    expect(note(view)).to_have_text("50 of 62 are shown.")
    view.get_by_role("button", name="Show more", exact=True).click()
    expect(note(view)).to_have_text("All 62 are shown.")
    expect(row(view, "59.txt").get_by_role("link")).to_be_visible()
    expect(view.locator(":focus")).to_have_text("49.txt")  # what the button brought
    view.get_by_label("Collection", exact=True).select_option("garden")
    expect(note(view)).to_have_text("All 1 are shown.")
    view.get_by_role("button", name="Show all").click()
    expect(view.get_by_label("State", exact=True)).to_be_focused()
    view.get_by_label("Kind", exact=True).select_option("markdown")
    expect(view.locator(".documents > li")).to_have_count(1)
    view.get_by_label("State", exact=True).select_option("no_text")
    expect(note(view)).to_have_text("No document fits.")
    view.get_by_label("Kind", exact=True).select_option("")
    expect(row(view, "none.txt")).to_be_visible()


def test_it_follows_what_happens(view: Page, server: Whole) -> None:
    add(server, {"path": "a.txt", "text": "one"}, {"path": "b.txt", "text": "two"})
    expect(view.locator(".documents > li")).to_have_count(2)
    box = row(view, "b.txt").get_by_role("checkbox")
    box.check()
    add(server, {"path": "0.txt", "text": "three"})
    expect(view.locator(".documents > li")).to_have_count(3)
    expect(box).to_be_checked()  # the row is the same
    clear(server)
    expect(note(view)).to_have_text("No documents yet.")
    expect(view.locator("#library .card").first).to_have_text("0documents")


def test_several_are_removed_after_a_question(view: Page, server: Whole) -> None:
    add(server, *({"path": f"{name}.txt", "text": name} for name in "abc"))
    row(view, "a.txt").get_by_role("checkbox").check()
    row(view, "c.txt").get_by_role("checkbox").check()
    expect(view.get_by_label("Select all that are shown")).to_have_js_property("indeterminate", True)
    view.get_by_role("button", name="Delete", exact=True).click()
    view.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert len(paths(server)) == 3
    view.get_by_role("button", name="Delete", exact=True).click()
    view.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(view.locator("#toasts")).to_contain_text("2 documents are deleted.")
    expect(view.locator(".documents > li")).to_have_count(1)
    assert paths(server) == ["b.txt"]


def test_one_is_renamed_and_removed_by_its_menu(view: Page, server: Whole) -> None:
    add(server, {"path": "a.txt", "text": "one"})
    view.get_by_role("button", name="Actions for a.txt").press("Enter")
    view.get_by_role("menuitem", name="Rename").press("Enter")
    field = view.get_by_label("Path")
    expect(field).to_be_focused()
    field.fill("a\u0000b" * 600)
    field.press("Enter")
    expect(view.get_by_role("dialog").get_by_role("alert")).not_to_be_empty()
    field.fill("old/letter.txt")
    field.press("Enter")
    expect(row(view, "letter.txt")).to_contain_text("old/letter.txt")
    view.get_by_role("button", name="Actions for letter.txt").click()
    view.get_by_role("menuitem", name="Delete").click()
    view.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(note(view)).to_have_text("No documents yet.")


# ---- searching


def test_search_shows_passages_with_scores_and_opens_them(view: Page, server: Whole) -> None:
    add(
        server,
        {"path": "diary.md", "text": DIARY},
        {"path": "boiler.txt", "text": "The boiler is under warranty until 2031."},
    )
    view.get_by_label("Search your documents").fill("Who planted the cherry tree?")
    view.keyboard.press("Enter")
    hit = view.locator(".hits > li").first
    expect(hit).to_contain_text("Garden diary")
    (best, *_) = data(call(server, "POST", "/api/knowledge/search", {"query": "Who planted the cherry tree?"}))["hits"]
    expect(hit.locator("meter")).to_have_attribute("aria-label", f"Relevance {best['score']:.0%}")
    assert hit.locator("mark").all_inner_texts() == ["planted", "cherry", "tree"]
    title = hit.get_by_role("button", name="Garden diary")
    title.click()
    cited = view.locator("#panel .cited")
    expect(cited).to_contain_text("Tom dug the hole.")
    assert cited.locator("mark").all_inner_texts() == ["planted", "cherry", "tree"]
    view.keyboard.press("Escape")
    expect(view.locator("#panel")).to_be_hidden()
    expect(title).to_be_focused()
    view.get_by_role("button", name="Back to the list").click()
    expect(view.locator(".documents")).to_be_visible()
    expect(view.get_by_label("Search your documents")).to_be_focused()


def test_who_comes_back_finds_the_search_again(view: Page, server: Whole) -> None:
    add(server, {"path": "diary.md", "text": DIARY, "collection": "garden"}, {"path": "b.txt", "text": "A cherry pie."})
    view.get_by_label("Collection", exact=True).select_option("garden")
    view.get_by_role("searchbox", name="Search your documents").fill("cherry tree")
    view.keyboard.press("Enter")
    view.locator(".hit-title").first.click()
    view.get_by_role("link", name="Open the document").click()
    expect(view.locator("#document .cited")).to_be_visible()
    view.go_back()
    expect(view.locator(".hits > li")).to_have_count(1)
    expect(view.get_by_label("Collection", exact=True)).to_have_value("garden")
    view.goto("/#/status")
    view.get_by_role("link", name="Library", exact=True).click()
    expect(view.locator(".documents > li")).to_have_count(2)  # one who goes there finds all


def test_search_says_when_nothing_answers_and_shows_what_is_near(view: Page, server: Whole) -> None:
    add(server, {"path": "diary.md", "text": DIARY})
    view.get_by_label("Search your documents").fill("zebra quantum")
    view.keyboard.press("Enter")
    expect(view.get_by_text("Your documents do not answer this.")).to_be_visible()
    view.get_by_role("button", name="Show what comes nearest").click()
    expect(view.locator(".hits > li")).to_have_count(1)


def test_search_is_narrowed_and_by_words_alone(view: Page, server: Whole) -> None:
    add(
        server,
        {"path": "a.txt", "text": "An apple tree.", "collection": "garden"},
        {"path": "b.txt", "text": "An apple pie."},
    )
    expect(view.get_by_label("Collection", exact=True)).to_be_visible()
    view.get_by_label("Collection", exact=True).select_option("garden")
    view.get_by_label("How to search").select_option("keyword")
    view.get_by_label("Search your documents").fill("apple")
    view.get_by_role("button", name="Search", exact=True).click()
    expect(view.locator(".hits > li")).to_have_count(1)
    expect(view.locator(".results")).to_contain_text("1 passage by words, in")


# ---- whoever looks at it, and whatever is in it


def test_hostile_names_and_texts_are_text(view: Page, server: Whole) -> None:
    view.locator("#files").set_input_files(
        {
            "name": f"{HOSTILE.replace('/', '')}.txt",
            "mimeType": "text/plain",
            "buffer": f"apple <b class=planted>{HOSTILE}".encode(),
        }
    )
    expect(upload(view, f"{HOSTILE}.txt")).to_contain_text("Ready")
    add(
        server,
        {
            "path": f"{HOSTILE}/x.md",
            "title": f"<script>window.pwned=1</script>{HOSTILE}",
            "collection": HOSTILE,
            "text": f"apple {HOSTILE}",
        },
    )
    expect(view.locator(".documents > li")).to_have_count(2)
    view.get_by_label("Search your documents").fill("apple")
    view.keyboard.press("Enter")
    view.locator(".hit-title").first.click()
    expect(view.locator("#panel .cited")).to_contain_text("<img")
    view.get_by_role("button", name="Actions for <script>").is_visible()
    is_text(view)


def test_it_is_accessible(view: Page, server: Whole) -> None:
    view.locator("#files").set_input_files(
        [
            {"name": "a.md", "mimeType": "text/plain", "buffer": DIARY.encode()},
            {"name": "e.txt", "mimeType": "text/plain", "buffer": b""},
        ]
    )
    add(server, {"path": "b.txt", "text": "two", "collection": "garden"})
    expect(upload(view, "a.md")).to_contain_text("Ready")
    expect(row(view, "b.txt")).to_be_visible()
    assert violations(view) == []
    view.get_by_label("Search your documents").fill("cherry tree")
    view.keyboard.press("Enter")
    view.locator(".hit-title").first.click()
    expect(view.locator("#panel .cited")).to_be_visible()
    assert violations(view) == []


@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
def test_it_fits_a_phone_in_both_languages(browser: Browser, server: Whole, locale: str) -> None:
    clear(server)
    add(server, {"path": f"{'long' * 60}.txt", "text": "words"}, {"path": "樱桃树/日记.md", "text": "我们种下了樱桃树。"})
    with watched(browser, server.url, locale=locale, viewport={"width": 360, "height": 740}) as page:
        page.goto("/#/library")
        expect(page.get_by_role("heading", level=1)).to_have_text("资料库" if locale == "zh-CN" else "Library")
        expect(page.locator(".documents > li")).to_have_count(2)
        fits(page)
        page.locator("#search").fill("樱桃树")
        page.keyboard.press("Enter")
        expect(page.locator(".hits mark").first).to_have_text("樱桃树")
        fits(page)


def test_a_key_that_is_not_for_documents_says_so(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What the server says stands on the page, and nothing is asked again and again."""
    from tests.api.people import people  # noqa: PLC0415 # a server of its own

    with people(tmp_path_factory.mktemp("keys") / "home") as known, watched(browser, known.server.url) as page:
        page.add_init_script(f"localStorage.setItem('mecum.key', '{known.keys['only chat']}')")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto("/#/library")
        expect(page.locator("#library").get_by_role("alert")).to_contain_text("documents")
        page.wait_for_timeout(1500)
        assert sum(url.endswith("/events") for url in asked) == 1


def _folder(where: Path) -> Path:
    """A folder with two documents in it, and what is none."""
    folder = where / "notes"
    for name in (
        "diary.md",
        "deep/er/b.txt",
        ".env",
        ".git/config",
        "node_modules/x/readme.md",
        "photo.jpg",
        "id_rsa",
        "old.tmp",
    ):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"In {name} stand words.")
    return folder


def _drop(page: Page, *paths: Path, marked: bool = True) -> None:
    """Drop files and folders on the view as the system does, from outside of the browser."""
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 600, "y": 300, "data": data})
        if kind == "dragOver" and marked:
            expect(page.locator(".dropping")).to_have_count(1)
