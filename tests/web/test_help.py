"""Help and the first start: what an empty chat offers, and calls that work as they stand on the page."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.api.people import ANN, People, people
from tests.api.whole import Whole
from tests.web.axe import violations
from tests.web.browsing import watched
from tests.web.library import DIARY, add, clear, fits, paths
from tests.web.tabs import page as page  # noqa: PLC0414 # fixtures
from tests.web.tabs import tab as tab  # noqa: PLC0414


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    """A server that asks for a key."""
    with people(tmp_path_factory.mktemp("keys") / "home") as known:
        yield known


@pytest.fixture
def closed(browser: Browser, known: People) -> Iterator[Page]:
    """A tab of somebody who has given the page ann's key."""
    with watched(browser, known.server.url, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.add_init_script(f"localStorage.setItem('mecum.key', '{known.keys[ANN]}')")
        page.goto("/#/help")
        expect(page.get_by_role("heading", name="Call this server")).to_be_visible()
        yield page


# ---- the first start


def test_an_empty_library_is_filled_from_the_chat(page: Page, server: Whole) -> None:
    clear(server)
    page.reload()
    expect(page.get_by_text("Drop files or folders here, and ask about them.")).to_be_visible()
    assert page.locator(".try strong").all_inner_texts() == ["Have something explained", "Draft a text", "Make a plan"]
    page.locator("#files").set_input_files({"name": "diary.md", "mimeType": "text/plain", "buffer": DIARY.encode()})
    expect(page.get_by_role("heading", name="Library")).to_be_visible()
    expect(page.locator("#added")).to_contain_text("Ready")
    assert paths(server) == ["diary.md"]


def test_three_things_to_try_are_written_and_not_sent(page: Page, server: Whole) -> None:
    add(server, {"path": "diary.md", "text": DIARY})
    page.reload()
    expect(page.get_by_text("One document is in your library.")).to_be_visible()
    assert page.locator(".try strong").all_inner_texts() == ["Ask your documents", "Get an overview", "Draft a text"]
    page.get_by_role("button", name="Get an overview").click()
    box = page.get_by_label("Ask something")
    expect(box).to_have_value("Which topics do my documents cover? Name the documents.")
    expect(box).to_be_focused()
    expect(page.locator(".message")).to_have_count(0)


# ---- the calls


def test_the_question_mark_opens_it_but_not_where_one_writes(page: Page) -> None:
    page.get_by_label("Ask something").fill("")  # another test's draft
    page.get_by_label("Ask something").press("?")
    expect(page.get_by_label("Ask something")).to_have_value("?")
    page.locator("#main").focus()
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Call this server")).to_be_visible()
    expect(page.locator("#view")).to_contain_text("This server asks for no key now")
    assert "MECUM_KEY" not in page.locator("#view").inner_text()


def test_the_calls_work_as_they_stand(page: Page, server: Whole, tmp_path: Path) -> None:
    page.goto("/#/help")
    _works(page, {}, tmp_path)
    assert set(paths(server)) >= {"notes.md", "report.pdf"}


def test_the_calls_work_with_the_key_in_its_variable(closed: Page, known: People, tmp_path: Path) -> None:
    _works(closed, {"MECUM_KEY": known.keys[ANN]}, tmp_path)


def _works(page: Page, variables: dict[str, str], where: Path) -> None:
    """Paste the calls into a shell."""
    expect(page.locator(".call")).to_have_count(4)
    curl, python, _, documents = page.locator(".call pre").all_inner_texts()
    environment = {"PATH": os.environ["PATH"], "HOME": str(where), **variables}
    (where / "notes.md").write_text("# Notes\n\nThe boiler.")
    (where / "report.pdf").write_bytes(b"%PDF-1.4")
    assert _run([sys.executable, "-c", python], environment, where).startswith("You said:")
    if shutil.which("curl"):
        assert '"You said: When does the warranty of the boiler end?"' in _run(["sh", "-c", curl], environment, where)
        assert '"path":"notes.md"' in _run(["sh", "-c", documents], environment, where)


def test_the_key_is_never_on_the_page_and_is_copied_when_asked(closed: Page, known: People) -> None:
    key = known.keys[ANN]
    expect(closed.locator("#view")).to_contain_text("This server asks for a key.")
    assert key not in closed.content()
    closed.get_by_role("button", name="Copy: curl").click()
    expect(closed.locator("#toasts")).to_contain_text("Copied.")
    assert 'Authorization: Bearer $MECUM_KEY"' in closed.evaluate("navigator.clipboard.readText()")
    closed.get_by_role("button", name="Copy with my key: Python, openai").click()
    expect(closed.locator("#toasts .toast")).to_have_count(2)
    assert f'api_key="{key}"' in closed.evaluate("navigator.clipboard.readText()")
    assert key not in closed.content()


def test_it_is_accessible_and_fits_a_phone(browser: Browser, server: Whole) -> None:
    clear(server)
    with watched(browser, server.url, locale="zh-CN", viewport={"width": 360, "height": 740}) as page:
        page.goto("/#/help")
        expect(page.get_by_role("heading", name="调用此服务器")).to_be_visible()
        fits(page)
        assert violations(page) == []
        page.goto("/#/")
        expect(page.get_by_text("添加你的文档")).to_be_visible()
        fits(page)
        assert violations(page) == []


def _run(command: list[str], environment: dict[str, str], where: Path) -> str:
    done = subprocess.run(command, env=environment, cwd=where, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
