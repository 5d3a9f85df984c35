"""A folder with one file of each kind, the whole way: from the disk to hits that say where in their files they stand."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.knowledge.extract import files
from tests.knowledge.extract.files import paragraph
from tests.knowledge.folders import write
from tests.knowledge.libraries import ANN, opened

from mecum.knowledge.watch import LibraryTarget, sync
from mecum.store.values import Filter
from mecum.types import Hit, Query

BORDER = b"From ada@example.org Tue Feb  3 09:12:00 2026\n"
SPREADSHEET = "".join(
    f'<table:table-row><table:table-cell office:value-type="string"><text:p>{one}</text:p></table:table-cell>'
    f'<table:table-cell office:value-type="string"><text:p>{other}</text:p></table:table-cell></table:table-row>'
    for one, other in (("Tool", "Where"), ("chisel", "attic"))
)
NOTEBOOK = [
    {"cell_type": "markdown", "source": "# Calibration\n\nThe barometer reads low."},
    {"cell_type": "code", "source": "offset = 4"},
]
FILLING = "The weather was as it had been on all the other days of that week, and nobody had anything to add to that."
CONTENTS: dict[str, str | bytes] = {  # where sections or pages share a passage, its place is that of the first
    "notes/trip.md": "# Harbour\n\nThe ferry leaves from the northern quay.\n\n"
    + f"{FILLING}\n\n" * 12
    + "## Lodging\n\nThe lighthouse has two beds.",
    "notes/plain.txt": "The password of the greenhouse radio is on the shelf.",
    "latin.txt": "Die Schlüssel hängen im Gewächshaus.".encode("cp1252"),
    "wide.txt": "Самовар стоит на кухне.".encode("utf-16"),
    "page.html": "<html><head><title>Bees</title></head><body><h1>Hives</h1><p>The third hive swarmed.</p></body></html>",
    "reports/tides.pdf": files.pdf(
        ["Page one.", *[FILLING] * 12],
        ["Page two.", *[FILLING] * 12],
        [*[FILLING] * 10, "Spring tide reached the boathouse.", *[FILLING] * 10],
        title="Tides",
    ),
    "reports/annual.docx": files.docx(
        paragraph("Results", "Heading1") + paragraph("Profit came from the orchard.") + paragraph("Outlook", "Heading1")
    ),
    "reports/letter.odt": files.odf(
        '<text:h text:outline-level="1">Chimney</text:h><text:p>The mason returns in autumn.</text:p>'
    ),
    "reports/old.rtf": rb"{\rtf1\ansi\ansicpg1252 The caf\'e9 closes on Mondays.\par}",
    "talk.pptx": files.pptx(),
    "books/sea.epub": files.epub(
        one="<h1>Whales</h1><p>A narwhal surfaced.</p>", two="<h1>Ice</h1><p>The floe cracked.</p>"
    ),
    "tables/shopping.xlsx": files.xlsx(),
    "tables/tools.ods": files.odf(f'<table:table table:name="Shed">{SPREADSHEET}</table:table>', "spreadsheet"),
    "tables/plants.csv": "Plant,Bed\nrhubarb,seven\nsorrel,two\n",
    "mail/single.eml": files.eml("The ladder is at the neighbour's.\n"),
    "mail/box.mbox": BORDER + files.eml("Bring the telescope.\n", number=2) + b"\n" + BORDER + files.eml(number=3),
    "data/boat.json": json.dumps({"boat": {"name": "Petrel", "engine": "a Yanmar diesel"}}),
    "data/lines.jsonl": "".join(
        json.dumps({"id": one, "text": f"The {one} sings at dawn."}) + "\n" for one in ("wren", "robin")
    ),
    "data/work.ipynb": json.dumps({"nbformat": 4, "cells": NOTEBOOK}),
    "chats/whatsapp.txt": "[08.05.23, 13:56:01] Ada: The sledge is mended\n[09.05.23, 08:00:00] Bo: On my way\n",
    "chats/telegram.json": files.telegram(),
    "chats/conversations.json": files.chatgpt(),
    "code/area.py": "def circumference(radius):\n    return 6.28 * radius\n",
    "README": "The gate code of the marina is written on the buoy.",
}
SKIPPED = {
    "photo.png": b"\x89PNG",
    ".hidden.md": "hidden",
    "node_modules/x/readme.md": "x",
    "all.zip": files.zipped({"a": "x"}),
}
EXPECTED: dict[str, dict[str, Any]] = {  # what is asked: the file, and what must be known of the place
    "northern quay ferry": {"path": "notes/trip.md", "kind": "markdown", "heading": "Harbour"},
    "how many beds has the lighthouse": {"path": "notes/trip.md", "heading": "Harbour > Lodging"},
    "greenhouse radio password": {"path": "notes/plain.txt", "kind": "text", "line": 1},
    "Schlüssel im Gewächshaus": {"path": "latin.txt", "kind": "text"},
    "самовар на кухне": {"path": "wide.txt", "kind": "text"},
    "which hive swarmed": {"path": "page.html", "kind": "html", "title": "Bees", "heading": "Hives"},
    "spring tide boathouse": {"path": "reports/tides.pdf", "kind": "pdf", "title": "Tides", "page": 3},
    "profit from the orchard": {
        "path": "reports/annual.docx",
        "kind": "docx",
        "title": "Annual report",
        "heading": "Results",
    },
    "when does the mason return": {"path": "reports/letter.odt", "kind": "odt", "heading": "Chimney"},
    "café closes on Mondays": {"path": "reports/old.rtf", "kind": "rtf"},
    "say it slowly budget": {"path": "talk.pptx", "kind": "pptx", "slide": 1, "heading": "Budget"},
    "narwhal surfaced": {"path": "books/sea.epub", "kind": "epub", "title": "The Sea", "heading": "Whales"},
    "price of the lamp": {"path": "tables/shopping.xlsx", "kind": "xlsx", "sheet": "Shopping", "line": 2},
    "where is the chisel": {"path": "tables/tools.ods", "kind": "ods", "sheet": "Shed", "line": 2},
    "bed of the rhubarb": {"path": "tables/plants.csv", "kind": "csv"},
    "where is the ladder": {"path": "mail/single.eml", "kind": "eml", "title": "The böat 1", "date": (2026, 2, 3, 8, 12)},
    "bring the telescope": {"path": "mail/box.mbox#2@example.org", "kind": "eml", "title": "The böat 2"},
    "Petrel engine Yanmar": {"path": "data/boat.json", "kind": "json"},
    "robin sings at dawn": {"path": "data/lines.jsonl#robin", "kind": "jsonl"},
    "barometer reads low": {"path": "data/work.ipynb", "kind": "ipynb", "heading": "Calibration"},
    "is the sledge mended": {"path": "chats/whatsapp.txt", "kind": "whatsapp", "date": (2023, 5, 8, 13, 56, 1)},
    "see example.org there": {"path": "chats/telegram.json", "kind": "telegram"},
    "the red one boat": {"path": "chats/conversations.json#x-1", "kind": "chatgpt", "title": "Boats"},
    "circumference radius": {"path": "code/area.py", "kind": "code", "heading": "def circumference(radius):"},
    "gate code of the marina": {"path": "README", "kind": "text"},
}


async def test_a_folder_of_all_kinds_is_found_in_its_places(tmp_path):
    root, home = (tmp_path / "root").resolve(), tmp_path / "home"
    home.mkdir()
    write(root, CONTENTS | SKIPPED)
    async with opened(home) as library:
        report = await sync(root, LibraryTarget(library, ANN), largest=10_000_000)
        assert (report.added, report.skipped) == (len(CONTENTS), len(SKIPPED))
        await library.settled()
        documents = (await library.list(Filter(ANN.owner), limit=1000)).items
        assert [(one.path, one.state) for one in documents if one.state != "ready"] == []
        top = {Path(one.path).relative_to(root).as_posix() for one in documents if one.parent is None}
        assert top == set(CONTENTS)
        for question, expected in EXPECTED.items():
            hit = (await library.search(Query(text=question, min_score=0.0), ANN)).hits[0]
            assert {name: value for name, value in (await _place(library, hit, root)).items() if name in expected} == {
                name: datetime(*value, tzinfo=UTC).timestamp() if name == "date" else value
                for name, value in expected.items()
            }, question
        counts = await library.counts(ANN)
        assert (counts.without_vector, counts.documents) == (0, {"ready": len(documents)})
        assert (await sync(root, LibraryTarget(library, ANN), largest=10_000_000)).unchanged == len(CONTENTS)


async def _place(library, hit: Hit, root: Path) -> dict[str, Any]:
    passage = await library.passage(hit.chunk_id, ANN)
    assert passage is not None
    assert passage.text in hit.text
    if hit.page is not None:
        assert hit.page == passage.place["page"]
    path = Path(hit.path).relative_to(root).as_posix()
    return passage.place | {"path": path, "kind": hit.kind, "title": hit.title, "heading": hit.heading, "date": hit.date}


async def test_what_no_file_answers_finds_nothing(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    write(tmp_path / "root", {"a.md": "The ferry leaves from the northern quay."})
    async with opened(home) as library:
        await sync(tmp_path / "root", LibraryTarget(library, ANN), largest=10_000_000)
        await library.settled()
        for question in ("What is the capital of Mongolia?", "zzz qqq"):
            assert (await library.search(Query(text=question, mode="keyword"), ANN)).status == "empty"
