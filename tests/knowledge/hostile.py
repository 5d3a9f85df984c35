"""Makes files that are meant to do harm, or that somebody broke: what a library has to live with."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Callable

from tests.knowledge.extract import files

_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
LAUGHS = (
    "<!DOCTYPE x ["
    + "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' if n else '<!ENTITY l0 "ha"><!ENTITY l1 "ha">' for n in range(10))
    + "]>"
)


def nested_zip() -> bytes:
    """A zip of zips of zips, each of three times the one before."""
    content = bytes(2_000_000)
    for level in range(5):
        content = files.zipped({f"{level}-{number}": content for number in range(3)})
    return content


def docx_bomb() -> bytes:
    return files.docx("", **{"word/media/a.bin": bytes(60_000_000)})


def text_bomb() -> bytes:
    """A document whose text is within the limits of an archive, and large."""
    return files.docx(files.paragraph("boom " * 4_000_000))


def many_entries() -> bytes:
    return files.docx("", **{f"{number:x}": "" for number in range(10_001)})


def lying_docx() -> bytes:
    """An archive that says an entry is small."""
    content = bytearray(files.docx(files.paragraph("y" * 5_000_000)))
    for match in re.finditer(rb"PK\x01\x02", content):
        content[match.start() + 24 : match.start() + 28] = (10).to_bytes(4, "little")
    return bytes(content)


def traversing_docx(*names: str) -> bytes:
    return files.docx(files.paragraph("A harmless harvest."), **dict.fromkeys(names, "evil"))


def meddling_docx() -> bytes:
    """External entities and a template from elsewhere: reading it must open nothing."""
    document = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><w:document xmlns:w="{_W}"><w:body>'
    return files.zipped({"word/document.xml": document + "<w:p><w:r><w:t>&e;</w:t></w:r></w:p></w:body></w:document>"})


def laughing_docx() -> bytes:
    document = f'<?xml version="1.0"?>{LAUGHS}<w:document xmlns:w="{_W}"><w:body><w:p><w:r><w:t>&l10;</w:t></w:r></w:p>'
    return files.zipped({"word/document.xml": document + "</w:body></w:document>"})


def laughing_epub() -> bytes:
    return _with(files.epub(a="<p>x</p>"), "container.xml", lambda _: LAUGHS.encode() + b"<x>&l10;</x>")


def laughing_xlsx() -> bytes:
    return _with(files.xlsx(), "sharedStrings.xml", lambda data: LAUGHS.encode() + data.replace(b"Item", b"&l10;"))


def far_cell_xlsx() -> bytes:
    """A sheet with a cell at its beginning, and one at the end that a sheet can have."""
    last = b'</row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    return _with(files.xlsx(), "two.xml", lambda data: data.replace(b"</row>", last))


def _with(content: bytes, ending: str, change: Callable[[bytes], bytes]) -> bytes:
    """Change one of the entries of an archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as old:
        entries = {name: old.read(name) for name in old.namelist()}
    return files.zipped({name: change(data) if name.endswith(ending) else data for name, data in entries.items()})


def repeating_ods() -> bytes:
    cells = '<table:table-cell office:value-type="string" table:number-columns-repeated="16000"><text:p>x</text:p>'
    cells += "</table:table-cell>"
    rows = f'<table:table-row table:number-rows-repeated="1000000">{cells}</table:table-row>'
    return files.odf(f'<table:table table:name="T">{rows}</table:table>', "spreadsheet")


def repeating_odt() -> bytes:
    return files.odf('<text:p>x<text:s text:c="2000000000"/>y</text:p>')


def nested_docx(depth: int) -> bytes:
    return files.docx("<w:tbl><w:tr><w:tc>" * depth + files.paragraph("x") + "</w:tc></w:tr></w:tbl>" * depth)


def locked_pdf() -> bytes:
    content = files.pdf(["A secret."])
    lock = b"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s> >> /ID [<00> <00>] >>"
    return content.replace(b">>\nstartxref", lock % (b"41" * 32, b"42" * 32) + b"\nstartxref")


def pdf_bomb() -> bytes:
    """A page whose text is compressed thousandfold."""
    packed = zlib.compress(zlib.compress(b"BT (x) Tj ET\n" * 500_000, 9), 9)
    content = files.pdf(["SPLIT"])
    stream = b"<< /Filter [/FlateDecode /FlateDecode] /Length %d >>\nstream\n" % len(packed) + packed + b"\nendstream"
    return re.sub(rb"<< /Length \d+ >>\nstream\n.*?endstream", lambda _: stream, content, flags=re.DOTALL)


def circular_pdf() -> bytes:
    """Pages that are their own parents."""
    return files.pdf(["x"]).replace(b"/Kids [4 0 R]", b"/Kids [2 0 R]")


def nested_mail(depth: int) -> bytes:
    head = b"From: a@x\nDate: Tue, 03 Feb 2026 09:12:00 +0100\n"
    return head + b"Content-Type: message/rfc822\n\n" * depth + b"Subject: x\n\nwords\n"


def multipart_mail(parts: int) -> bytes:
    head = b"From: a@x\nDate: Tue, 03 Feb 2026 09:12:00 +0100\nContent-Type: multipart/mixed; boundary=b\n\n"
    return head + b"--b\nContent-Type: multipart/mixed; boundary=b\n\n" * parts


ZIPPED_TEXT = gzip.compress(b"words " * 1000)
