r"""Names that clients give: labels, which are shown and searched and never open anything (`security.md` row 10).

`../notes.md`, `/etc/passwd`, `C:\x` and `\\server\x` are therefore as good as any other, and stay as they were sent. One
helper for all of them, JSON, forms and addresses alike (`tests/api/test_labels.py`).
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath, PureWindowsPath
from typing import Final
from urllib.parse import quote

from mecum.errors import InvalidRequest

LONGEST: Final = 1024  # characters of a path or a title
LONGEST_COLLECTION: Final = 128
_FORBIDDEN: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})  # what breaks lines, terminals and encodings


def label(text: str, *, field: str = "path", longest: int = LONGEST) -> str:
    """Return the text, which may be somebody's name for something.

    Raises:
        InvalidRequest: it is empty, too long, or has characters that no name has.
    """
    if not text.strip():
        raise InvalidRequest(f"{field} must not be empty.", param=field)
    if len(text) > longest:
        raise InvalidRequest(f"{field} must be a string of 1 to {longest} characters.", param=field)
    if any(unicodedata.category(character) in _FORBIDDEN for character in text):
        raise InvalidRequest(f"{field} must not hold control characters or line breaks.", param=field)
    return text


def collection(text: str, *, field: str = "collection") -> str:
    """Return the name of a collection; errors as `label`."""
    return label(text, field=field, longest=LONGEST_COLLECTION)


def shown(text: str) -> str:
    """Return a name that was refused, as far as it can be told back."""
    return text[:LONGEST].encode("utf-8", "replace").decode("utf-8")


def attachment(path: str) -> str:
    """Return the Content-Disposition with which a browser stores a file under its label's last part (RFC 6266)."""
    name = PurePosixPath(PureWindowsPath(path).name if "\\" in path else path).name or "document"
    plain = re.sub(r'[^ -~]|["\\%]', "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
