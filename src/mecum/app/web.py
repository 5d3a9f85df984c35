"""The web server: uvicorn's, set up as the program needs it. It serves on sockets that are open already."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from socket import socket
from typing import cast

import uvicorn

from mecum.app.build import App
from mecum.app.protocol import protocol_factory
from mecum.settings.schema import ServerSettings

LAST_WORDS = 2  # seconds for error events to go out, and then for connections to end
_IDLE = 75  # seconds a connection may wait for its next request: longer than clients keep theirs, so that they close first


class Web(uvicorn.Server):
    """uvicorn's server without its signal handlers, and with a word when it takes requests."""

    def __init__(self, app: App, on_listening: Callable[[], None]) -> None:
        super().__init__(_config(app))
        self._on_listening = on_listening

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to whoever runs this (`rulings.md` 23)."""
        yield

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Begin to take requests, and say so."""
        await super().startup(sockets=sockets)
        self._on_listening()


def _config(app: App) -> uvicorn.Config:
    settings: ServerSettings = app.settings.server
    return uvicorn.Config(
        app.asgi,
        http=cast("type[asyncio.Protocol]", protocol_factory(settings.head_timeout)),  # it is only ever called
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,  # `api.middleware` writes that line
        server_header=False,
        proxy_headers=False,  # nobody may say on whose behalf they come
        workers=1,
        timeout_keep_alive=_IDLE,
        timeout_graceful_shutdown=LAST_WORDS,
    )
