"""`security.md` row 3: a server that others reach asks for a key, or does not start."""

from __future__ import annotations

import http.client
import logging
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mecum.app import exposure
from mecum.app.home import running
from mecum.errors import SettingsError
from mecum.keys.ring import Keyring
from mecum.settings.schema import ServerSettings, Settings
from mecum.store.sqlite import Sqlite

REACHED = ["0.0.0.0", "::", "[::]", "192.168.1.5", "10.0.0.1", "2001:db8::1", "example.org", "::ffff:127.0.0.1"]


def settings(home: Path, host: str, **server: object) -> Settings:
    return Settings(home=home, server=ServerSettings(host=host, **server))  # type: ignore[arg-type]


async def make(home: Path, *, name: str = "laptop", expires: float | None = None, revoked: bool = False) -> None:
    store = Sqlite(home)
    await store.start()
    keys = Keyring(store.keys, "token")
    key, _ = await keys.create(name, owner="local", expires=expires)
    if revoked:
        await keys.revoke(key.id)
    await store.aclose()


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.0.0.2", "::1", "[::1]"])
def test_this_machine_needs_no_key(tmp_path: Path, host: str) -> None:
    exposure.check(settings(tmp_path, host))


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.mark.parametrize("host", REACHED)
async def test_others_need_one(tmp_path: Path, host: str) -> None:
    with pytest.raises(SettingsError) as caught:
        exposure.check(settings(tmp_path, host))
    assert caught.value.exit_code == 3
    assert f"mecum keys create NAME --home {tmp_path}" in caught.value.message
    assert not names(tmp_path)
    await make(tmp_path)
    exposure.check(settings(tmp_path, host))


async def test_a_key_that_is_no_longer_good_is_none(tmp_path: Path) -> None:
    await make(tmp_path, revoked=True)
    await make(tmp_path, expires=time.time())
    with pytest.raises(SettingsError):
        exposure.check(settings(tmp_path, "0.0.0.0"))


async def test_the_override_is_said_at_each_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "mecum")
    for told in ("without a key", "a key is asked for"):
        caplog.clear()
        exposure.check(settings(tmp_path, "0.0.0.0", allow_open_network=True))
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert told in record.message
        await make(tmp_path, name=told)
    caplog.clear()
    exposure.check(settings(tmp_path, "localhost", allow_open_network=True))
    assert not caplog.records


# ---- the program itself

QUIET = {"MECUM_LIBRARY_EMBEDDER": "none"}


def test_it_does_not_start(start: Callable[..., Any], tmp_path: Path) -> None:
    serve = start("--demo", "--host", "0.0.0.0", **QUIET)
    assert serve.ended() == 3
    assert "mecum keys create NAME --home" in serve.err.read_text()
    assert not (serve.home / "run.json").exists()


async def test_it_starts_with_a_key_and_asks_for_it(start: Callable[..., Any], tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    await make(home)
    serve = start("--demo", "--host", "0.0.0.0", home=home, **QUIET).listen()
    found = running(home)
    assert found
    assert found.url == f"http://127.0.0.1:{serve.port}"
    assert "0.0.0.0, for whoever has a key" in serve.out.read_text()
    assert serve.request("GET", "/v1/models").status == 401
    assert serve.request("GET", "/v1/models", Authorization=f"Bearer {found.token}").status == 200
    for host, status in (("127.0.0.1", 200), (f"localhost:{serve.port}", 200), ("10.9.8.7", 403), ("evil.example", 403)):
        assert serve.request("GET", "/livez", Host=host).status == status
    opened = serve.request("POST", "/api/keys/open", Authorization=f"Bearer {found.token}")
    assert opened.status == 400
    assert b"not only this machine reaches it" in opened.read()
    serve.signal(signal.SIGTERM)
    assert serve.ended() == 0


def test_the_override_lets_everybody_in_and_says_so(start: Callable[..., Any]) -> None:
    serve = start("--demo", "--host", "0.0.0.0", "--allow-open-network", **QUIET).listen()
    assert serve.request("GET", "/v1/models").status == 200
    assert "whoever reaches it may use it without a key" in serve.err.read_text()
    assert "OPEN to whoever reaches it" in serve.out.read_text()


def test_a_host_is_the_address_that_was_asked(start: Callable[..., Any]) -> None:
    serve = start("--demo", "--host", "127.0.0.2", **QUIET).listen()
    for host, status in (("127.0.0.2", 200), ("127.0.0.3", 403), ("localhost", 200)):
        connection = http.client.HTTPConnection("127.0.0.2", serve.port, timeout=10)
        connection.request("GET", "/livez", headers={"Host": host})
        assert connection.getresponse().status == status
        connection.close()
