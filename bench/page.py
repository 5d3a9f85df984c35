"""`python -m bench.page`: what the page costs a browser: its first load, and a conversation of 2,000 messages.

A fresh Chromium without a window loads the page from `mecum serve --demo`; bytes are those on the wire. The conversation is
put into the browser's own storage, opened, scrolled from its end to its beginning, and answered in at the end: 600 pieces,
one each 10 ms. Frames are counted by the page (`requestAnimationFrame`), tasks of the main thread by Chromium's own trace:
how long each took and, which tells more where other programs take the machine, how long it computed.
Needs Chromium and the tests' packages (`make test` sets them up). Without a GPU, drawing takes the same two cores.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, expect
from tests.clients.server import serving
from tests.web.browsing import browsing

from bench.report import figure, machine, median, percentile, table

MESSAGES: Final = 2000
LONG: Final = 50.0  # milliseconds: a frame that takes longer is dropped
TURN: Final = """Point {n}: **bold**, `code` and [a link](https://example.org/{n}).

- one of {n}
- two, with $x_{n}^2$

```python
def function_{n}(value: int) -> int:
    return value + {n}  # the sum
```

| name | value |
|---|--:|
| row | {n} |

And a last paragraph of some words, so that it is about as long as answers are: not short, and not very long either."""
FILL: Final = """([turn, number]) => new Promise((resolve) => {
  const request = indexedDB.open("mecum");
  request.onsuccess = () => {
    const work = request.result.transaction(["conversations", "messages"], "readwrite");
    const id = "f".repeat(32), name = (n) => n.toString(16).padStart(32, "0");
    for (let n = 0; n < number; n++) {
      const role = n % 2 ? "assistant" : "user", text = n % 2 ? turn.replaceAll("{n}", n) : `Question ${n}?`;
      const parent = n ? name(n - 1) : null;
      work.objectStore("messages").put({id: name(n), conversation: id, parent, role, text, created: n, state: "done"});
    }
    const settings = {role: null, model: null, documents: null, temperature: null, max_tokens: null};
    const about = {id, title: "Long", named: true, created: 1, updated: Date.now(), leaf: name(number - 1)};
    work.objectStore("conversations").put({...about, ...settings});
    work.oncomplete = () => resolve(id);
  };
})"""
FRAMES: Final = """() => {
  window.frames = [];
  let before = performance.now();
  const next = (now) => { frames.push(now - before); before = now; window.counting = requestAnimationFrame(next); };
  window.counting = requestAnimationFrame(next);
}"""


def load(browser: Browser, url: str) -> dict[str, float]:
    """Return what a first visit costs: milliseconds to the first paint, requests, and kB on the wire."""
    context = browser.new_context()
    page = context.new_page()
    wire = context.new_cdp_session(page)
    sizes: list[float] = []
    wire.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    wire.send("Network.enable")
    page.goto(url, wait_until="networkidle")
    expect(page.locator("#question")).to_be_focused()
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    found = {"paint": paint, "usable": _usable(page), "requests": len(sizes), "kB": sum(sizes) / 1000}
    sizes.clear()
    page.reload(wait_until="networkidle")
    context.close()
    return {**found, "kB again": sum(sizes) / 1000}


def _usable(page: Page) -> float:
    """Return when the last module that the chat needs had come, in milliseconds."""
    return float(page.evaluate("Math.max(...performance.getEntriesByType('resource').map((one) => one.responseEnd))"))


@contextmanager
def traced(browser: Browser, page: Page, told: dict[str, Any]) -> Iterator[None]:
    """Count frames and tasks meanwhile: into `told` go their lengths in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "trace.json"
        browser.start_tracing(page=page, path=file, categories=["disabled-by-default-devtools.timeline", "toplevel"])
        page.evaluate(FRAMES)
        yield
        told["frames"] = page.evaluate("(cancelAnimationFrame(counting), frames.slice(1))")
        browser.stop_tracing()
        told["tasks"], told["cpu"] = _tasks(json.loads(file.read_text())["traceEvents"])


def _tasks(events: list[dict[str, Any]]) -> tuple[list[float], list[float]]:
    """Return the tasks of the page's main thread: how long each took, and how long it computed."""
    names = [one for one in events if one["name"] == "thread_name"]
    mains = {(one["pid"], one["tid"]) for one in names if one["args"]["name"] == "CrRendererMain"}
    tasks = [
        one for one in events if "RunTask" in one["name"] and one.get("ph") == "X" and (one["pid"], one["tid"]) in mains
    ]
    assert tasks, "the trace has no tasks"
    return [one["dur"] / 1000 for one in tasks], [one.get("tdur", 0) / 1000 for one in tasks]


def conversation(browser: Browser, url: str, messages: int) -> dict[str, dict[str, Any]]:
    """Return, for opening, scrolling and streaming, the lengths of frames and tasks."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(url, wait_until="networkidle")
    ident = page.evaluate(FILL, [TURN, messages])
    told: dict[str, dict[str, Any]] = {"opening": {}, "scrolling": {}, "streaming": {}}
    with traced(browser, page, told["opening"]):
        page.evaluate(f"location.hash = '#/c/{ident}'")
        expect(page.locator(".message")).to_have_count(messages)
        page.wait_for_timeout(1000)
    page.mouse.move(600, 300)
    with traced(browser, page, told["scrolling"]):
        for _ in range(150):
            page.mouse.wheel(0, -900)
            page.wait_for_timeout(20)
        page.evaluate("document.getElementById('main').scrollTop = 0")
        page.wait_for_timeout(500)
    page.locator("#question").fill("!pause 0.01\n!words 600")
    with traced(browser, page, told["streaming"]):
        page.keyboard.press("Enter")
        expect(page.locator(".message").last).to_contain_text("word600", timeout=60_000)
        page.wait_for_timeout(300)
    page.context.close()
    return told


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="first loads, each in a fresh browser profile")
    parser.add_argument("--messages", type=int, default=MESSAGES)
    given = parser.parse_args()
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory() as home, serving(Path(home), "--demo") as server, browsing() as browser:
        loads = [load(browser, server.url) for _ in range(given.rounds)]
        long = conversation(browser, server.url, given.messages)
    print(f"\n## First load, {given.rounds} times\n")
    units = {
        "paint": "ms to the first paint",
        "usable": "ms to the last file",
        "requests": "requests",
        "kB": "kB on the wire",
    }
    rows = [[name, *(figure(of([one[key] for one in loads])) for of in (median, min, max))] for key, name in _named(units)]
    print(table(["", "median", "least", "most"], rows))
    print(f"## A conversation of {given.messages:,} messages, milliseconds\n")
    heads = ["", "frames", "p50", "p99", "longest", f"over {LONG:.0f}", "longest task", "most CPU"]
    print(table(heads, [_row(*one) for one in long.items()]))


def _named(units: dict[str, str]) -> list[tuple[str, str]]:
    return [*units.items(), ("kB again", "kB at the next visit")]


def _row(name: str, told: dict[str, Any]) -> list[object]:
    frames, tasks = told["frames"], told["tasks"]
    over = sum(frame > LONG for frame in frames)
    shares = [figure(percentile(frames, share)) for share in (0.5, 0.99)]
    return [name, len(frames), *shares, figure(max(frames)), over, figure(max(tasks)), figure(max(told["cpu"]))]


if __name__ == "__main__":
    main()
