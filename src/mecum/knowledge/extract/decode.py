"""Bytes to text: by a mark at the beginning, as UTF-8, by the pattern of zero bytes, else by what the letters look like."""

from __future__ import annotations

import codecs
from typing import Final

from charset_normalizer import from_bytes

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LOOKED_AT: Final = 65536  # bytes
_LEGACY: Final = (
    *("cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256"),
    *("gb18030", "big5", "shift_jis", "euc_jp", "euc_kr", "tis_620"),
)

_WESTERN: Final = "äöüßÄÖÜéèêëàâçîïôùûœæñáíóúÁÉÍÓÚåÅøØãõìòÀÈÇ«»„“”‘’‚–—…€£§°·•©®²³½¿¡´\xa0"  # noqa: RUF001 -- they are meant


def decode(data: bytes, declared: str | None = None) -> str:
    """Return the text. `declared` is the encoding that the file or its header names."""
    mark = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    for encoding in (mark, declared, "utf-8", _wide(data)):
        if encoding and (text := _try(data, encoding)) is not None:
            return text
    return data.decode(_guess(data), "replace")


def is_text(data: bytes) -> bool:
    """Return whether it looks like text: no zero bytes but those of UTF-16 and UTF-32, hardly any control characters."""
    head = data[:_LOOKED_AT]
    if any(data.startswith(mark) for mark, _ in _MARKS) or _wide(head):
        return True
    controls = sum(head.count(code) for code in range(32) if code not in (9, 10, 12, 13, 27))
    return b"\0" not in head and controls * 50 <= len(head)


def _try(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except (UnicodeError, LookupError):
        return None


def _wide(data: bytes) -> str | None:
    """Return UTF-16's byte order where every second byte of Latin text is zero."""
    head = data[:1024]
    if len(head) < 4 or b"\0" not in head:
        return None
    even, odd = head[0::2].count(0) / len(head[0::2]), head[1::2].count(0) / len(head[1::2])
    if odd > 0.5 and even < 0.1:
        return "utf-16-le"
    return "utf-16-be" if even > 0.5 and odd < 0.1 else None


def _guess(data: bytes) -> str:
    # Few odd bytes among plain letters are Western: statistics need more than that to tell.
    head = data[:_LOOKED_AT]
    high = sum(byte > 127 for byte in head)
    if high * 8 < len(head) and _try(head, "cp1252") is not None and _common(head):
        return "cp1252"
    best = from_bytes(head, cp_isolation=list(_LEGACY), preemptive_behaviour=False).best()
    return best.encoding if best else "cp1252"


def _common(head: bytes) -> bool:
    """Return whether nearly all odd bytes are letters and marks that Western texts use."""
    usual = _WESTERN.encode("cp1252")
    odd = [byte for byte in head if byte > 127]
    return sum(byte in usual for byte in odd) >= 0.95 * len(odd)
