"""The workers that read: limits, crashes and hostile files, with real processes."""

import os
import sys
from pathlib import Path

import psutil
import pytest
from tests.knowledge.extract import files

from mecum.knowledge.extract import ExtractError
from mecum.knowledge.reading import Extractor
from mecum.store.values import NewPart

WORKER = str(Path(__file__).with_name("worker.py"))
linux = pytest.mark.skipif(sys.platform != "linux", reason="these limits are Linux's")


@pytest.fixture
async def extractor():
    extractor = Extractor()
    yield extractor
    await extractor.aclose()


@pytest.fixture
async def scripted():
    """A worker under the real limits, which does what the file says instead of reading it."""
    extractor = Extractor(program=(WORKER,), wait=20)
    yield extractor
    await extractor.aclose()


async def read(extractor: Extractor, file: Path, name: str | None = None) -> tuple[str, list[NewPart]]:
    async with extractor.reading(file, name) as reading:
        return reading.kind, [part async for part in reading.parts]


@pytest.fixture
def reading(tmp_path):
    """Reads a content as the file of a name."""

    async def content(extractor: Extractor, content: bytes, name: str) -> tuple[str, list[NewPart]]:
        file = tmp_path / "content"
        file.write_bytes(content)
        return await read(extractor, file, name)

    return content


def text(found: tuple[str, list[NewPart]]) -> str:
    return found[1][0].passages[0].text


async def code(work) -> str:
    with pytest.raises(ExtractError) as caught:
        await work
    assert caught.value.message.endswith(".")
    return caught.value.code


async def test_what_comes_back_is_what_was_read(extractor, tmp_path, reading):
    file = tmp_path / "anything.bin"
    file.write_bytes(files.docx(files.paragraph("Results", "Heading1") + files.paragraph("We won.")))
    kind, (part,) = await read(extractor, file)
    (passage,) = part.passages
    assert (kind, part.about.title, passage.text) == ("docx", "Annual report", "Results\n\nWe won.")
    assert passage.place == {"start": 0, "stop": 16, "heading": "Results"}
    assert (passage.context, passage.keywords) == ("Annual report", "annual report result we won")
    assert (await reading(extractor, b"# A\n\n- b\n", "x.md"))[0] == "markdown"


@linux
async def test_small_files_share_a_warm_worker_and_large_ones_wait_at_idle_priority(extractor, reading):
    await reading(extractor, b"small", "a.txt")
    first = extractor._quick.pid
    await reading(extractor, b"small too", "a.txt")
    assert (extractor._quick.pid, extractor._slow.pid) == (first, None)
    assert psutil.Process(first).nice() == 10
    await reading(extractor, b"large " * 200_000, "a.txt")
    assert os.sched_getscheduler(extractor._slow.pid) == os.SCHED_IDLE


async def test_a_bad_file_fails_alone(extractor, reading):
    good = files.pdf(["Fine."])
    bad = {
        "damaged": [good[:200], files.docx(files.paragraph("x"))[:-30], files.zipped({"word/document.xml": "<w:docum"})],
        "unsupported": [b"\x89PNG\r\n\x1a\n\0\0\0\r", files.zipped({"x": "y"})],
        "archive_bomb": [files.docx("", x=b"\0" * 50_000_000)],
        "no_text": [files.pdf([]), files.docx("")],
        "empty": [b""],
    }
    for expected, contents in bad.items():
        for content in contents:
            assert await code(reading(extractor, content, "report.pdf")) == expected
            assert text(await reading(extractor, good, "fine.pdf")) == "Fine."


async def test_cut_and_turned_files_never_do_more_than_fail(extractor, reading):
    whole = [
        files.xlsx(),
        files.pptx(),
        files.pdf(["Some text"] * 5),
        files.epub(a="<p>b</p>"),
        files.eml(),
        files.chatgpt(),
    ]
    for content in whole:
        for cut in (0.3, 0.6, 0.9):
            damaged = bytearray(content[: int(len(content) * cut)])
            damaged[len(damaged) // 2] ^= 0xFF
            for each in (bytes(damaged), content[:-20] + bytes(damaged[:20])):
                try:
                    await reading(extractor, each, "x")
                except ExtractError as error:
                    assert error.code in ("damaged", "unsupported", "no_text", "encrypted", "archive_bomb"), error.code  # noqa: PT017


async def test_a_wrong_extension(extractor, reading):
    assert (await reading(extractor, files.pdf(["Text."]), "photo.docx"))[0] == "pdf"
    assert await code(reading(extractor, b"\0\1\2" * 100, "text.txt")) == "unsupported"


async def test_too_large(extractor, tmp_path):
    file = tmp_path / "huge.txt"
    with file.open("wb") as stream:
        stream.truncate(1024**3)
    assert await code(read(extractor, file)) == "too_large"
    assert extractor._slow.pid is None


async def test_a_file_that_cannot_be_read(extractor, tmp_path):
    assert await code(read(extractor, tmp_path / "none.txt")) == "unreadable"
    assert await code(read(extractor, tmp_path)) == "unreadable"


async def test_a_name_in_an_archive_is_never_a_path(extractor, tmp_path, reading):
    evil = tmp_path / "evil.txt"
    content = files.docx(files.paragraph("x"), **{f"../../..{evil}": "x", str(evil): "x"})
    assert text(await reading(extractor, content, "../../a.docx")) == "x"
    assert not evil.exists()


async def test_external_entities_read_nothing(extractor, tmp_path, reading):
    secret = tmp_path / "secret.txt"
    secret.write_text("canary")
    attack = f'<!DOCTYPE w [<!ENTITY x SYSTEM "file://{secret}">]>'
    word = (
        '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>&x;</w:t>'
    )
    content = files.zipped({"word/document.xml": f"{attack}{word}</w:r></w:p></w:body></w:document>"})
    assert await code(reading(extractor, content, "a.docx")) == "unsafe"


@linux
@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (b"crash", "crashed"),
        (b"exit", "crashed"),
        (b"hang", "timeout"),
        (b"spin", "timeout"),
        (b"memory", "too_large"),
        (b"write", "crashed"),
        (b"connect", "crashed"),
        (b"start", "crashed"),
    ],
)
async def test_the_limits(scripted, script, expected, reading):
    scripted._wait = 3 if script == b"hang" else 60
    assert await code(reading(scripted, script, "x")) == expected
    assert (await reading(scripted, b"work", "x"))[0] == "text"


@linux
async def test_no_secret_is_there_to_be_read(scripted, monkeypatch, reading):
    monkeypatch.setenv("MECUM_ENGINE_API_KEY", "canary")
    assert "canary" not in text(await reading(scripted, b"environment", "x"))
