"""What is put around a text before a model embeds it: most are trained with other words in front of questions and passages.

Invariant (`tests/engine/embedder/test_forms.py`): what is put around a text is part of what makes its vector, so it is part
of the embedder's identity. The rows of `forms.toml` each name the page that they were read on.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from mecum.engine.embedder.base import Kind

TEXT: Final = "{text}"  # where the text stands


@dataclass(frozen=True, slots=True)
class Forms:
    """A question's and a passage's form, each with `{text}` in it once."""

    query: str = TEXT
    passage: str = TEXT

    def of(self, kind: Kind, text: str) -> str:
        """Return the text as the model is given it."""
        return (self.query if kind == "query" else self.passage).replace(TEXT, text)


def forms_of(*names: str) -> Forms:
    """Return the forms of the first model in the table that one of these names means; of an unknown one, the bare text."""
    for pattern, forms in _table():
        if any(pattern.search(name.lower().replace("_", "-").replace(" ", "-")) for name in names):
            return forms
    return Forms()


@cache
def _table() -> tuple[tuple[re.Pattern[str], Forms], ...]:
    rows = tomllib.loads(files("mecum.engine.embedder").joinpath("forms.toml").read_text(encoding="utf-8"))["model"]
    return tuple((re.compile(row["name"]), Forms(row["query"], row["passage"])) for row in rows)
