"""Addresses that open something of this server in a browser.

Invariant: they begin with `server.public_url`, else with the Host that the request named; `middleware.OnlyOurs` has let that
one through, so no stranger chooses where a link leads (`tests/api/test_links.py`).
"""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request

from mecum.settings.schema import ServerSettings
from mecum.types import Hit


def passage_url(request: Request, settings: ServerSettings, hit: Hit) -> str:
    """Return the address of the page that shows a passage in its document."""
    return f"{base_url(request, settings)}/#/d/{quote(hit.document_id, safe='')}/{quote(hit.chunk_id, safe='')}"


def base_url(request: Request, settings: ServerSettings) -> str:
    """Return what our addresses begin with, without a slash at the end."""
    own = settings.public_url or f"{request.url.scheme}://{request.headers['host']}"
    return own.rstrip("/")
