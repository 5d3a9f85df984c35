import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.cli.inside_library import library, settled

from mecum.cli import inventory
from mecum.cli.gather import Failed, gather
from mecum.cli.inventory import _prefixes, compare, documents
from mecum.cli.remote import Api
from mecum.cli.upload import batches, send
from mecum.knowledge.folder import FoundFile
from mecum.types import Json

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one library for all: reading the first document takes a second


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def open_library(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    async with library(tmp_path_factory.mktemp("home")) as api:
        yield api


@pytest_asyncio.fixture(loop_scope="module")
async def api(open_library: Api) -> AsyncIterator[Api]:
    """The library, which is empty."""
    yield open_library
    await open_library.post("/api/forget", {"all": True})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    for name in ("a.md", "b.md", "c.md"):
        (folder / name).write_text(f"text of {name}")
    return folder


def files(folder: Path) -> list[FoundFile]:
    return gather([str(folder)], everything=False, largest=10**9).files


async def added(api: Api, folder: Path) -> list[Json | Failed]:
    return [document for batch in batches(files(folder)) for document in await send(api, batch, "default")]


async def to_send(api: Api, folder: Path, collection: str = "default") -> list[str]:
    found = await compare(api, [folder], files(folder), collection)
    assert found.unchanged + len(found.unfinished) + len(found.send) == len(files(folder))
    return [file.path.name for file in found.send]


async def test_what_the_library_has_unchanged_is_not_sent(api, folder):
    assert await to_send(api, folder) == ["a.md", "b.md", "c.md"]
    await added(api, folder)
    assert await to_send(api, folder) == []
    (folder / "b.md").write_text("another text")
    assert await to_send(api, folder) == ["b.md"]
    assert await to_send(api, folder, "other") == ["a.md", "b.md", "c.md"]


async def test_a_file_that_was_only_touched_is_told_by_its_hash(api, folder):
    await added(api, folder)
    os.utime(folder / "a.md", (1, 1))
    assert await to_send(api, folder) == []
    (folder / "a.md").write_text("Text of a.md")
    os.utime(folder / "a.md", (1, 1))
    assert await to_send(api, folder) == ["a.md"]


async def test_what_failed_is_tried_again(api, folder):
    (folder / "d.pdf").write_bytes(b"%PDF-1.4 broken")
    await settled(api, (await added(api, folder))[-1]["id"])
    assert await to_send(api, folder) == ["d.pdf"]


async def test_a_long_list_is_read_page_by_page(api, folder, monkeypatch):
    await added(api, folder)
    monkeypatch.setattr(inventory, "PAGE", 2)
    assert [document["title"] async for document in documents(api)] == ["a.md", "b.md", "c.md"]
    assert await to_send(api, folder) == []


async def test_many_roots_are_looked_for_under_the_folder_that_holds_them(tmp_path):
    roots = [tmp_path / str(number) for number in range(20)]
    assert _prefixes(roots) == [str(tmp_path)]
    assert _prefixes(roots[:2]) == [str(tmp_path / "0"), str(tmp_path / "1")]
