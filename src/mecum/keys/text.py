"""What a key looks like, and what is kept of it.

A key is `mk-` and 256 random bits. What is kept is the plain SHA-256 of its text: slow hashes and salt are for what people
make up, where trying all likely texts would find it; nobody tries 2^256 of them. So a key is looked up by its hash, and a
check costs microseconds, for good keys and bad ones alike (`tests/keys/test_text.py`).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Final

PREFIX: Final = "mk-"
HINT: Final = 4  # characters of its end that are shown, to tell it among others; some 230 bits stay
_RANDOM: Final = 32  # bytes
_LONGEST: Final = 512  # characters that are looked at; the token of `run.json` is no longer either
_SCHEME: Final = re.compile(r"bearer +([\x21-\x7e]+) *", re.IGNORECASE)


def new_text() -> str:
    """Return a new key's text."""
    return PREFIX + secrets.token_urlsafe(_RANDOM)


def digest(text: str) -> bytes:
    """Return what is kept of a key's text."""
    return hashlib.sha256(text.encode()).digest()


def hint(text: str) -> str:
    """Return what is shown of a key's text."""
    return text[-HINT:]


def bearer(authorization: str) -> str | None:
    """Return the text that an Authorization header carries, None if it is malformed."""
    if len(authorization) > _LONGEST or not (found := _SCHEME.fullmatch(authorization)):
        return None
    return found[1]
