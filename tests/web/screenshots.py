"""`python -m tests.web.screenshots`: the pictures of `docs/screenshots`, each view in light, dark, and on a phone.

The server is the program with the scripted engine, whose answers to the two questions are written here: what it found in the
documents is real, so are its citations. Times and figures differ from run to run, and nothing else does.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, Route, expect
from tests.api.uploads import call
from tests.api.whole import Whole, whole
from tests.web.browsing import browsing
from tests.web.pictures import save

FOLDER: Final = Path(__file__).parents[2] / "docs" / "screenshots"
LOOKS: Final[dict[str, dict[str, Any]]] = {
    "light": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 780}, "color_scheme": "light", "has_touch": True, "is_mobile": True},
}
DOCUMENTS: Final = {
    "diary/harvest-1987.md": """# Harvest of 1987

The frost in the second week of May took most of the blossom on the upper slope. We picked 14 hundredweight, less than a
third of the year before.

## What we learned

The lower rows, which had been covered with straw, kept their fruit. From now on straw is bought in April.""",
    "diary/harvest-1988.md": "# Harvest of 1988\n\nNo frost after the tenth of April. 51 hundredweight, of good sugar.",
    "letters/cooperative.md": """# Letter to the cooperative

After the frost of May 1987 we ask for our share of the straw in good time: the harvest was a third of the usual one.""",
    "house/boiler.md": "# Boiler\n\nService every September. The filter is behind the lower cover; the pressure is 1.6 bar.",
}
QUESTION: Final = "Why was the harvest of 1987 bad?"
ANSWER: Final = """The **frost in the second week of May** took most of the blossom on the upper slope, so only 14 \
hundredweight were picked, less than a third of the year before [HARVEST].

| year | frost | hundredweight |
|---|---|--:|
| 1987 | second week of May | 14 |
| 1988 | none after 10 April | 51 |

The lower rows, which were covered with straw, kept their fruit. Since then straw is bought in April [HARVEST], and the \
cooperative was asked for its share in good time [LETTER]."""
CODE_QUESTION: Final = "How do I compute compound interest?"
CODE_ANSWER: Final = r"""With a yearly rate $r$ and $n$ payments a year, a sum $P$ grows in $t$ years to

$$
A = P\left(1 + \frac{r}{n}\right)^{nt}
$$

```python
def compound(principal: float, rate: float, years: int, payments: int = 12) -> float:
    # what a sum is worth in the end
    return principal * (1 + rate / payments) ** (payments * years)


print(f"{compound(1_000, 0.04, 10):.2f}")  # 1490.83
```

- The more often interest is paid, the more it earns.
- With $n \to \infty$ it becomes $A = Pe^{rt}$."""


def answer(route: Route, text: str) -> None:
    """Answer with a text in place of the scripted engine's; what was found is the server's own."""
    told = route.fetch().body().decode()
    first = json.loads(told.split("\n\n")[0].removeprefix("data: "))
    named = {"HARVEST": "Harvest of 1987", "LETTER": "Letter to the cooperative"}
    found = []
    for name, title in named.items():
        for one in (one for one in first.get("sources", []) if one["title"] == title):
            text = text.replace(name, str(one["index"]))
            found.append({"type": "url_citation", "url_citation": {"url": one["url"]}})
    head = {key: first[key] for key in ("id", "object", "created", "model", "system_fingerprint")}
    parts = [{"content": piece} for piece in text.split(" ")]
    deltas = [{"content": f"{part['content']} "} for part in parts] + [{"annotations": found} if found else {}]
    events = [first, *({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas)]
    events[-1]["choices"][0]["finish_reason"] = "stop"
    events[-1]["usage"] = {"prompt_tokens": 412, "completion_tokens": len(parts)}
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    route.fulfill(status=200, content_type="text/event-stream; charset=utf-8", body=body)


def ask(page: Page, question: str, text: str) -> None:
    """Ask, and wait for that answer."""
    page.route("**/api/kernel2/chat", lambda route: answer(route, text))
    page.locator("#question").fill(question)
    page.locator("#send").click()
    expect(page.locator(".message").last).to_have_attribute("aria-busy", "false")
    page.unroute("**/api/kernel2/chat")


def shoot(page: Page, name: str) -> None:
    """Take one picture, once nothing moves."""
    page.wait_for_timeout(400)
    browser = page.context.browser
    assert browser
    save(browser, page.screenshot(scale="css", caret="hide"), FOLDER / f"{name}.png")


def look(browser: Browser, server: Whole, name: str) -> None:
    """Take the pictures of one look."""
    context = browser.new_context(base_url=server.url, locale="en-GB", reduced_motion="reduce", **LOOKS[name])
    page = context.new_page()
    page.goto("/")
    expect(page.get_by_role("button", name="My documents", exact=True)).to_be_visible()
    shoot(page, f"start-{name}")
    page.get_by_role("button", name="My documents", exact=True).click()
    ask(page, CODE_QUESTION, CODE_ANSWER)
    expect(page.locator(".hljs-keyword").first).to_be_attached()
    shoot(page, f"markdown-{name}")
    page.goto("/#/")
    expect(page.get_by_role("button", name="My documents", exact=True)).to_be_visible()
    ask(page, QUESTION, ANSWER)
    page.locator(".message").last.hover()
    if name == "phone":
        shoot(page, f"chat-{name}")
    page.locator(".citation").first.click()
    expect(page.locator("#panel .cited")).to_be_visible()
    shoot(page, f"sources-{name}" if name == "phone" else f"chat-{name}")
    for view in ("library", "roles", "status", "help"):
        page.goto(f"/#/{view}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        shoot(page, f"{view}-{name}")
    more(page, name)
    context.close()


def more(page: Page, name: str) -> None:
    """Search in the library, a document at a passage of it, two roles side by side, a role that is edited."""
    page.goto("/#/library")
    page.locator("#search").fill(QUESTION)
    page.locator("#search").press("Enter")
    page.locator(".hit-title").first.click()
    expect(page.locator("#panel .cited")).to_be_visible()
    shoot(page, f"search-{name}")
    page.get_by_role("link", name="Open the document").click()
    expect(page.locator("#document .cited")).to_be_visible()
    shoot(page, f"document-{name}")
    page.goto("/#/roles/compare")
    page.route("**/api/kernel2/chat", lambda route: answer(route, ANSWER))
    page.locator("#question").fill(QUESTION)
    page.get_by_role("button", name="Ask both").click()
    expect(page.get_by_role("button", name="From your documents").first).to_be_visible()
    page.unroute("**/api/kernel2/chat")
    shoot(page, f"compare-{name}")
    page.goto("/#/roles")
    page.get_by_role("link", name="Edit").first.click()
    expect(page.get_by_label("System prompt")).to_be_visible()
    shoot(page, f"role-{name}")


def main() -> None:
    """Take them all anew."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home, whole(Path(home) / "home") as server, browsing() as browser:
        documents = [{"path": path, "text": text} for path, text in DOCUMENTS.items()]
        added = call(server, "POST", "/api/documents?wait=ready", {"documents": documents})
        assert added.status in (200, 202), added.body
        for name in LOOKS:
            look(browser, server, name)


if __name__ == "__main__":
    main()
