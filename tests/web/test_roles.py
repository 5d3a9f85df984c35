"""Roles: made, changed, switched, removed; two beside each other."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Request, expect
from tests.api.uploads import call, data
from tests.api.whole import Whole
from tests.web.axe import violations
from tests.web.browsing import watched
from tests.web.library import DIARY, HOSTILE, QUESTION, add, fits, is_text
from tests.web.tabs import page as page  # noqa: PLC0414 # fixtures
from tests.web.tabs import tab as tab  # noqa: PLC0414

ROLES = "/api/kernel2/roles"


@pytest.fixture
def view(page: Page) -> Page:
    """The list."""
    page.goto("/#/roles")
    expect(card(page, "Librarian")).to_be_visible()
    return page


def card(page: Page, name: str) -> Locator:
    """A role in the list."""
    return page.locator(".role").filter(has=page.get_by_role("heading", name=name, exact=True))


def stored(server: Whole, name: str) -> dict[str, Any] | None:
    """A role as the server has it."""
    return next((role for role in data(call(server, "GET", ROLES)) if role["name"] == name), None)


def choose(page: Page, name: str, action: str) -> None:
    """Choose something of a role's menu."""
    page.get_by_role("button", name=f"More for {name}", exact=True).click()
    page.get_by_role("menuitem", name=action).click()


# ---- one


def test_a_role_is_made_with_all_that_it_has(view: Page, server: Whole) -> None:
    add(server, {"path": "a.txt", "text": "one", "collection": "garden"}, {"path": "b.txt", "text": "two"})
    view.get_by_role("button", name="New role").click()
    view.get_by_label("Name").fill("Gardener")
    view.get_by_label("Icon").fill("🌱")
    view.get_by_label("Description").fill("Knows the garden.")
    view.get_by_label("System prompt").fill("You are a gardener.\nBe brief.")
    view.get_by_label("Model").select_option("scripted")
    view.get_by_label("Temperature").fill("0,4")
    view.get_by_label("garden").check()
    view.get_by_role("button", name="Create the role").click()
    made = card(view, "Gardener")
    expect(made).to_contain_text("Documents: garden")
    expect(made).to_contain_text("Temperature 0.4")
    role = stored(server, "Gardener")
    assert role
    assert (
        role
        | {
            "icon": "🌱",
            "description": "Knows the garden.",
            "system_prompt": "You are a gardener.\nBe brief.",
            "model": "scripted",
            "temperature": 0.4,
            "collections": ["garden"],
        }
        == role
    )


def test_what_is_wrong_is_said_at_its_field(view: Page, server: Whole) -> None:
    view.get_by_role("button", name="New role").click()
    view.get_by_role("button", name="Create the role").click()
    name, temperature = view.get_by_label("Name"), view.get_by_label("Temperature")
    expect(name).to_be_focused()
    expect(name).to_have_accessible_description("Give it a name.")
    name.fill("Editor")
    temperature.fill("9")
    view.get_by_role("button", name="Create the role").click()
    expect(temperature).to_be_focused()  # the server's own words
    expect(temperature).to_have_attribute("aria-invalid", "true")
    expect(view.locator("#temperature-fault")).to_have_text("temperature must be a number from 0 to 2.")
    temperature.fill("warm")
    view.get_by_role("button", name="Create the role").click()
    expect(view.locator("#temperature-fault")).to_contain_text("a number from 0 to 2")
    temperature.fill("")
    view.get_by_role("button", name="Create the role").click()
    expect(name).to_be_focused()
    expect(view.locator("#name-fault")).to_contain_text("There is a role of this name already.")
    assert sum(role["name"] == "Editor" for role in data(call(server, "GET", ROLES))) == 1


def test_it_is_changed_and_only_in_what_was_changed(view: Page, server: Whole) -> None:
    poet = {"name": "Poet", "temperature": 1.2, "model": "gone-1b", "collections": ["lost"]}
    before = data(call(server, "POST", ROLES, poet))
    view.reload()
    view.get_by_role("link", name="Edit Poet").click()
    expect(view.get_by_label("Model")).to_have_value("gone-1b")  # though there is no such model here
    expect(view.get_by_label("lost")).to_be_checked()
    data(call(server, "PATCH", f"{ROLES}/{before['uuid']}", {"description": "Changed elsewhere."}))
    view.get_by_label("System prompt").fill("Write in verse.")
    view.get_by_label("Temperature").fill("")
    view.get_by_role("button", name="Save").click()
    expect(card(view, "Poet")).to_contain_text("Changed elsewhere.")
    role = stored(server, "Poet")
    assert role
    changed = {"system_prompt": "Write in verse.", "temperature": None, "model": "gone-1b", "collections": ["lost"]}
    assert role | changed == role


def test_what_was_typed_outlives_a_reload(view: Page) -> None:
    view.get_by_role("button", name="New role").click()
    view.get_by_label("System prompt").fill("A long prompt that took an hour.")
    view.reload()
    expect(view.get_by_text("What you had typed and not saved is here again.")).to_be_visible()
    expect(view.get_by_label("System prompt")).to_have_value("A long prompt that took an hour.")
    view.get_by_role("button", name="Cancel").click()
    view.get_by_role("button", name="New role").click()
    expect(view.get_by_label("System prompt")).to_have_value("")


def test_it_is_switched_off_copied_removed_and_brought_back(view: Page, server: Whole) -> None:
    role = data(call(server, "POST", ROLES, {"name": "Clerk", "system_prompt": "Be exact."}))
    view.reload()
    choose(view, "Clerk", "Switch off")
    expect(card(view, "Clerk")).to_contain_text("Switched off")
    expect(view.get_by_role("button", name="Chat with Clerk")).to_be_disabled()
    choose(view, "Clerk", "Duplicate")
    choose(view, "Clerk", "Duplicate")
    expect(card(view, "Clerk (copy) 2")).to_be_visible()
    choose(view, "Clerk", "Delete")
    view.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(card(view, "Clerk")).to_have_count(0)
    view.get_by_role("button", name="Undo").click()
    expect(card(view, "Clerk")).to_be_visible()
    again = stored(server, "Clerk")
    assert again
    assert (again["uuid"], again["system_prompt"], again["is_active"]) == (role["uuid"], "Be exact.", False)


def test_a_chat_begins_with_it(view: Page) -> None:
    view.get_by_role("button", name="Chat with Tutor").click()
    with view.expect_request("**/api/kernel2/chat") as sent:
        view.get_by_label("Ask something").fill("Hello")
        view.keyboard.press("Enter")
    assert sent.value.post_data_json["metadata"]["role_id"]


def test_hostile_roles_are_text(view: Page, server: Whole) -> None:
    svg = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' onload='parent.pwned=1'><image href='/pwned'/></svg>"
    foreign = (f"data:text/html,{HOSTILE}", "javascript:window.pwned=1", "https://example.com/x.png", "\N{SEEDLING}" * 40)
    for number, icon in enumerate((svg, *foreign)):
        role = {"name": f"{HOSTILE}{number}", "description": f"<b class=planted>{HOSTILE}", "icon": icon, "model": HOSTILE}
        data(call(server, "POST", ROLES, role))
    view.reload()
    expect(card(view, f"{HOSTILE}0").locator("img")).to_have_attribute("src", svg)
    expect(card(view, f"{HOSTILE}4")).to_contain_text("<b class=planted>")
    expect(view.locator(".role img")).to_have_count(1)
    view.get_by_role("link", name=f"Edit {HOSTILE}1").click()
    expect(view.get_by_role("heading", level=1)).to_have_text(f"{HOSTILE}1")
    is_text(view)


# ---- two


def test_two_answer_beside_each_other(view: Page, server: Whole) -> None:
    add(server, {"path": "diary.md", "text": DIARY})
    view.get_by_role("button", name="Try side by side").click()
    left, right = view.get_by_label("Side A"), view.get_by_label("Side B")
    left.get_by_label("Role").select_option("Librarian")
    right.get_by_label("Role").select_option("")
    expect(left.get_by_label("Look into my documents")).to_be_checked()
    expect(right.get_by_label("Look into my documents")).not_to_be_checked()
    asked: list[Request] = []

    def take(request: Request) -> None:
        asked.append(request)

    view.on("request", take)
    view.get_by_label("Question to both").fill(f"{QUESTION}\n!say **So** it was. [1]")
    view.get_by_role("button", name="Ask both").click()
    expect(left.get_by_role("button", name="From your documents · 1 source")).to_be_visible()
    expect(right.locator(".answer strong")).to_have_text("So")
    expect(right.locator(".badge")).to_have_count(0)
    expect(right).to_contain_text("scripted")
    left.locator(".citation").click()
    expect(view.locator("#panel .cited")).to_contain_text("Tom dug the hole.")
    bodies = [request.post_data_json for request in asked if request.url.endswith("/chat")]
    assert sorted("role_id" in body["metadata"] for body in bodies) == [False, True]


def test_both_are_stopped_and_a_refusal_is_said(view: Page) -> None:
    view.goto("/#/roles/compare")
    view.get_by_label("Question to both").fill("!say Begun\n!wait 30")
    view.keyboard.press("Enter")
    expect(view.locator(".answer").first).to_contain_text("Begun")
    view.get_by_role("button", name="Stop").click()
    expect(view.get_by_text("Stopped.")).to_have_count(2)
    expect(view.locator(".answer").first).to_contain_text("Begun")
    view.get_by_label("Question to both").fill("!refuse 503")
    view.keyboard.press("Enter")
    expect(view.locator(".side [role=alert]")).to_have_count(2)
    view.get_by_label("Question to both").fill("!say Half\n!break")
    view.keyboard.press("Enter")
    expect(view.locator(".side").first).to_contain_text("broke off")
    expect(view.locator(".answer").first).to_contain_text("Half")


# ---- whoever looks at it


def test_they_are_accessible_and_fit_a_phone(browser: Browser, server: Whole) -> None:
    add(server, {"path": "a.txt", "text": "one", "collection": "garden"})
    with watched(browser, server.url, locale="zh-CN", viewport={"width": 360, "height": 740}) as page:
        page.goto("/#/roles")
        for path, heading in (("#/roles", "角色"), ("#/roles/new", "新建角色"), ("#/roles/compare", "并排试用")):
            page.goto(f"/{path}")
            expect(page.get_by_role("heading", level=1)).to_have_text(heading)
            fits(page)
            assert violations(page) == [], path
