"""One file over connections that break, from servers that do not do what they were asked."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.models.hubs import FakeHub, model, running, sha256

from mecum.errors import EngineStartError
from mecum.models import fetch
from mecum.models.fetch import TRIES, Brought, Fetcher, Item
from mecum.models.hub import Hub
from mecum.models.meter import Meter
from mecum.models.part import Identity, Part
from mecum.models.refusal import PullFailed
from mecum.models.web import Web

NAME = "Tiny-Q4_K_M.gguf"
CONTENT = model(200_000)


@asynccontextmanager
async def fetcher(fake: FakeHub, folder: Path, silence: float = 5.0) -> AsyncIterator[Fetcher]:
    async with Web(Hub(fake.url, None, folder / "cache"), silence=silence) as web:
        yield Fetcher(web, folder, Meter(), pause=0.001)


async def bring(fake: FakeHub, folder: Path, silence: float = 5.0, **known: Any) -> Brought:
    item = Item(
        f"{fake.cdn}/blob/{NAME}", NAME, **({"size": len(CONTENT), "sha256": sha256(CONTENT), "begins": b"GGUF"} | known)
    )
    async with fetcher(fake, folder, silence) as one:
        return await one.bring(item)


def begun(folder: Path, size: int, key: str = sha256(CONTENT), validator: str = "") -> None:
    """Leave the first bytes of the file behind, as a pull that was killed does."""
    with Part(folder, NAME) as part:
        part.belongs_to(Identity(key, validator))
        part.add(CONTENT[:size])


@pytest.fixture
def fake() -> Any:
    with running(FakeHub(files={NAME: CONTENT})) as hub:
        yield hub


NOTHING_KNOWN = {"size": None, "sha256": ""}


@pytest.mark.parametrize("known", [{}, NOTHING_KNOWN, {"size": None}])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_file_comes(fake: FakeHub, tmp_path: Path, known: dict[str, Any], chunked: bool) -> None:
    fake.chunked = chunked
    brought = await bring(fake, tmp_path, **known)
    assert brought.path.read_bytes() == CONTENT
    assert brought.sha256 == sha256(CONTENT)
    assert brought.promised == (known != NOTHING_KNOWN)
    assert brought.path.stat().st_mode & 0o777 == 0o600
    assert len(fake.seen) == 1


@pytest.mark.parametrize("known", [{}, NOTHING_KNOWN])
@pytest.mark.parametrize("chunked", [False, True])
async def test_where_it_breaks_off_it_goes_on(fake: FakeHub, tmp_path: Path, known: dict[str, Any], chunked: bool) -> None:
    fake.cut, fake.chunked = [50_000, 0, 70_000], chunked
    assert (await bring(fake, tmp_path, **known)).path.read_bytes() == CONTENT
    ranges = [one.headers.get("range") for one in fake.seen]
    assert ranges[0] is None
    assert ranges[1] == ranges[2]
    assert len(ranges) == 4
    assert ("if-range" in fake.seen[1].headers) == (known == NOTHING_KNOWN)


async def test_it_goes_on_with_what_was_left(fake: FakeHub, tmp_path: Path) -> None:
    begun(tmp_path, 123_456)
    assert (await bring(fake, tmp_path)).path.read_bytes() == CONTENT
    assert [one.headers["range"] for one in fake.seen] == ["bytes=123456-"]


async def test_what_is_whole_already_is_not_asked_for(fake: FakeHub, tmp_path: Path) -> None:
    begun(tmp_path, len(CONTENT))
    assert (await bring(fake, tmp_path)).sha256 == sha256(CONTENT)
    assert fake.seen == []


async def test_bytes_that_were_wrong_on_the_disk_are_found(fake: FakeHub, tmp_path: Path) -> None:
    with Part(tmp_path, NAME) as part:
        part.belongs_to(Identity(sha256(CONTENT)))
        part.add(b"GGUF" + bytes(60_000))
    with pytest.raises(PullFailed, match="is not what was promised"):
        await bring(fake, tmp_path)
    assert os.listdir(tmp_path) == []  # noqa: PTH208


async def test_what_is_left_of_another_file_is_not_used(fake: FakeHub, tmp_path: Path) -> None:
    begun(tmp_path, 1000, key="f" * 64)
    assert (await bring(fake, tmp_path)).path.read_bytes() == CONTENT
    assert "range" not in fake.seen[0].headers


async def test_without_a_hash_what_was_left_needs_a_strong_etag(fake: FakeHub, tmp_path: Path) -> None:
    fake.etag, fake.cut = 'W/"weak"', [50_000] + [0] * TRIES
    with pytest.raises(PullFailed, match="times in a row"):
        await bring(fake, tmp_path, **NOTHING_KNOWN)
    fake.seen.clear()
    fake.cut = []
    assert (await bring(fake, tmp_path, **NOTHING_KNOWN)).path.read_bytes() == CONTENT
    assert "range" not in fake.seen[0].headers


async def test_a_file_that_changed_meanwhile_begins_anew(fake: FakeHub, tmp_path: Path) -> None:
    fake.cut = [50_000] + [0] * TRIES
    with pytest.raises(PullFailed):
        await bring(fake, tmp_path, **NOTHING_KNOWN)
    fake.cut, fake.etag, fake.files[NAME] = [], '"v2"', model(150_000)
    assert (await bring(fake, tmp_path, **NOTHING_KNOWN)).path.read_bytes() == model(150_000)
    assert fake.seen[-1].headers["if-range"] == '"v1"'


async def test_a_server_that_ignores_the_range_begins_anew(fake: FakeHub, tmp_path: Path) -> None:
    begun(tmp_path, 50_000)
    fake.ranges = "ignored"
    assert (await bring(fake, tmp_path)).path.read_bytes() == CONTENT


async def test_a_server_that_sends_another_part_is_told(fake: FakeHub, tmp_path: Path) -> None:
    begun(tmp_path, 50_000)
    fake.ranges = "shifted"
    with pytest.raises(PullFailed, match="another part"):
        await bring(fake, tmp_path)


async def test_416_with_a_shorter_file_begins_anew(fake: FakeHub, tmp_path: Path) -> None:
    begun(tmp_path, 150_000)
    short = model(90_000)
    fake.files[NAME] = short
    with pytest.raises(PullFailed, match="is not what was promised"):
        await bring(fake, tmp_path, size=None)
    assert [one.headers.get("range") for one in fake.seen] == ["bytes=150000-", None]


async def test_416_on_what_is_whole_is_no_fault(fake: FakeHub, tmp_path: Path) -> None:
    begun(tmp_path, len(CONTENT))
    assert (await bring(fake, tmp_path, size=None)).sha256 == sha256(CONTENT)
    assert len(fake.seen) == 1


async def test_a_range_that_is_refused_begins_anew(fake: FakeHub, tmp_path: Path) -> None:
    begun(tmp_path, 50_000)
    fake.ranges = "refused"
    assert (await bring(fake, tmp_path)).path.read_bytes() == CONTENT


async def test_more_than_was_promised_ends_it(fake: FakeHub, tmp_path: Path) -> None:
    fake.more, fake.chunked = b"x" * 100, True
    with pytest.raises(PullFailed, match="more of Tiny"):
        await bring(fake, tmp_path)
    fake.chunked = False
    with pytest.raises(PullFailed, match="bytes on the server, and should have"):
        await bring(fake, tmp_path)


async def test_a_length_that_is_not_the_promised_one_ends_it(fake: FakeHub, tmp_path: Path) -> None:
    with pytest.raises(PullFailed, match=r"has 200,\d+ bytes on the server, and should have 7"):
        await bring(fake, tmp_path, size=7)


async def test_a_length_that_is_a_lie_is_found_out_by_the_next_answer(fake: FakeHub, tmp_path: Path) -> None:
    fake.length = len(CONTENT) + 500  # the rest that is then asked for is not there (416)
    assert (await bring(fake, tmp_path, **NOTHING_KNOWN)).path.read_bytes() == CONTENT
    assert [one.headers.get("range") for one in fake.seen] == [None, f"bytes={len(CONTENT)}-"]


async def test_a_connection_that_brings_nothing_is_given_up_after_some_tries(fake: FakeHub, tmp_path: Path) -> None:
    fake.cut = [0] * 20
    with pytest.raises(PullFailed, match=f"broke off, {TRIES} times in a row. The same command goes on"):
        await bring(fake, tmp_path)
    assert len(fake.seen) == TRIES


async def test_as_long_as_bytes_come_it_goes_on(fake: FakeHub, tmp_path: Path) -> None:
    fake.cut = [10_000] * 15
    assert (await bring(fake, tmp_path)).path.read_bytes() == CONTENT
    assert len(fake.seen) == 16


async def test_silence_breaks_off(fake: FakeHub, tmp_path: Path) -> None:
    fake.pause = 0.6
    began = time.monotonic()
    with pytest.raises(PullFailed, match="is silent, 5 times in a row"):
        await bring(fake, tmp_path, silence=0.1)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_busy_server_is_asked_again(fake: FakeHub, tmp_path: Path, status: int) -> None:
    fake.statuses = [status, status]
    assert (await bring(fake, tmp_path)).path.read_bytes() == CONTENT


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451])
async def test_a_refusal_is_told_at_once(fake: FakeHub, tmp_path: Path, status: int) -> None:
    fake.statuses = [status]
    with pytest.raises(PullFailed, match=rf"127\.0\.0\.1:\d+/blob/{NAME} is refused with status {status}"):
        await bring(fake, tmp_path)
    assert len(fake.seen) == 1


async def test_a_server_that_wants_to_be_left_alone_is_not_waited_for(fake: FakeHub, tmp_path: Path) -> None:
    fake.statuses, fake.retry_after = [429], "3600"
    with pytest.raises(PullFailed, match="asks to come back in 3600 seconds"):
        await bring(fake, tmp_path)
    fake.statuses, fake.retry_after = [503], "1"
    began = time.monotonic()
    await bring(fake, tmp_path)
    assert time.monotonic() - began >= 1


async def test_what_comes_compressed_is_not_taken(fake: FakeHub, tmp_path: Path) -> None:
    fake.encoding = "gzip"
    with pytest.raises(PullFailed, match="compressed"):
        await bring(fake, tmp_path)


async def test_nobody_there_is_told(fake: FakeHub, tmp_path: Path) -> None:
    item = Item(f"http://127.0.0.1:1/{NAME}", NAME)
    async with fetcher(fake, tmp_path) as one:
        with pytest.raises(PullFailed, match=r"127\.0\.0\.1 cannot be reached \(.*\), 5 times in a row"):
            await one.bring(item)


async def test_a_full_disk_keeps_what_came(fake: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun(tmp_path, 40_000)

    def full(self: Part, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Part, "add", full)
        with pytest.raises(PullFailed, match=r"is full\. Free some room: what came stays"):
            await bring(fake, tmp_path)
    assert (await bring(fake, tmp_path)).path.read_bytes() == CONTENT
    assert fake.seen[-1].headers["range"] == "bytes=40000-"


async def test_what_never_ends_does_not_fill_the_disk(
    fake: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody said how long it is, so the room is looked at again and again."""
    fake.files[NAME], fake.chunked = model(5_000_000), True

    def left(folder: Path) -> Any:
        used = sum(file.stat().st_size for file in folder.iterdir())
        return SimpleNamespace(free=fetch.SPARE + 2_500_000 - used)

    monkeypatch.setattr(shutil, "disk_usage", left)
    with pytest.raises(PullFailed, match="Free some room"):
        await bring(fake, tmp_path, **NOTHING_KNOWN)
    assert 1_000_000 < (tmp_path / f"{NAME}.part").stat().st_size < 4_500_000  # what came stays


async def test_what_is_no_model_ends_at_the_first_bytes(fake: FakeHub, tmp_path: Path) -> None:
    fake.files[NAME] = b"<!doctype html>" * 500_000
    with pytest.raises(EngineStartError, match="not a GGUF model"):
        await bring(fake, tmp_path, **NOTHING_KNOWN)
    assert os.listdir(tmp_path) == []  # noqa: PTH208


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 120_000), max_size=6), ranges=st.sampled_from(["right", "ignored", "refused"]))
async def test_wherever_it_breaks_the_bytes_are_right(
    fake: FakeHub, tmp_path_factory: pytest.TempPathFactory, cuts: list[int], ranges: str
) -> None:
    fake.cut, fake.ranges = cuts, ranges
    brought = await bring(fake, tmp_path_factory.mktemp("part"))
    assert brought.path.read_bytes() == CONTENT
