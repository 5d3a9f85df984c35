"""How messages speak of settings: what is unknown, what is wrong, and a value without its secrets. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from mecum.settings.names import Setting


def show(value: object) -> str:
    """Return a setting's value for people, with the password taken out of an address."""
    return re.sub(r"//[^/@\s]*@", "//***@", str(value))


def unknown(label: str, known: Iterable[str], name: str | None = None) -> str:
    """Return the sentence for an unknown name, with the nearest known one: by the whole name, else by its last part."""
    wanted = name or label
    candidates = list(known)
    near = get_close_matches(wanted, candidates, n=1)
    if not near:
        by_last = {candidate.rpartition(".")[2]: candidate for candidate in candidates}
        near = [by_last[last] for last in get_close_matches(wanted.rpartition(".")[2], by_last, n=1)]
    hint = f" Did you mean {near[0]}?" if near else " Remove it; `mecum config` then lists every setting."
    return f"{label} is not a setting of mecum.{hint}"


def wrong(setting: Setting, label: str, value: object) -> str:
    """Return the sentence for a value that a setting cannot have. `label` is the place that gave it."""
    given = "" if setting.secret else f" is {show(repr(value))[:100]}, but"
    return f"{label}{given} must be {setting.allowed}."
