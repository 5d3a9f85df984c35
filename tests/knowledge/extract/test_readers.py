"""What each kind of file gives: its text, in order, with the places that it tells."""

import contextlib
import json
from datetime import UTC, datetime

import pytest

from mecum.knowledge.extract.base import Extracted, ExtractError, Part
from mecum.knowledge.extract.readers import read

from . import files
from .files import paragraph


def one(content: bytes, name: str = "") -> Part:
    found = read(content, name)
    assert len(found.parts) == 1
    return found.parts[0]


def rows(part: Part) -> list[tuple[str, str]]:
    for block in part.blocks:
        assert part.text[block.start : block.start + len(block.text)] == block.text
    return [(block.kind, block.text) for block in part.blocks]


def day(*date: int) -> float:
    return datetime(*date, tzinfo=UTC).timestamp()


def test_prose():
    part = one(b"First line\nsecond line\r\n\r\n\r\nNext.\n", "a.txt")
    assert (part.kind, rows(part)) == ("text", [("text", "First line\nsecond line"), ("text", "Next.")])
    assert [block.place.line for block in part.blocks] == [1, 5]
    assert part.text == "First line\nsecond line\n\nNext."


def test_markdown():
    head = '---\ntitle: "My trip"\ndate: 2024-03-01\n---\n'
    text = head + "# Harbour\nWe came\nat noon.\n\nBoats\n-----\n```py\n# no heading\n\nx = 1\n```\n"
    part = one(text.encode(), "trip.md")
    assert (part.title, part.date) == ("My trip", day(2024, 3, 1))
    assert rows(part) == [
        ("heading", "Harbour"),
        ("text", "We came\nat noon."),
        ("heading", "Boats"),
        ("code", "# no heading\n\nx = 1"),
    ]
    assert part.blocks[3].place.heading == ("Harbour", "Boats")
    assert part.blocks[3].place.line == 12


def test_code():
    part = one(b"import os\n\n\ndef area(r):\n    x = 1\n\n    return x\n", "a.py")
    assert [block.place.heading for block in part.blocks] == [(), ("def area(r):",), ("def area(r):",)]
    assert [block.place.line for block in part.blocks] == [1, 4, 7]


def test_html():
    page = (
        "<!doctype html><html><head><title> A  page</title><script>evil()</script></head><body><nav>Home</nav>"
        "<h1>Tides</h1><p>High <b>water</b> comes<br>twice.</p><ul><li>one</li><li>two</li></ul><div hidden>no</div>"
        "<h2>Table</h2><table><tr><th>Day</th><td>4 m</td></tr></table><pre>a\n  b</pre><p style='display: none'>no</p>"
        "tail<footer>Imprint</footer></body></html>"
    )
    part = one(page.encode())
    assert part.title == "A page"
    assert rows(part) == [
        ("heading", "Tides"),
        ("text", "High water comes\ntwice."),
        ("text", "- one"),
        ("text", "- two"),
        ("heading", "Table"),
        ("row", "Day | 4 m"),
        ("code", "a\n  b"),
        ("text", "tail"),
    ]
    assert part.blocks[5].place.heading == ("Tides", "Table")


def test_html_says_its_encoding():
    page = "<html><head><meta charset=windows-1251></head><body><p>Привет, мир</p></body></html>".encode("cp1251")
    assert one(page).text == "Привет, мир"


def test_deeply_nested_html_is_read_or_refused_but_never_more():
    with contextlib.suppress(ExtractError):
        assert one(b"<html>" + b"<div>" * 50_000 + b"deep" + b"</div>" * 50_000).text == "deep"


def test_pdf():
    long = "This line is about as long as the others of its paragraph, which goes"
    top = "Harbour office"
    pages = [
        [top, f"{word} {long}", "on here and ends.", "A second para-", f"graph {word}.", f"Page {number}"]
        for number, word in enumerate(("one", "two", "three"), 1)
    ]
    part = one(files.pdf(*pages, title="Tide tables"))
    assert (part.title, part.date) == ("Tide tables", day(2024, 3, 1))
    assert [block.place.page for block in part.blocks] == [1, 1, 2, 2, 3, 3]
    assert rows(part)[:2] == [("text", f"one {long} on here and ends."), ("text", "A second paragraph one.")]
    assert top not in part.text
    assert "Page" not in part.text


def test_a_pdf_without_text_says_what_to_do():
    with pytest.raises(ExtractError, match="text recognition") as caught:
        read(files.pdf([], []), "scan.pdf")
    assert caught.value.code == "no_text"


def test_docx():
    body = (
        paragraph("Results", "Heading1")
        + '<w:p><w:r><w:t xml:space="preserve">We </w:t></w:r><w:ins><w:r><w:t>won</w:t></w:r></w:ins>'
        "<w:del><w:r><w:delText>lost</w:delText></w:r></w:del><w:r><w:tab/><w:t>twice.</w:t><w:lastRenderedPageBreak/></w:r></w:p>"
        + paragraph("Details", "H2x")
        + "<w:p><w:pPr><w:numPr/></w:pPr><w:r><w:t>first</w:t></w:r></w:p>"
        + f"<w:tbl><w:tr><w:tc>{paragraph('Rent')}</w:tc><w:tc>{paragraph('900')}</w:tc></w:tr></w:tbl>"
        + paragraph("Deeper", "Own")
    )
    part = one(files.docx(body))
    assert (part.title, part.date) == ("Annual report", day(2024, 3, 1, 10))
    assert rows(part) == [
        ("heading", "Results"),
        ("text", "We won\ttwice."),
        ("heading", "Details"),
        ("text", "- first"),
        ("row", "Rent | 900"),
        ("heading", "Deeper"),
    ]
    assert [block.place.page for block in part.blocks] == [1, 1, 2, 2, 2, 2]
    assert part.blocks[-1].place.heading == ("Results", "Details", "Deeper")


def test_a_word_paragraph_behind_a_page_break_is_on_the_new_page():
    new_page = "<w:p><w:r><w:lastRenderedPageBreak/><w:t>Second.</w:t></w:r></w:p>"
    over = "<w:p><w:r><w:t>Begins here,</w:t></w:r><w:r><w:lastRenderedPageBreak/><w:t>ends there.</w:t></w:r></w:p>"
    part = one(files.docx(paragraph("First.") + new_page + over + paragraph("Third.")))
    assert [block.place.page for block in part.blocks] == [1, 2, 2, 3]


def test_pptx():
    part = one(files.pptx())
    assert rows(part) == [
        ("heading", "Budget"),
        ("text", "We spend less."),
        ("row", "Rent | 900"),
        ("text", "Say it slowly."),
        ("heading", "Thanks"),
    ]
    assert [block.place.slide for block in part.blocks] == [1, 1, 1, 1, 2]


def test_xlsx():
    part = one(files.xlsx())
    assert rows(part) == [
        ("row", "Item: Lamp; Price: 20; Bought: 2024-02-29"),
        ("row", "Price: 2.5"),
        ("row", "1 | loose"),
    ]
    assert [(block.place.sheet, block.place.line) for block in part.blocks] == [
        ("Shopping", 2),
        ("Shopping", 3),
        ("Rest", 1),
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv(separator):
    lines = [["Name", "Note"], ["Ada", '"a, b; c"'], ["Bo", '"two\nlines"']]
    part = one("\n".join(separator.join(line) for line in lines).encode(), "a.csv")
    assert [text for _, text in rows(part)] == ["Name: Ada; Note: a, b; c", "Name: Bo; Note: two lines"]


def test_odt_and_odp():
    body = (
        '<text:h text:outline-level="1">Harbour</text:h><text:p>Two<text:s text:c="2"/>boats<text:line-break/>came.</text:p>'
        "<text:list><text:list-item><text:p>red</text:p></text:list-item></text:list>"
        "<table:table><table:table-row><table:table-cell><text:p>Rent</text:p></table:table-cell>"
        "<table:table-cell><text:p>900</text:p></table:table-cell></table:table-row></table:table>"
    )
    part = one(files.odf(body))
    assert part.kind == "odt"
    assert [text for _, text in rows(part)] == ["Harbour", "Two  boats\ncame.", "- red", "Rent | 900"]
    slides = "<draw:page><text:p>one</text:p></draw:page><draw:page><text:p>two</text:p></draw:page>"
    part = one(files.odf(slides, "presentation"))
    assert [(block.text, block.place.slide) for block in part.blocks] == [("one", 1), ("two", 2)]


def test_epub_in_reading_order():
    part = one(files.epub(z="<h1>One</h1><p>First.</p>", a="<h1>Two</h1><p>Second.</p>"))
    assert part.title == "The Sea"
    assert [text for _, text in rows(part)] == ["One", "First.", "Two", "Second."]


def test_rtf():
    part = one(rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}\f0 Gr\'fc\'dfe\par \u26085?\u26412? second\par}")
    assert [text for _, text in rows(part)] == ["Grüße", "日本 second"]


def test_a_mail():
    part = one(files.eml())
    assert (part.title, part.date, part.name) == ("The böat 1", day(2026, 2, 3, 8, 12), "")
    assert rows(part)[0][1].splitlines()[0] == "From: Ada <ada@example.org>"
    assert [text for _, text in rows(part)[1:]] == ["Dear Bo,", "the boat leaves at nine."]


def test_a_mail_of_html_with_something_attached():
    content = (
        "From: a@example.org\nDate: Tue, 03 Feb 2026 09:12:00 +0000\nMIME-Version: 1.0\n"
        'Content-Type: multipart/mixed; boundary="b"\n\n'
        "--b\nContent-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n"
        "<p>Sch=F6n</p><img src='http://tracker.example/x'>\n"
        '--b\nContent-Type: application/pdf\nContent-Disposition: attachment; filename="../../plan.pdf"\n\nx\n--b--\n'
    )
    part = one(content.encode())
    assert [text for _, text in rows(part)[1:]] == ["Schön", "Attachments: ../../plan.pdf"]


def test_a_mailbox_gives_a_document_for_each_mail():
    border = b"From ada@example.org Tue Feb  3 09:12:00 2026\n"
    mails = (
        border + files.eml("One.\n>From here on.\n\n") + border + files.eml(number=2) + b"\n" + border + files.eml(number=2)
    )
    found = read(mails, "mails.txt")
    assert found.kind == "mbox"
    assert [part.name for part in found.parts] == ["1@example.org", "2@example.org", "2@example.org-2"]
    assert "From here on." in found.parts[0].text


def test_json():
    content = {
        "title": "Boat",
        "owner": {"name": "Ada", "age": 7},
        "tags": ["red", "old"],
        "story": "long " * 60,
        "none": None,
    }
    part = one(json.dumps(content).encode())
    assert part.title == "Boat"
    assert [(block.text.strip(), block.place.heading) for block in part.blocks] == [
        ("title: Boat", ()),
        ("name: Ada; age: 7", ("owner",)),
        ("red, old", ("tags",)),
        ("long " * 59 + "long", ("story",)),
    ]


def test_json_of_messages_is_a_conversation():
    messages = [{"role": "user", "content": "Where?"}, {"role": "assistant", "content": [{"type": "text", "text": "Here."}]}]
    part = one(json.dumps({"messages": messages}).encode())
    assert rows(part) == [("turn", "user: Where?"), ("turn", "assistant: Here.")]
    assert part.blocks[0].speaker == "user"


def test_jsonl_gives_a_document_for_each_line_with_a_text():
    lines = [
        {"_id": "a", "title": "T", "text": "one\n\ntwo", "metadata": {"x": 1}},
        {"id": 7, "messages": [{"from": "Ada", "text": "Hi", "date": "2023-05-08"}]},
        {"name": "no text", "n": 3},
        {"_id": "a", "text": "again"},
    ]
    found = read("\n".join(map(json.dumps, lines)).encode() + b'\n{"text": "cut o', "x.log")
    assert found.kind == "jsonl"
    assert [(part.name, part.text) for part in found.parts] == [
        ("a", "one\n\ntwo"),
        ("7", "Monday, 8 May 2023\n\nAda: Hi"),
        ("a-4", "again"),
        ("", "name: no text; n: 3"),
    ]
    assert found.parts[0].title == "T"
    assert found.parts[0].metadata == {"x": 1}


def test_a_notebook():
    cells = [
        {"cell_type": "markdown", "source": ["# Tides\n", "Read them."]},
        {"cell_type": "code", "source": "print(1)", "outputs": [{"text": ["1\n"]}, {"data": {"text/plain": "2"}}]},
    ]
    part = one(json.dumps({"nbformat": 4, "cells": cells}).encode())
    assert rows(part) == [("heading", "Tides"), ("text", "Read them."), ("code", "print(1)"), ("code", "1"), ("code", "2")]
    assert part.blocks[2].place.heading == ("Tides",)


@pytest.mark.parametrize(
    ("lines", "first"),
    [
        (["[08.05.23, 13:56:01] Ada: Hi", "[09.05.23, 08:00:00] Bo: On", "my way: now"], (2023, 5, 8, 13, 56, 1)),
        (["5/8/23, 1:56\u202fPM - Ada: Hi", "5/19/23, 8:00\u202fAM - Bo: On", "my way: now"], (2023, 5, 8, 13, 56)),
        (["08/05/2023, 13:56 - Ada: Hi", "19/05/2023, 08:00 - Bo: On", "my way: now"], (2023, 5, 8, 13, 56)),
        (["2023-05-08, 13:56 - Ada: Hi", "2023-05-19, 08:00 - Bo: On", "my way: now"], (2023, 5, 8, 13, 56)),
    ],
)
def test_whatsapp(lines, first):
    lines[1:1] = [
        lines[0].replace("Ada: Hi", "Messages are end-to-end encrypted"),
        lines[0].replace("Hi", "<Media omitted>"),
    ]
    part = one("\n".join(lines).encode(), "chat.txt")
    assert part.kind == "whatsapp"
    assert part.date == day(*first)
    turns = [(block.speaker, block.text) for block in part.blocks if block.kind == "turn"]
    assert turns == [("Ada", "Ada: Hi"), ("Bo", "Bo: On\nmy way: now")]
    assert part.blocks[0].text == "Monday, 8 May 2023"
    assert part.blocks[1].date == day(*first)


def test_telegram():
    part = one(files.telegram())
    assert (part.kind, part.title) == ("telegram", "Ada")
    assert rows(part) == [
        ("heading", "Monday, 8 May 2023"),
        ("turn", "Ada: Hi"),
        ("heading", "Tuesday, 9 May 2023"),
        ("turn", "Bo: see example.org there"),
    ]
    everything = {"chats": {"list": [json.loads(files.telegram()), {**json.loads(files.telegram()), "id": 10}]}}
    assert [part.name for part in read(json.dumps(everything).encode(), "").parts] == ["9", "10"]


def test_chatgpt_gives_each_conversation_by_its_open_branch():
    found = read(files.chatgpt(), "conversations.json")
    assert [(part.name, part.title) for part in found.parts] == [("x-1", "Boats"), ("x-2", "Boats")]
    assert [block.text for block in found.parts[0].blocks if block.kind == "turn"] == [
        "user: Which boat?",
        "assistant: The red one.",
    ]
    assert "first answer" in found.parts[1].text
    assert "hidden" not in found.parts[0].text


def test_ods():
    cells = "".join(
        f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'
        for text in ("a", "b", "c")
    )
    table = f'<table:table table:name="S"><table:table-row>{cells}</table:table-row></table:table>'
    part = one(files.odf(table, "spreadsheet"))
    assert part.kind == "ods"
    assert part.text == "a | b | c"


@pytest.mark.parametrize("content", [b"", b"  \n ", "\ufeff".encode()])
def test_an_empty_file(content):
    with pytest.raises(ExtractError) as caught:
        read(content, "a.txt")
    assert caught.value.code in ("empty", "no_text")


def test_what_comes_out_is_one_value():
    assert isinstance(read(b"text", "a.txt"), Extracted)


def test_a_mail_of_parts_in_parts_is_refused_before_it_costs_anything():
    levels = "".join(f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(3000))
    with pytest.raises(ExtractError) as caught:
        read(f"From: a@example.org\nDate: Tue, 03 Feb 2026 09:12:00 +0000\n{levels}".encode(), "a.eml")
    assert caught.value.code == "unsafe"
