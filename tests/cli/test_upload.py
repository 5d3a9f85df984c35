import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.cli.inside_library import library, put

from mecum.app.local import Address
from mecum.cli import upload
from mecum.cli.gather import Failed
from mecum.cli.remote import Api, to_address
from mecum.cli.upload import BATCH, DOCUMENTS, FILES, Sendable, batches, send
from mecum.errors import MecumError
from mecum.knowledge.folder import FoundFile
from mecum.types import Json

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


def found(file: Path, content: bytes = b"some text") -> FoundFile:
    file.write_bytes(content)
    return FoundFile(file, len(content), file.stat().st_mtime_ns)


async def original(api: Api, document: Json) -> bytes:
    async with api.stream(f"{DOCUMENTS}/{document['id']}/file") as pieces:
        return b"".join([piece async for piece in pieces])


def states(answers: list[Json | Failed]) -> list[str]:
    return [answer.code if isinstance(answer, Failed) else "in" for answer in answers]


@pytest.mark.parametrize(
    ("sizes", "batched"),
    [
        ([], []),
        ([1, 2], [[1, 2]]),
        ([1] * (FILES + 1), [[1] * FILES, [1]]),
        ([BATCH - 1, 1, 1], [[BATCH - 1, 1], [1]]),
        ([1, 3 * BATCH, 1], [[1], [3 * BATCH], [1]]),
    ],
)
async def test_a_request_has_only_so_many_files_and_bytes(sizes, batched):
    files = [FoundFile(Path(str(number)), size, 0) for number, size in enumerate(sizes)]
    assert [[file.size for file in batch] for batch in batches(files)] == batched


async def test_what_arrives_is_what_was_in_the_files(api, tmp_path):
    contents = [b"one", "zwei \N{SNOWMAN}".encode(), bytes(range(256)) * 50, b"--boundary\r\n\r\n"]
    files = [found(tmp_path / f"{number} \N{EURO SIGN}.txt", content) for number, content in enumerate(contents)]
    answers = await send(api, files, "Mine")
    assert [await original(api, document) for document in answers] == contents
    assert [document["path"] for document in answers] == [str(file.path) for file in files]
    assert {document["collection"] for document in answers} == {"Mine"}
    assert answers[0]["metadata"]["file"] == {"modified_ns": files[0].modified_ns, "size": 3}
    assert answers[0]["date"] == pytest.approx(files[0].modified_ns / 1e9)


async def test_a_large_file_is_read_as_it_goes_out(api, tmp_path):
    content = os.urandom(BATCH + 12_345)
    (document,) = await send(api, [found(tmp_path / "large.bin", content)], "default")
    assert await original(api, document) == content


async def test_a_file_that_cannot_be_read_or_taken_costs_no_other(api, tmp_path):
    files = [found(tmp_path / name) for name in ("a.txt", "gone.txt", "b\n.txt", "c.txt")]
    files[1].path.unlink()
    answers = await send(api, files, "default")
    assert sorted(states(answers)) == ["in", "in", "invalid_request", "unreadable"]


async def test_a_file_that_is_too_large_for_the_server_is_told(api, tmp_path):
    (answer,) = await send(api, [found(tmp_path / "huge.txt", bytes(21 * 1024 * 1024))], "default")
    assert isinstance(answer, Failed)
    assert (answer.code, "20 MiB" in answer.message) == ("body_too_large", True)


async def test_when_all_are_refused_each_says_why(api, tmp_path):
    files = [found(tmp_path / name) for name in ("a\n.txt", "b\n.txt")]
    answers = await send(api, files, "default")
    assert [type(answer) for answer in answers] == [Failed, Failed]


async def test_a_file_whose_disk_fails_in_the_middle_is_told(api):
    class Failing:
        def __init__(self) -> None:
            self.left = 3

        def read(self, size: int) -> bytes:
            self.left -= 1
            if not self.left:
                raise OSError(5, "Input/output error")
            return b"x" * size

        def close(self) -> None:
            pass

    answer = await upload.send_one(api, Sendable("a.txt", Failing()), "default")
    assert answer == Failed("a.txt", "unreadable", "It cannot be read: Input/output error.")
    assert (await api.get(DOCUMENTS))["total"] == 0


async def test_a_server_that_is_gone_is_an_error(tmp_path):
    async with to_address(Address("http://localhost:1", tmp_path / "none.sock")) as nobody:
        with pytest.raises(MecumError, match="stopped working"):
            await upload.send_one(nobody, Sendable("a.txt", b"x"), "default")


async def test_it_becomes_ready(api):
    document = await put(api, "a.md", "# Boats\n\nThe red boat.")
    assert (document["state"], document["title"], document["passages"]) == ("ready", "Boats", 1)
