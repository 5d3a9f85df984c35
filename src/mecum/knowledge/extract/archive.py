"""Reads the zip files that Office, OpenDocument and EPUB files are, within limits.

Invariants (`tests/knowledge/extract/test_archive.py`): nothing is unpacked to the disk, so no name in an archive is ever a
path; what the archive says of its sizes is checked before anything is unpacked, and no entry gives more than it said; XML
is read without entities, DTDs or the network (security row 11).
"""

from __future__ import annotations

import io
import posixpath
import zipfile
from typing import Final

from lxml import etree  # type: ignore[import-untyped] # ships no types

from mecum.knowledge.extract.base import ExtractError

ENTRIES: Final = 10_000
RATIO: Final = 100  # unpacked to packed
TOTAL: Final = 256 * 1024 * 1024  # bytes unpacked
SMALL: Final = 1024 * 1024  # bytes; below it, a high ratio harms nobody


class Archive:
    """A zip file in memory.

    Raises:
        ExtractError: it is no zip file, is encrypted, or unpacks to more than the limits allow.
    """

    def __init__(self, data: bytes) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
            raise ExtractError("damaged", "The file is a damaged archive. Open and save it again.") from None
        self._sizes = _checked(self._zip.infolist(), len(data))

    @property
    def names(self) -> tuple[str, ...]:
        """The entries' names: labels, never paths."""
        return tuple(self._sizes)

    def read(self, name: str) -> bytes | None:
        """Return an entry, None where there is none of that name."""
        if name not in self._sizes:
            return None
        with self._zip.open(name) as entry:
            data = entry.read(self._sizes[name] + 1)
        if len(data) > self._sizes[name]:
            raise _bomb()
        return data

    def xml(self, name: str) -> etree._Element | None:
        """Return an entry's XML."""
        data = self.read(name)
        return None if data is None else parse_xml(data)


def parse_xml(data: bytes) -> etree._Element:
    """Return the root of a document, read without entities.

    Raises:
        ExtractError: it declares entities.
        lxml.etree.XMLSyntaxError: it is no XML.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True)
    root = etree.fromstring(data, parser)
    dtd = root.getroottree().docinfo.internalDTD
    if dtd is not None and any(True for _ in dtd.iterentities()):
        raise ExtractError("unsafe", "The file declares XML entities, which no document of its kind needs.")
    return root


def join(base: str, target: str) -> str:
    """Return the name of an entry that another one refers to."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(base), target)).lstrip("/")


def _checked(entries: list[zipfile.ZipInfo], packed: int) -> dict[str, int]:
    total = sum(entry.file_size for entry in entries)
    steep = any(entry.file_size > max(SMALL, entry.compress_size * RATIO) for entry in entries)
    if len(entries) > ENTRIES or total > TOTAL or total > max(SMALL, packed * RATIO) or steep:
        raise _bomb()
    if any(entry.flag_bits & 1 for entry in entries):
        raise ExtractError("encrypted", "The file is protected by a password. Save it without one, and add it again.")
    return {entry.filename: entry.file_size for entry in entries if not entry.is_dir()}


def _bomb() -> ExtractError:
    return ExtractError("archive_bomb", "The file unpacks to far more than a document holds, and was not read.")
