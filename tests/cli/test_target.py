"""`HttpTarget` against a real library: what `sync` and `Watcher` ask of a target."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.cli.inside_library import library, put, settled

from mecum.cli.inventory import documents
from mecum.cli.remote import Api
from mecum.cli.target import HttpTarget
from mecum.cli.upload import BATCH
from mecum.errors import InvalidRequest
from mecum.knowledge.compare import Unsettled
from mecum.knowledge.folder import FoundFile
from mecum.knowledge.sync import sync

LARGE = 10**9


pytestmark = pytest.mark.asyncio(loop_scope="module")  # one library for all: reading the first document takes a second


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def open_library(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    async with library(tmp_path_factory.mktemp("home"), library_max_upload_mb=20) as api:
        yield api


@pytest_asyncio.fixture(loop_scope="module")
async def api(open_library: Api) -> AsyncIterator[Api]:
    """The library, which is empty."""
    yield open_library
    await open_library.post("/api/forget", {"all": True})


def found(file: Path, content: bytes) -> FoundFile:
    file.write_bytes(content)
    return FoundFile(file, len(content), file.stat().st_mtime_ns)


async def listed(api: Api) -> dict[str, str]:
    return {Path(document["path"]).name: document["id"] async for document in documents(api)}


def old(folder: Path, *names: str) -> None:
    """Put files that have been left alone for long enough."""
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text(f"text of {name}")
        os.utime(folder / name, (1_000_000_000, 1_000_000_000))


async def test_the_library_follows_a_folder_and_a_rename_keeps_its_document(api, tmp_path):
    folder, target = tmp_path / "docs", HttpTarget(api, "default")
    old(folder, "a.md", "b.md")
    assert (await sync(folder, target, largest=LARGE)).added == 2
    before = await listed(api)
    for document_id in before.values():
        await settled(api, document_id)
    assert (await sync(folder, target, largest=LARGE)).unchanged == 2
    (folder / "a.md").rename(folder / "c.md")
    (folder / "b.md").unlink()
    report = await sync(folder, target, largest=LARGE)
    assert (report.renamed, report.removed, report.added) == (1, 1, 0)
    assert await listed(api) == {"c.md": before["a.md"]}


async def test_only_the_folder_and_the_collection_are_known(api, tmp_path):
    target = HttpTarget(api, "default")
    for path in ("/docs/a.md", "/docs", "/docs2/b.md", "/docs/sub/c.md"):
        await put(api, path, path)
    await put(api, "/docs/d.md", "d", collection="other")
    assert sorted(str(known.path) for known in await target.known(Path("/docs"))) == [
        "/docs",
        "/docs/a.md",
        "/docs/sub/c.md",
    ]


async def test_the_parts_of_a_container_are_no_files(api, tmp_path):
    mbox = "".join(f"From a\nMessage-ID: <{n}@x>\nSubject: {n}\n\nmail {n}\n\n" for n in range(3))
    await put(api, "/docs/x.mbox", mbox)
    assert [str(known.path) for known in await HttpTarget(api, "default").known(Path("/docs"))] == ["/docs/x.mbox"]


@pytest.mark.parametrize("size", [10, BATCH + 10])
async def test_a_file_that_changed_meanwhile_is_not_taken(api, tmp_path, size):
    file = found(tmp_path / "a.bin", b"x" * size)
    file.path.write_bytes(b"y" * (size + 1))
    with pytest.raises(Unsettled):
        await HttpTarget(api, "default").add(file)
    assert await listed(api) == {}


async def test_a_file_that_cannot_be_taken_or_read_is_told(api, tmp_path):
    target = HttpTarget(api, "default")
    with pytest.raises(InvalidRequest, match="20 MiB"):
        await target.add(found(tmp_path / "huge.txt", bytes(21 * 1024 * 1024)))
    with pytest.raises(OSError, match="No such file"):
        await target.add(FoundFile(tmp_path / "gone.txt", 1, 1))


async def test_what_is_gone_already_is_passed_over(api):
    document = await put(api, "/a.md", "a")
    await HttpTarget(api, "default").remove(["nope", document["id"], document["id"]])
    assert await listed(api) == {}
