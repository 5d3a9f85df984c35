import shutil
import socket
import tempfile
from pathlib import Path

import aiohttp
import pytest

from mecum.app import local
from mecum.app.build import App, build
from mecum.errors import MecumError
from mecum.settings.load import load


@pytest.fixture
def app(tmp_path: Path) -> App:
    return build(load({"home": tmp_path, "engine.scripted": True}, {}).settings)


async def health(address: local.Address) -> int:
    connector = aiohttp.UnixConnector(str(address.unix_socket)) if address.unix_socket else None
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.get(f"{address.url}/livez") as response,
    ):
        return response.status


async def test_the_api_answers_on_a_socket_that_nobody_else_reaches_and_leaves_nothing(app):
    async with local.served(app) as address:
        assert address.unix_socket
        folder = address.unix_socket.parent
        assert folder.stat().st_mode & 0o777 == 0o700
        assert await health(address) == 200
    assert not folder.exists()


async def test_where_there_are_no_unix_sockets_it_is_a_port_of_the_loopback(app, monkeypatch):
    monkeypatch.delattr(socket, "AF_UNIX")
    async with local.served(app) as address:
        assert address.unix_socket is None
        assert address.url.startswith("http://127.0.0.1:")
        assert await health(address) == 200


async def failing(app: App, seen: list[Path]) -> None:
    async with local.served(app) as address:
        assert address.unix_socket
        seen.append(address.unix_socket.parent)
        raise MecumError("x")


async def test_a_failure_inside_closes_it_too(app):
    seen: list[Path] = []
    with pytest.raises(MecumError):
        await failing(app, seen)
    assert not seen[0].exists()


async def test_what_a_killed_command_left_goes_and_a_long_path_is_no_hindrance(tmp_path):
    home = Path(tempfile.mkdtemp(prefix="m-", dir="/tmp"))
    (home / "run" / "mecum-api-left").mkdir(parents=True)
    app = build(load({"home": home, "engine.scripted": True}, {}).settings)
    async with local.served(app) as address:
        assert address.unix_socket
        assert [address.unix_socket.parent] == list((home / "run").iterdir())
    shutil.rmtree(home)
    app = build(load({"home": tmp_path / ("x" * 120), "engine.scripted": True}, {}).settings)
    async with local.served(app) as address:
        assert await health(address) == 200
