"""Writes TOML, of which Python's own library only reads: one table of texts, numbers, booleans and lists of texts.

Invariant (`tests/cli/test_toml.py`): what `tomllib` reads is what was written, whatever the texts hold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

Value = str | bool | int | float | Sequence[str]
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SHORT = {"\b": r"\b", "\t": r"\t", "\n": r"\n", "\f": r"\f", "\r": r"\r", '"': r"\"", "\\": r"\\"}
_ESCAPED = re.compile(r'["\\\x00-\x1f\x7f]')
_ESCAPED_IN_LINES = re.compile(r'"(?="")|"\Z|[\\\x00-\x08\x0b-\x1f\x7f]')  # a quote only where three would stand together


def toml(values: Mapping[str, Value]) -> str:
    """Return the values as a TOML document, in their order. Texts of several lines stay so."""
    return "".join(f"{_key(name)} = {_value(value)}\n" for name, value in values.items())


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _string(name)


def _value(value: Value) -> str:
    if isinstance(value, str):
        return _lines(value) if "\n" in value else _string(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    return f"[{', '.join(map(_string, value))}]"


def _string(text: str) -> str:
    return f'"{_ESCAPED.sub(_escape, text)}"'


def _lines(text: str) -> str:
    # The line feed after the opening quotes is not part of the text.
    return f'"""\n{_ESCAPED_IN_LINES.sub(_escape, text)}"""'


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    return _SHORT.get(character) or f"\\u{ord(character):04x}"
