import struct
import zipfile

import pytest
from lxml import etree

from mecum.knowledge.extract.archive import ENTRIES, Archive, join, parse_xml
from mecum.knowledge.extract.base import ExtractError

from . import files


def test_it_reads_entries_whatever_their_names_are():
    archive = Archive(files.zipped({"../../etc/passwd": "a", "C:\\evil": "b", "/abs": "c"}))
    assert archive.read("../../etc/passwd") == b"a"
    assert archive.read("nothing") is None


@pytest.mark.parametrize(
    "entries",
    [
        {"a": b"\0" * 50_000_000},  # steep
        {f"a{number}": b"\0" * 1_000_000 for number in range(60)},  # steep together
        {str(number): "" for number in range(ENTRIES + 1)},
    ],
    ids=["one steep entry", "many", "entries"],
)
def test_bombs_are_not_unpacked(entries):
    with pytest.raises(ExtractError) as caught:
        Archive(files.zipped(entries))
    assert caught.value.code == "archive_bomb"


def test_more_than_the_limit_in_all():
    data = bytearray(files.zipped({"a": b"x" * 1000}, compress=zipfile.ZIP_STORED))
    at = data.index(b"PK\x01\x02") + 20  # the packed and the unpacked size in the directory
    struct.pack_into("<II", data, at, 3_000_000, 290_000_000)
    with pytest.raises(ExtractError) as caught:
        Archive(bytes(data))
    assert caught.value.code == "archive_bomb"


def test_an_entry_that_gives_more_than_it_says_is_cut_off():
    data = bytearray(files.zipped({"a": b"\0" * 5_000_000}))
    for signature, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        struct.pack_into("<I", data, data.index(signature) + offset, 10)
    with pytest.raises((ExtractError, zipfile.BadZipFile)):
        Archive(bytes(data)).read("a")


def test_a_password():
    data = bytearray(files.zipped({"a": "x"}))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(ExtractError, match="password") as caught:
        Archive(bytes(data))
    assert caught.value.code == "encrypted"


@pytest.mark.parametrize("cut", [4, 30, 60])
def test_a_damaged_one(cut):
    with pytest.raises(ExtractError) as caught:
        Archive(files.zipped({"a": "x" * 100})[:-cut])
    assert caught.value.code == "damaged"


def test_xml_with_entities_is_refused(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("canary")
    outer = f'<!DOCTYPE a [<!ENTITY x SYSTEM "file://{secret}">]><a>&x;</a>'
    inner = "<!DOCTYPE a [" + "".join(f'<!ENTITY x{n} "{f"&x{n - 1};" * 9}">' for n in range(1, 9)) + "]><a>&x8;</a>"
    for text in (outer, inner):
        for encoding in ("utf-8", "utf-16"):
            with pytest.raises((ExtractError, etree.XMLSyntaxError)):
                parse_xml(text.encode(encoding))


def test_plain_xml():
    assert parse_xml(b"<!DOCTYPE a><a>b</a>").text == "b"
    assert join("ppt/slides/slide1.xml", "../notes/n.xml") == "ppt/notes/n.xml"
    assert join("a/b.xml", "/c.xml") == "c.xml"
