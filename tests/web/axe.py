"""axe-core over what a page shows: WCAG 2.2 A and AA, and its best practices, in both themes."""

from __future__ import annotations

import json
from typing import Final

import pytest
from playwright.sync_api import Page
from tests.clients.install import NODE, install_node

AXE: Final = NODE / "node_modules/axe-core/axe.min.js"
_RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(page: Page) -> list[str]:
    """Return what axe-core finds: the theme, the rule, and the elements that break it."""
    if problem := install_node().problem:
        pytest.skip(problem)
    page.evaluate(AXE.read_text())  # by the browser's own door: the page's policy lets no script in
    found = []
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        broken = page.evaluate("rules => axe.run({runOnly: rules}).then(({violations}) => violations)", _RULES)
        found += [f"{theme}: {one['id']}: {json.dumps([node['html'][:200] for node in one['nodes']])}" for one in broken]
    return found
