"""What an answer that is of no use means, in words: of the hub's listing and of its files alike.

Invariants (`tests/models/test_web.py`, `test_listing.py`): it is one of two errors, `Again` (worth another try) or
`PullFailed` (it is not), whose words hold no token and no address's query.
Source of the codes: https://github.com/huggingface/huggingface_hub (`utils/_http.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from mecum.errors import EngineStartError
from mecum.models.hub import Hub
from mecum.models.source import FromUrl

OFFLINE: Final = "HF_HUB_OFFLINE is set, so nothing is fetched. Unset it, or pull a file."
_BUSY: Final = frozenset({408, 425, 429})
_PATIENCE: Final = 300.0  # seconds; a server that wants more is told of instead of waited for


class PullFailed(EngineStartError):
    """A model could not be fetched; trying the same again is of no use."""


class Again(Exception):
    """It broke off, or the server is busy: another try may go on. `wait` is what the server asks for, in seconds."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.wait = wait


def refused(hub: Hub, url: str, status: int, headers: Mapping[str, str]) -> Again | PullFailed:
    """Return the error that an answer of another status than wanted is; `headers` are found whatever their case."""
    if status in _BUSY or status >= 500:
        wait = number(headers.get("Retry-After"))
        if wait is not None and wait > _PATIENCE:
            return PullFailed(f"{host(url)} asks to come back in {wait} seconds (status {status}).")
        return Again(f"{host(url)} answers with status {status}", float(wait) if wait else None)
    shown = FromUrl(url).shown
    if origin(url) == origin(hub.endpoint) and (said := _of_the_hub(hub, shown, status, headers)):
        return PullFailed(said)
    return PullFailed(f"{shown} is refused with status {status}.")


def _of_the_hub(hub: Hub, shown: str, status: int, headers: Mapping[str, str]) -> str:
    """Return what the hub means, "" where it says nothing that is known."""
    code = headers.get("X-Error-Code", "")
    if headers.get("X-Error-Message") == "Access to this resource is disabled.":
        return f"The hub has disabled {shown}: nobody gets it any more."
    if code == "GatedRepo" or status == 403:
        return f"{shown} is for those whom its owner let in: accept the terms on its page, and set HF_TOKEN to your token."
    if status == 401:
        token = "the token is not good for it" if hub.token else "or it wants a token: HF_TOKEN"
        return f"The hub lets nobody see {shown} (status 401): there is no such repository, {token}."
    if code == "RevisionNotFound":
        return f"The hub has no such version: {shown}."
    return f"The hub has no {shown}." if status == 404 else ""


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of an address."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").lower(), parts.port or (443 if scheme == "https" else 80)


def host(url: str) -> str:
    """Return whom an address is of, for people."""
    return urlsplit(url).hostname or "it"


def number(text: str | None) -> int | None:
    """Return the whole number that a header is, None where it is none."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 19 else None
