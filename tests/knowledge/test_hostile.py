"""Hostile and broken files, the whole way: each fails with a reason or goes in as what it is, and harms nothing else.

What the readers make of each kind stands in `extract/` and `reading/`; here it is the library that has to live with it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tests.knowledge import hostile
from tests.knowledge.extract import files
from tests.knowledge.folders import write
from tests.knowledge.libraries import ANN, BEN, add, answers, opened, paths

from mecum.knowledge.library import NewFile
from mecum.knowledge.watch import LibraryTarget, sync
from mecum.store.values import Document, Filter

MIB = 1024 * 1024
FAILING: dict[str, tuple[str, Callable[[], bytes]]] = {
    "nested-zips.docx": ("unsupported", hostile.nested_zip),
    "bomb.docx": ("archive_bomb", hostile.docx_bomb),
    "text-bomb.docx": ("archive_bomb", hostile.text_bomb),
    "entries.docx": ("archive_bomb", hostile.many_entries),
    "lying.docx": ("damaged", hostile.lying_docx),
    "laughs.docx": ("damaged", hostile.laughing_docx),
    "laughs.epub": ("damaged", hostile.laughing_epub),
    "laughs.xlsx": ("damaged", hostile.laughing_xlsx),
    "meddling.docx": ("unsafe", hostile.meddling_docx),
    "nested.docx": ("damaged", lambda: hostile.nested_docx(10_000)),
    "half.docx": ("damaged", lambda: files.docx(files.paragraph("x"))[:-40]),
    "broken.pdf": ("damaged", lambda: files.pdf(["x"])[:150]),
    "circular.pdf": ("damaged", hostile.circular_pdf),
    "locked.pdf": ("encrypted", hostile.locked_pdf),
    "scan.pdf": ("no_text", lambda: files.pdf([], [])),
    "picture.txt": ("unsupported", lambda: b"\x89PNG\r\n\x1a\n" + bytes(1000)),
    "program.md": ("unsupported", lambda: b"\x7fELF" + bytes(range(256)) * 20),
    "packed.txt": ("unsupported", lambda: hostile.ZIPPED_TEXT),
    "nuls.txt": ("unsupported", lambda: b"some words\0" * 1000),
    "only-nuls.csv": ("unsupported", lambda: bytes(100_000)),
    "ancient.docx": ("unsupported", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000)),
    "blank.txt": ("empty", lambda: b" \n\t\n" * 100),
}
CRASHING: dict[str, tuple[str, Callable[[], bytes]]] = {  # a reader that runs into its limits dies, and another is begun
    "far-cell.xlsx": ("", hostile.far_cell_xlsx),
    "repeating.ods": ("", hostile.repeating_ods),
    "nested.eml": ("", lambda: hostile.nested_mail(1_500)),
}
HARMLESS: dict[str, Callable[[], bytes]] = {  # odd, but there is something to read in them
    "really-a-pdf.docx": lambda: files.pdf(["A misnamed harvest."]),
    "really-text.pdf": lambda: b"Just words about the harvest.",
    "laughs.svg": lambda: hostile.LAUGHS.encode() + b"<svg>&l10; harvest</svg>",
    "laughs.html": lambda: b"<html>" + hostile.LAUGHS.encode() + b"<p>&l10; harvest</p></html>",
    "traversing.docx": lambda: hostile.traversing_docx("../../../evil.txt", "/evil.txt", "C:\\evil.txt", "..\\evil.txt"),
    "bomb.pdf": hostile.pdf_bomb,
    "counting.pdf": lambda: files.pdf(["A harvest."]).replace(b"/Count 1", b"/Count 2147483647"),
    "deep.json": lambda: b"[" * 20_000 + b'"harvest"',
    "deeper.json": lambda: b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
    "line.txt": lambda: b"x" * 200_000,
    "long-line.json": lambda: b'{"text": "' + b"harvest " * 5_000 + b'"}',
    "quote.csv": lambda: b'a,b,c\n"' + b"x" * 200_000,
    "quotes.md": lambda: b">" * 5_000 + b" harvest",
    "braces.rtf": lambda: b"{\\rtf1" + b"{" * 50_000 + b"harvest",
    "parts.eml": lambda: hostile.multipart_mail(100),
    "spaces.odt": hostile.repeating_odt,
}


@pytest.fixture
def root(tmp_path):
    return (tmp_path / "root").resolve()


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


async def followed(library, root: Path) -> dict[str, Document]:
    """Take a folder in, and return what became of its files."""
    await sync(root, LibraryTarget(library, ANN), largest=200 * MIB)
    await library.settled()
    page = await library.list(Filter(ANN.owner), limit=1000)
    return {Path(one.path).relative_to(root).as_posix(): one for one in page.items}


async def test_hostile_files_fail_with_a_reason_and_the_others_go_in(root, home, tmp_path):
    write(root, {name: make() for name, (_, make) in {**FAILING, **CRASHING}.items()})
    write(root, {name: make() for name, make in HARMLESS.items()})
    good = {f"good-{number}.md": f"The good harvest of the year {1900 + number}." for number in range(20)}
    write(root, good)
    before, running = set(tmp_path.iterdir()), set(psutil.Process().children(recursive=True))
    async with opened(home) as library:
        documents = await followed(library, root)
        assert set(documents) == {*FAILING, *CRASHING, *HARMLESS, *good}
        for name, (code, _) in FAILING.items():
            document = documents[name]
            assert document.error is not None, name
            assert (name, document.error.code) == (name, code)
            assert document.state == ("no_text" if code in ("no_text", "empty") else "failed"), name
        for name in CRASHING:
            assert documents[name].error or documents[name].state == "ready", name
        for document in documents.values():
            if document.error:
                assert document.error.message.endswith("."), document.path
                assert str(tmp_path) not in document.error.message
                assert document.passages == 0
        for name in (*HARMLESS, *good):
            assert documents[name].state in ("ready", "no_text"), (name, documents[name].error)
        scan = documents["scan.pdf"].error
        assert scan is not None
        assert "Run text recognition over it" in scan.message
        assert {Path(path).name for path in await answers(library, "good harvest of the year", k=50)} >= set(good)
        (best, *_) = await answers(library, "good harvest of the year 1907")
        assert Path(best).name == "good-7.md"
        assert (await library.original(documents["bomb.docx"].id, ANN)).stat().st_size == documents["bomb.docx"].size
    assert set(tmp_path.iterdir()) == before
    assert not list(tmp_path.rglob("*evil*"))
    ours = set(psutil.Process().children(recursive=True)) - running
    assert not [one for one in ours if "mecum" in " ".join(one.cmdline())]


async def test_a_gigabyte_of_text_fails_at_once(root, home):
    write(root, {"good.md": "The harvest."})
    with (root / "huge.txt").open("wb") as stream:
        stream.truncate(1024 * MIB)
    os.utime(root / "huge.txt", (1, 1))
    async with opened(home) as library:
        documents = await followed(library, root)
        assert set(documents) == {"good.md"}  # a walk leaves it out, with its size as the reason
        content = library.temporary()
        with content.open("wb") as stream:
            stream.truncate(1024 * MIB)  # somebody's target lets it through
        began = time.monotonic()
        new = NewFile(path="/huge.txt", content=content, sha256="0" * 64, size=1024 * MIB)
        document = await library.add(new, ANN)
        (done,) = await library.wait([document.id], ANN, until="ready", timeout=60)
        assert time.monotonic() - began < 30
        assert done.error is not None
        assert (done.state, done.error.code) == ("failed", "too_large")
        assert "1,024 MiB; the most is 200 MiB" in done.error.message
        assert [Path(path).name for path in await answers(library, "harvest")] == ["good.md"]
        assert await library.remove([document.id], ANN) == 1
        assert not [file for file in home.rglob("*") if file.is_file() and file.stat().st_size >= 1024 * MIB]


@pytest.mark.skipif(sys.platform != "linux", reason="its own names")
async def test_names_are_labels(home, tmp_path):
    names = [
        *(
            "../../../../etc/passwd",
            "/etc/passwd",
            "..\\..\\evil.txt",
            "C:\\Windows\\system.ini",
            "\\\\server\\share\\x.txt",
        ),
        *(
            "CON",
            "nul.txt",
            "a\nb\t.txt",
            "evil\u202etxt.exe",
            "." * 300,
            "x" * 5_000,
            "'; DROP TABLE documents; --",
            "%2e%2e%2f",
        ),
        *("~/.ssh/id_rsa", "-rf", " ", "#", "a#b#c.mbox", "\ufeff.txt", "é", "e\u0301"),
    ]
    async with opened(home) as library:
        for number, name in enumerate(names):
            document = await add(library, name, f"The harvest number {number}.")
            assert (document.path, document.state) == (name, "ready")
            assert (await library.original(document.id, ANN)).is_relative_to(home)
        assert sorted(await paths(library)) == sorted(names)
        assert await paths(library, BEN) == []
        assert await library.remove_path("../../../../etc", None, ANN) == 1
        assert await library.remove_path("/", None, ANN) == 1
    assert {one.name for one in tmp_path.iterdir()} == {"home"}


async def test_links_in_circles_and_out_of_the_folder(root, home, tmp_path):
    write(root, {"a.md": "The harvest.", "sub/b.md": "The winter."})
    write(tmp_path, {"secret/c.md": "The secret."})
    (root / "round").symlink_to(root)
    (root / "sub/up").symlink_to(root)
    (root / "self.md").symlink_to("self.md")
    (root / "one.md").symlink_to("two.md")
    (root / "two.md").symlink_to("one.md")
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "out.md").symlink_to(tmp_path / "secret/c.md")
    async with opened(home) as library:
        assert set(await followed(library, root)) == {"a.md", "sub/b.md"}
        assert await answers(library, "secret", mode="keyword") == []
