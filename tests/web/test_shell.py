"""The frame around the views: palette, theme, language, drawer, panel, focus."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.api.uploads import call
from tests.api.whole import Whole
from tests.web.browsing import watched
from tests.web.chatting import answered

PHONE = {"width": 390, "height": 780}


@pytest.fixture
def phone(browser: Browser, server: Whole) -> Iterator[Page]:
    """The page on a phone."""
    with watched(browser, server.url, viewport=PHONE, has_touch=True, is_mobile=True) as page:
        page.goto("/")
        yield page


def test_the_palette_does_everything_by_keys(page: Page) -> None:
    answered(page, "Hello", "You said: Hello")
    page.keyboard.press("Control+k")
    palette = page.get_by_role("combobox")
    expect(palette).to_be_focused()
    expect(page.get_by_role("option", name="New chat")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowUp")  # the last one
    expect(page.get_by_role("option").last).to_have_attribute("aria-selected", "true")
    page.keyboard.type("lib")
    expect(page.get_by_role("option").first).to_have_text("Library")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#/library$"))
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    page.keyboard.press("Control+k")
    page.keyboard.type("hello")
    page.keyboard.press("Enter")
    expect(page.locator(".message")).to_have_count(2)
    page.keyboard.press("Control+k")
    page.keyboard.type("nothing of the kind")
    expect(page.get_by_text("Nothing fits.")).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(palette).to_have_count(0)
    expect(page.get_by_label("Ask something")).to_be_focused()


def test_the_palette_chooses_a_role(page: Page, server: Whole) -> None:
    name = call(server, "GET", "/api/kernel2/roles").json()["data"][0]["name"]
    expect(page.get_by_role("button", name="Role: No role")).to_be_visible()
    page.keyboard.press("Control+k")
    page.keyboard.type(name)
    page.get_by_role("option", name=name, exact=True).first.click()
    expect(page.get_by_role("button", name=f"Role: {name}")).to_be_visible()


def test_the_theme_is_the_systems_or_the_chosen_one(page: Page) -> None:
    body, light, dark = page.locator("body"), "rgb(253, 252, 250)", "rgb(21, 25, 23)"
    expect(body).to_have_css("background-color", light)
    page.emulate_media(color_scheme="dark")
    expect(body).to_have_css("background-color", dark)
    page.get_by_role("button", name="Theme and language").click()
    page.get_by_role("menuitemradio", name="Light").click()
    expect(body).to_have_css("background-color", light)
    page.reload()
    expect(body).to_have_css("background-color", light)
    page.get_by_role("button", name="Theme and language").click()
    expect(page.get_by_role("menuitemradio", name="Light")).to_be_focused()


def test_the_language_is_the_browsers_or_the_chosen_one(browser: Browser, server: Whole) -> None:
    with watched(browser, server.url, locale="zh-CN") as page:
        page.goto("/")
        expect(page.get_by_role("button", name="新对话")).to_be_visible()
        expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
        answered(page, "你好", "You said: 你好")
        page.get_by_role("button", name="主题与语言").click()
        page.get_by_role("menuitemradio", name="English").click()
        expect(page.get_by_role("button", name="New chat")).to_be_visible()
        expect(page.locator(".message").last.get_by_role("button", name="Answer again")).to_be_visible()
        page.reload()
        expect(page.locator("html")).to_have_attribute("lang", "en")


def test_the_sidebar_is_a_drawer_on_a_phone(phone: Page) -> None:
    new = phone.get_by_role("button", name="New chat")
    expect(new).to_be_hidden()
    phone.get_by_role("button", name="Show conversations").click()
    expect(new).to_be_focused()
    expect(phone.locator("#main")).to_have_attribute("inert", "")
    phone.keyboard.press("Escape")
    expect(new).to_be_hidden()
    expect(phone.get_by_role("button", name="Show conversations")).to_be_focused()
    phone.get_by_role("button", name="Show conversations").click()
    phone.get_by_role("link", name="Help").click()
    expect(new).to_be_hidden()


@pytest.mark.parametrize("view", ["", "library", "roles", "status", "help"])
def test_nothing_is_wider_than_a_narrow_phone(browser: Browser, server: Whole, view: str) -> None:
    """320 pixels: WCAG's reflow."""
    with watched(browser, server.url, viewport={"width": 320, "height": 640}) as page:
        page.goto(f"/#/{view}")
        if view:
            expect(page.get_by_role("heading", level=1)).to_be_visible()
        else:
            answered(page, "!say ```text\\n" + 300 * "x" + "\\n```\\n" + 200 * "y", re.compile("xx"))
        assert page.evaluate("document.querySelector('#main').scrollWidth <= document.querySelector('#main').clientWidth")
        assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_the_sidebar_can_be_folded_away(page: Page) -> None:
    page.get_by_role("button", name="Hide conversations").click()
    expect(page.get_by_role("button", name="New chat")).to_be_hidden()
    page.reload()
    expect(page.get_by_role("button", name="New chat")).to_be_hidden()


def test_one_can_skip_to_the_content(page: Page) -> None:
    expect(page.locator("#question")).to_be_focused()
    page.evaluate("document.body.tabIndex = -1, document.body.focus(), document.body.removeAttribute('tabindex')")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    expect(page).to_have_url(re.compile("/$"))


def test_an_unknown_address_is_a_new_chat(page: Page) -> None:
    page.goto("/#/nowhere/at/all")
    expect(page.get_by_label("Ask something")).to_be_visible()
    page.goto("/#/c/nothing")
    expect(page.get_by_role("heading", name="This conversation is not here")).to_be_visible()


def test_a_view_that_an_upgrade_took_away_is_fetched_by_loading_the_page_anew(page: Page) -> None:
    page.route("**/library/view.js", lambda route: route.fulfill(status=404), times=1)
    with page.expect_event("load"):
        page.get_by_role("link", name="Library").click()
    expect(page.get_by_role("heading", name="Library", level=1)).to_be_visible()


def test_a_view_that_does_not_come_at_all_is_told_and_tried_again(page: Page) -> None:
    page.route("**/roles/view.js", lambda route: route.fulfill(status=404))
    with page.expect_event("load"):
        page.get_by_role("link", name="Roles").click()
    expect(page.get_by_role("alert")).to_contain_text("could not be loaded")
    page.unroute("**/roles/view.js")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="Roles", level=1)).to_be_visible()


def test_a_page_without_storage_is_loaded_anew_only_once_too(page: Page) -> None:
    page.add_init_script("""
        const denied = { get() { throw new DOMException("denied", "SecurityError"); } };
        Object.defineProperty(window, "sessionStorage", denied);
    """)
    page.route("**/roles/view.js", lambda route: route.fulfill(status=404))
    page.goto("/#/help")
    page.get_by_role("link", name="Roles").click()
    expect(page.get_by_role("alert")).to_contain_text("could not be loaded")


def test_without_a_server_the_page_stays(page: Page) -> None:
    page.route("**/status/view.js", lambda route: route.abort())
    page.route("**/livez", lambda route: route.abort())
    page.get_by_role("link", name="Status").click()
    expect(page.get_by_role("alert")).to_contain_text("the server does not answer")
    page.unroute_all()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="Status", level=1)).to_be_visible()


def test_a_key_that_is_not_good_is_asked_for_again(page: Page) -> None:
    refused = {"success": False, "message": "No key.", "code": 401, "error": {"code": "invalid_api_key"}}
    page.route("**/api/kernel2/roles", lambda route: route.fulfill(status=401, json=refused))
    page.goto("/#/roles")
    secret = page.get_by_label("API key")
    for _ in range(2):
        secret.fill("mk_not_good")
        page.get_by_role("button", name="Use it").click()
        expect(secret).to_have_value("")  # another dialog


def test_a_key_that_is_not_given_is_asked_for_again_when_one_goes_on_and_not_before(page: Page) -> None:
    refused = {"success": False, "message": "No key.", "code": 401, "error": {"code": "invalid_api_key"}}
    page.route("**/api/kernel2/roles", lambda route: route.fulfill(status=401, json=refused))
    page.goto("/#/roles")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("This server asks for a key")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.evaluate("document.dispatchEvent(new CustomEvent('mecum:key'))")  # as a look at the state by itself would
    expect(dialog).to_have_count(0)
    page.goto("/#/help")
    page.goto("/#/roles")
    expect(dialog).to_contain_text("This server asks for a key")
