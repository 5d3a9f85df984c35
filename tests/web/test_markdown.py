"""Markdown of answers: drawn whole or piece by piece it is the same; code, tables, maths and citations; links and images."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.api.whole import Whole
from tests.web.browsing import watched
from tests.web.chatting import answered, ask, ended, last, text

SAMPLE: Final = r"""# Title

A paragraph with **bold**, `code` and
a second line of it
# not a heading of its paragraph

- one
- two

  still two
  - nested
- three

1. first
2. second
   ```python
   print("in a list")
   ```

```js
const open = "fence";

# no heading
```

| a | b |
|---|--:|
| 1 | 2 |

Setext
------

> quoted
goes on lazily

\[
\frac{a}{b}

c
\]

Maths: $x^2$, \(y\), and 5 $ are not $x.

$$
\sum_{i=1}^n i
$$

[1]: kept, for it is no definition

- [x] done
- [ ] to do

---
***bold and slanted***, ~~gone~~, a<br>b, H<sub>2</sub>O, <b onclick="x">no</b>

    indented code

The end [1] and [1, 2] but not `[1]` nor [9]."""
DRAW: Final = """async ([text, step, sources]) => {
  const app = document.querySelector("script[src$='app.js']").src;
  const { Prose } = await import(new URL("chat/markdown/prose.js", app));
  const element = document.createElement("div");
  const prose = new Prose(element);
  document.body.append(element);
  if (step) for (let end = 0; end < text.length; end += step) prose.show(text.slice(0, end), { comes: true, sources });
  prose.show(text, { sources });
  const settled = () => element.querySelectorAll(".maths:not(.unread)").length === element.querySelectorAll("math").length;
  const coloured = () => [...element.querySelectorAll(".language-js")].every((code) => code.querySelector(".hljs-keyword"));
  while (!settled() || !coloured()) await new Promise(requestAnimationFrame);
  element.remove();
  return element.innerHTML;
}"""
SOURCES: Final = [{"index": 1, "title": "Ada", "path": "ada.md"}, {"index": 2, "title": "Bee", "path": "bee.md"}]


@pytest.fixture(scope="module")
def easel(browser: Browser, server: Whole) -> Iterator[Page]:
    """A tab that only draws, which the tests share."""
    with watched(browser, server.url) as page:
        page.goto("/")
        yield page


def draw(page: Page, source: str, *, step: int = 0, sources: list[dict[str, Any]] | None = None) -> str:
    """Return the HTML of a text, drawn at once or in pieces of so many characters."""
    return str(page.evaluate(DRAW, [source, step, sources or []]))


def test_piece_by_piece_it_is_drawn_as_at_once(easel: Page) -> None:
    whole = draw(easel, SAMPLE, sources=SOURCES)
    for step in (1, 3, 7, 50):
        assert draw(easel, SAMPLE, step=step, sources=SOURCES) == whole, step


def test_what_it_is_drawn_as(easel: Page) -> None:
    html = draw(easel, SAMPLE, sources=SOURCES)
    assert "<h3>Title</h3>" in html  # the page has its own first headings
    assert '<td align="right">2</td>' in html
    assert html.count("<math") == 4
    assert html.count('class="citation"') == 4
    assert "5 $ are not $x" in html
    assert ": kept, for it is no definition" in html  # and its number a citation
    assert "☑" in html
    assert "a<br>b, H<sub>2</sub>O, &lt;b onclick=" in html
    assert 'data-source="2"' in html


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("[text](https://a.example/x)", "text (https://a.example/x)"),
        ("<https://a.example/x>", "https://a.example/x"),
        ("https://a.example/x", "https://a.example/x"),
        ("![a cat](https://a.example/cat.png)", "a cat (https://a.example/cat.png)"),
        ("[https://bank.example](https://thief.example)", "https://bank.example (https://thief.example)"),
    ],
)
def test_a_link_says_where_it_leads(easel: Page, source: str, shown: str) -> None:
    html = draw(easel, source)
    assert re.sub(r"<[^>]+>", "", html).strip() == shown
    link = re.search(r"<a [^>]+>", html)
    assert link
    assert 'rel="noopener noreferrer nofollow"' in link[0]
    assert 'target="_blank"' in link[0]
    assert "<img" not in html


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "/api/forget", "//a.example", "data:text/html,x", "file:///x", "#/c/x"]
)
def test_other_addresses_are_no_links(easel: Page, address: str) -> None:
    html = draw(easel, f"[text]({address}) ![x]({address})")
    assert "<a" not in html
    assert f"({address})" in html


def test_code_is_coloured_and_copied(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    answered(page, r"!say ```python\nif True:\n    print(1)\n```", re.compile("print"))
    expect(last(page).locator(".hljs-keyword")).to_have_text("if")
    last(page).get_by_role("button", name="Copy the code").click()
    expect(page.locator("#announcer")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == "if True:\n    print(1)"
    last(page).get_by_role("button", name="Copy", exact=True).click()
    page.wait_for_function("async () => (await navigator.clipboard.readText()).startsWith('```python')")


def test_libraries_come_when_they_are_needed(page: Page) -> None:
    page.reload(wait_until="networkidle")
    loaded: list[str] = page.evaluate("performance.getEntriesByType('resource').map(({name}) => name)")
    assert [name for name in loaded if "marked" in name]
    assert not [name for name in loaded if re.search("highlight.min|temml|zh", name)]


def test_a_formula_that_cannot_be_read_stays_as_it_is(page: Page) -> None:
    answered(page, r"!say See $\frac{1}$ and $x$", re.compile("and"))
    expect(last(page).locator(".maths.unread")).to_have_text(r"\frac{1}")
    expect(last(page).locator("math")).to_have_count(1)


def test_hostile_maths_and_code_make_nothing_else(easel: Page) -> None:
    """TeX that asks for links, images or styles; a language that is no name."""
    tex = [
        r"\href{javascript:alert(1)}{x}",
        r"\includegraphics{http://127.0.0.1:1/x}",
        r"\class{x}{y}",
        r"\style{color:red}{y}",
    ]
    tex += [r"\def\x{\x\x}\x", r"\text{<img src=x>}", r"\toggle{a}{b}", r"\url{http://a.example}"]
    html = draw(easel, "\n\n".join(f"${one}$" for one in tex) + '\n\n```"><img src=x onerror=alert(1)>\ncode\n```')
    names = set(re.findall(r"<([a-z][\w-]*)", html))
    assert not names & {"a", "img", "style", "script", "mglyph", "maction", "annotation-xml"}
    attributes = set(re.findall(r' ([\w-]+)="[^"]*"', html))
    assert not {name for name in attributes if name.startswith("on")} | attributes & {"style", "href", "src"}


def test_every_script_has_its_direction(page: Page) -> None:
    answered(page, "!say مرحبا بالعالم", "مرحبا بالعالم")
    expect(text(page)).to_have_css("direction", "rtl")
    ask(page, "!say 你好,世界")
    ended(page)
    expect(text(page)).to_have_css("direction", "ltr")


def test_a_long_answer_is_drawn_block_by_block(easel: Page) -> None:
    """What is finished is not touched again, or a long answer would get slower and slower."""
    found = easel.evaluate(
        """async () => {
        const app = document.querySelector("script[src$='app.js']").src;
        const { Prose } = await import(new URL("chat/markdown/prose.js", app));
        const element = document.createElement("div");
        const prose = new Prose(element);
        let removed = 0, text = "";
        const count = (all) => all.forEach((one) => (removed += one.removedNodes.length));
        new MutationObserver(count).observe(element, {childList: true});
        for (let number = 0; number < 200; number++) {
          text += `Paragraph ${number} of many.\\n\\n`;
          prose.show(text, {comes: true});
        }
        await new Promise((done) => setTimeout(done));
        return { removed, blocks: element.children.length };
        }"""
    )
    assert found == {"removed": 0, "blocks": 200}
