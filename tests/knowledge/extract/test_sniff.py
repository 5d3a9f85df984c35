import pytest

from mecum.knowledge.extract.base import ExtractError
from mecum.knowledge.extract.readers import READERS
from mecum.knowledge.extract.sniff import kind_of

from . import files

BY_BYTES = {
    "pdf": files.pdf(["x"]),
    "docx": files.docx(files.paragraph("x")),
    "pptx": files.pptx(),
    "xlsx": files.xlsx(),
    "odt": files.odf(""),
    "odp": files.odf("", "presentation"),
    "ods": files.odf("", "spreadsheet"),
    "epub": files.epub(a="x"),
    "rtf": b"{\\rtf1 x}",
    "html": b"\n<!-- saved -->\n<!DOCTYPE html><html>",
    "eml": files.eml(),
    "mbox": b"From a@b Tue Feb  3 09:12:00 2026\n" + files.eml(),
    "chatgpt": files.chatgpt(),
    "telegram": files.telegram(),
    "ipynb": b'{"cells": [], "nbformat": 4}',
    "json": b'[1, {"a": 2}]',
    "jsonl": b'{"a": 1}\n{"b": 2}\n',
    "whatsapp": b"[08.05.23, 13:56:01] Ada: Hi\n[08.05.23, 13:57:01] Bo: Hi\n",
}


def test_every_kind_has_a_reader():
    assert set(READERS) == {*BY_BYTES, "text", "markdown", "code", "csv"}


@pytest.mark.parametrize("kind", BY_BYTES)
@pytest.mark.parametrize("name", ["", "file.txt", "file.pdf", "file.md", "no extension"])
def test_the_bytes_decide(kind, name):
    assert kind_of(BY_BYTES[kind], name) == kind


@pytest.mark.parametrize(
    ("content", "name", "kind"),
    [
        (b"Dear all,\n\nit rains.", "a.txt", "text"),
        (b"Dear all,\n\nit rains.", "", "text"),
        (b"Dear all,\n\nit rains.", "notes.md", "markdown"),
        (b"# Plan\n\n- one\n- two\n", "", "markdown"),
        (b"# Plan\n\n- one\n- two\n", "plan.txt", "text"),
        (b"x = 1\n", "a.py", "code"),
        (b"all:\n\techo\n", "Makefile", "code"),
        (b"#!/bin/sh\necho\n", "run", "code"),
        (b"a,b,c\n1,2,3\n4,5,6\n7,8,9\n", "", "csv"),
        (b"a\tb\n", "a.tsv", "csv"),
        (b"From here on, all is well.\nDate: unknown\n", "", "text"),
        (b"{not json", "", "text"),
        ("Grüße".encode("utf-16"), "", "text"),
    ],
)
def test_the_name_only_tells_plain_texts_apart(content, name, kind):
    assert kind_of(content, name) == kind


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "holds no text"),
        (bytes(range(256)) * 4, "holds no text"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 100, r"Save it as \.docx"),
        (files.zipped({"a.txt": "x"}), "Unpack it"),
    ],
)
def test_what_is_not_read_says_what_to_do(content, why):
    with pytest.raises(ExtractError, match=why) as caught:
        kind_of(content, "document.txt")
    assert caught.value.code == "unsupported"


def test_an_office_file_with_a_password_is_told_from_an_old_one():
    old = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
    for content, code in ((old, "unsupported"), (old + "EncryptedPackage".encode("utf-16-le"), "encrypted")):
        with pytest.raises(ExtractError) as caught:
            kind_of(content, "a.docx")
        assert caught.value.code == code
