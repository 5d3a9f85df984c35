"""The pages and their files: compressed where the browser takes it, and fetched once for each version.

Invariants (`tests/api/test_pages.py`): a page names its files below `/static/v…/`, and what is answered there may be kept
for ever, since another version has another address; whatever has no version is asked for anew, and costs a 304.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from importlib.resources import files
from pathlib import Path
from typing import Final

import anyio.to_thread
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

PAGES: Final = {"/": "index.html", "/docs": "docs.html"}
KEPT: Final = "public, max-age=31536000, immutable"
ASKED: Final = "no-cache"
_VERSION: Final = re.compile(r"v([0-9a-f]{12})/(.+)")
_TEXT: Final = frozenset({".html", ".js", ".mjs", ".css", ".svg", ".md"})


def install(app: FastAPI) -> None:
    """Add the pages and their files."""
    web = Path(str(files("mecum.web").joinpath("static")))
    static = Files(web)

    async def page(request: Request) -> Response:
        return await static.page(PAGES[request.url.path], request.headers)

    for path in PAGES:
        app.add_api_route(path, page, methods=["GET"], include_in_schema=False)
    app.mount("/static", static, name="static")


class Files(StaticFiles):
    """The files of a folder, with or without the version in front of their names."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder)
        self._folder = folder
        self._compressed: dict[str, tuple[str, bytes]] = {}  # by name: of which version, and the bytes
        self._version = self._measured()

    def _measured(self) -> str:
        """Return what names the files as they are now: 12 hex digits. None is read, so each page can ask."""
        found = hashlib.sha256()
        for path in sorted(self._folder.rglob("*")):
            about = path.stat()
            found.update(f"{path.relative_to(self._folder)} {about.st_size} {about.st_mtime_ns}\n".encode())
        return found.hexdigest()[:12]

    async def page(self, name: str, headers: Headers) -> Response:
        """Return a page that names its files with their version."""
        self._version = self._measured()
        tag = f'W/"{self._version}"'
        fixed = {"Cache-Control": ASKED, "ETag": tag, "Vary": "Accept-Encoding"}
        if tag in headers.get("if-none-match", ""):
            return Response(status_code=304, headers=fixed)
        text = (self._folder / name).read_text(encoding="utf-8").replace('"/static/', f'"/static/v{self._version}/')
        body = text.encode()
        if _takes_gzip(headers):
            body, fixed = gzip.compress(body), {**fixed, "Content-Encoding": "gzip"}
        return Response(body, media_type="text/html", headers=fixed)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file."""
        versioned = _VERSION.fullmatch(path.replace("\\", "/"))
        response = await super().get_response(versioned[2] if versioned else path, scope)
        if response.status_code in (200, 206, 304):
            is_kept = versioned is not None and versioned[1] == self._version
            response.headers["Cache-Control"] = KEPT if is_kept else ASKED
        if response.status_code in (200, 304) and Path(path).suffix in _TEXT:
            response.headers["Vary"] = "Accept-Encoding"
            if isinstance(response, FileResponse) and _takes_gzip(Headers(scope=scope)):
                return await self._squeezed(response)
        return response

    async def _squeezed(self, response: FileResponse) -> Response:
        """Return a file's answer compressed; each file is compressed once for each version of it."""
        name, tag = str(response.path), response.headers["etag"]
        if self._compressed.get(name, ("",))[0] != tag:
            self._compressed[name] = tag, await anyio.to_thread.run_sync(lambda: gzip.compress(Path(name).read_bytes()))
        headers = {key: value for key, value in response.headers.items() if key not in ("content-length", "accept-ranges")}
        headers |= {"content-encoding": "gzip", "etag": f"W/{tag}"}  # the same text in other bytes
        return Response(self._compressed[name][1], headers=headers)


def _takes_gzip(headers: Headers) -> bool:
    """Return whether the client takes gzip; one that refuses it outright (`q=0`) does not."""
    for part in headers.get("accept-encoding", "").split(","):
        name, _, weight = part.strip().partition(";")
        if name.strip().lower() == "gzip":
            return not re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", weight)
    return False
