"""What git calls a file's content: of small files the hub knows that, and no SHA-256."""

from __future__ import annotations

import hashlib
from pathlib import Path


def blob_id(file: Path) -> str:
    """Return it, in 40 hex digits. All of the file is read, into memory: it is for small ones.

    Raises:
        OSError: it cannot be read.
    """
    content = file.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
