"""Status: the banner over every view, and the view. The server is real; what its engine says of itself is the test's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.api.people import People, people
from tests.api.server import Running, serving, wait_until
from tests.api.uploads import call
from tests.api.whole import Whole
from tests.clients.server import Server
from tests.clients.server import serving as serve
from tests.engine.fakes import ALL, fake_home
from tests.web.axe import violations
from tests.web.browsing import watched
from tests.web.chatting import ask, text
from tests.web.library import add, fits

from mecum.engine.base import State, Status


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    """A server in this process, whose engine can be told to be in any state."""
    with serving() as running:
        yield running


@pytest.fixture
def tab(browser: Browser, running: Running) -> Iterator[Page]:
    """A tab at the status."""
    with watched(browser, running.url) as page:
        page.goto("/#/status")
        expect(page.locator(".status-state")).to_have_text("Ready")
        yield page


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    """A server that asks for a key."""
    with people(tmp_path_factory.mktemp("keys") / "home") as known:
        yield known


def put(running: Running, state: State, reason: str | None = None) -> None:
    """Make the engine say that it is in a state."""
    models = running.engine.status().models
    running.engine.status = lambda: Status(state=state, kind="embedded", models=models, reason=reason)  # type: ignore[method-assign]


def test_the_banner_says_what_is_wrong_until_it_is_well_again(tab: Page, running: Running) -> None:
    banner = tab.locator("#banner")
    expect(banner).to_be_empty()
    try:
        for state, reason, words in (
            (
                "starting",
                "Loading qwen (2 of 4 GB).",
                "The model is being loaded. Questions wait for it. Loading qwen (2 of 4 GB).",
            ),
            ("restarting", None, "The engine broke off and starts anew."),
            ("failed", "<img src=x onerror=window.pwned=1>", "The engine does not run. <img src=x onerror=window.pwned=1>"),
        ):
            put(running, state, reason)
            _look(tab)
            expect(banner).to_contain_text(words)
        expect(tab.locator(".status-state")).to_contain_text("Failed")
        expect(banner.get_by_role("link", name="Status")).to_be_visible()
        assert tab.evaluate("window.pwned") is None
        assert violations(tab) == []
    finally:
        del running.engine.status
    expect(banner.locator(".banner-line")).to_have_count(0)  # it asks again by itself
    expect(banner).to_have_text("The server answers again.")  # for screen readers


def test_a_server_that_shuts_down_or_is_gone_is_said(browser: Browser) -> None:
    server = ExitStack()
    own = server.enter_context(serving())
    with server, watched(browser, own.url) as page:
        page.goto("/#/library")
        expect(page.get_by_text("No documents yet.")).to_be_visible()
        own.gate.close()
        _look(page)
        expect(page.locator("#banner")).to_contain_text("The server is shutting down.")
        server.close()
        _look(page)
        expect(page.locator("#banner")).to_contain_text("The server does not answer.")
        expect(page.get_by_role("button", name="Try again")).to_be_visible()


def test_it_tells_of_server_engine_models_queue_and_library(page: Page, server: Whole) -> None:
    add(server, {"path": "a.txt", "text": "one"}, {"path": "b.txt", "text": "two"})
    page.goto("/#/status")
    expect(page.locator(".status-state")).to_have_text("Ready")
    view = page.locator("#view")
    for words in (
        server.url.removeprefix("http://"),
        "0.1.0",
        "scripted, without a model",
        "8,192 tokens of context",
        "4 at once",
    ):
        expect(view).to_contain_text(words)
    facts = view.locator("dl").last
    expect(facts).to_contain_text("Documents2Passages2Search by meaningReady")


@pytest.fixture(scope="module")
def several() -> Iterator[Server]:
    """The program over several models, one of which cannot be loaded, and a program that behaves as llama.cpp does."""
    with fake_home("a", "b-q4_k_m", "dead-d", "slower-e", "slower-f") as home:
        engine = {"BINARY": home / "llama-server", "MODEL": "a", "MEMORY": ALL, "CONTEXT": 512}
        env = {f"MECUM_ENGINE_{name}": str(value) for name, value in engine.items()}
        with serve(home, env={**env, "MECUM_LIBRARY_EMBEDDER": "none"}) as server:
            yield server


def test_models_are_loaded_and_unloaded(browser: Browser, several: Server) -> None:
    with watched(browser, several.url) as page:
        page.goto("/#/status")
        models = {
            name: page.locator(".models > li").filter(has=page.get_by_text(name, exact=True))
            for name in ("a", "b", "dead-d")
        }
        expect(models["a"]).to_contain_text("DefaultLoaded")
        expect(models["b"]).to_contain_text("Not loaded")
        expect(models["b"]).to_contain_text("Q4_K_M")
        before = page.locator(".model-memory").inner_text()
        load = page.get_by_role("button", name="Load b")
        load.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Unload b")).to_be_enabled()
        expect(page.get_by_role("button", name="Unload b")).to_be_focused()
        expect(page.locator(".model-memory")).not_to_have_text(before)
        page.get_by_role("button", name="Load dead-d").click()
        expect(models["dead-d"]).to_contain_text("Failed")
        assert violations(page) == []
        page.get_by_role("button", name="Unload b").click()
        expect(models["b"]).to_contain_text("Not loaded")


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_how_far_a_model_is_while_it_loads(browser: Browser, several: Server, locale: str) -> None:
    named = {"en": "Loading slower-e", "zh-CN": "正在加载 slower-e"}[locale]
    press = {"en": ("Load slower-e", "Unload slower-e"), "zh-CN": ("加载 slower-e", "卸载 slower-e")}[locale]
    with watched(browser, several.url, locale=locale) as page:
        page.goto("/#/status")
        page.get_by_role("button", name=press[0], exact=True).click()
        shown = page.get_by_role("progressbar", name=named)
        expect(shown).to_be_visible()
        expect(page.locator(".model-share")).to_contain_text(re.compile(r"^\d+%, \d"))
        assert 0 < shown.evaluate("it => it.value") < 1
        assert violations(page) == []
        fits(page)
        expect(page.get_by_role("button", name=press[1], exact=True)).to_be_visible(timeout=20_000)
        expect(page.get_by_role("progressbar")).to_have_count(0)
        page.get_by_role("button", name=press[1], exact=True).click()
        expect(page.get_by_role("button", name=press[0], exact=True)).to_be_visible()


def test_the_chat_says_which_model_an_answer_waits_for(browser: Browser, several: Server) -> None:
    with watched(browser, several.url) as page:
        page.goto("/")
        page.get_by_role("button", name="Model: a").click()
        page.get_by_role("menuitemradio", name="slower-f").click()
        ask(page, "3 0.1")
        wait = page.locator(".model-wait")
        expect(wait).to_contain_text("The answer waits for slower-f, which is being loaded.")
        expect(wait.get_by_role("progressbar", name="Loading slower-f")).to_be_visible()
        assert violations(page) == []
        expect(text(page)).to_have_text("slower-f slower-f slower-f", timeout=20_000)
        expect(wait).to_have_count(0)
        ask(page, "2 0.1")
        expect(text(page)).to_have_text("slower-f slower-f")
        expect(wait).to_have_count(0)


def test_it_shows_the_queue(page: Page, server: Whole) -> None:
    page.goto("/#/status")
    working = page.locator("dt", has_text="At work").locator("+ dd")
    expect(working).to_have_text("0")
    page.evaluate(
        """() => void fetch("/api/kernel2/chat", {method: "POST", headers: {"Content-Type": "application/json"},
        body: JSON.stringify({messages: [{role: "user", content: "!wait 8"}]})})"""
    )
    wait_until(lambda: call(server, "GET", "/api/kernel2/health").json()["data"]["queue"]["working"] == 1, 5)
    _look(page)
    expect(working).to_have_text("1")


def test_it_does_not_ask_while_nobody_looks(tab: Page) -> None:
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.clock.install()
    _visible(tab, "hidden")
    asked.clear()
    tab.clock.run_for(60_000)
    assert [url for url in asked if url.endswith("/health")] == []
    _visible(tab, "visible")
    expect(tab.locator(".status-state")).to_have_text("Ready")
    assert [url for url in asked if url.endswith("/health")]


def test_a_key_for_chats_sees_the_models_without_their_buttons(browser: Browser, known: People) -> None:
    with watched(browser, known.server.url) as page:
        page.add_init_script(f"localStorage.setItem('mecum.key', '{known.keys['only chat']}')")
        page.goto("/#/status")
        expect(page.locator(".models > li")).to_contain_text("scriptedDefaultLoaded")
        expect(page.locator(".models button")).to_have_count(0)


def test_who_has_no_key_sees_the_state_alone(browser: Browser, known: People) -> None:
    with watched(browser, known.server.url) as page:
        page.goto("/#/status")
        page.get_by_role("dialog").get_by_role("button", name="Close").click()
        expect(page.locator(".status-state")).to_have_text("ReadyThis server tells more to those who have a key.")
        expect(page.locator("#view")).not_to_contain_text("scripted")


def test_it_is_accessible_and_fits_a_phone(browser: Browser, server: Whole) -> None:
    with watched(browser, server.url, locale="zh-CN", viewport={"width": 360, "height": 740}) as page:
        page.goto("/#/status")
        expect(page.locator(".status-state")).to_have_text("就绪")
        expect(page.get_by_text("打开资料库")).to_be_visible()
        fits(page)
        assert violations(page) == []


def _look(page: Page) -> None:
    """Let the page look now, as when somebody comes back to it."""
    _visible(page, "hidden")
    _visible(page, "visible")


def _visible(page: Page, state: str) -> None:
    page.evaluate(
        """(state) => {
        Object.defineProperty(document, "visibilityState", {value: state, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
        }""",
        state,
    )
