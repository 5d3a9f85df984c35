"""`security.md` row 3: a server that others reach asks for a key, or does not start."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest

from mecum.app import exposure
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
