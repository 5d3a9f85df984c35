"""What a key looks like, and what is kept of it."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mecum.keys import text


def test_a_key_has_256_random_bits() -> None:
    keys = {text.new_text() for _ in range(100)}
    assert len(keys) == 100
    assert all(
        re.fullmatch(r"mk-[A-Za-z0-9_-]{43}", key) for key in keys
    )  # 43 letters of 6 bits: 256 bits, and 2 of padding


def test_what_is_kept_is_no_key() -> None:
    key = text.new_text()
    kept = text.digest(key)
    assert len(kept) == 32
    assert kept == text.digest(key)
    assert kept not in {text.digest(key[:-1]), text.digest(key + "x"), text.digest(key.swapcase())}
    assert key.endswith(text.hint(key))
    assert len(text.hint(key)) == 4


@pytest.mark.parametrize("header", ["Bearer mk-x", "bearer mk-x", "BEARER   mk-x", "Bearer mk-x  "])
def test_a_bearer(header: str) -> None:
    assert text.bearer(header) == "mk-x"


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "mk-x", "Basic mk-x", "Bearer a b", "Bearer\tmk-x", " Bearer mk-x", "Bearer mk-\x00",
     "Bearer é", "Bearer mk-x\n", "Bearer " + "x" * 506, "x" * 65_536],
)  # fmt: skip
def test_no_bearer(header: str) -> None:
    assert text.bearer(header) is None


@given(st.text(max_size=600))
@example("Bearer " + "x" * 505)
def test_whatever_it_is_it_is_plain_text_or_nothing(header: str) -> None:
    found = text.bearer(header)
    assert found is None or (found in header and found.isascii() and found.isprintable() and " " not in found)
