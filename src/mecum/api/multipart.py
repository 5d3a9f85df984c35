r"""Reads a multipart body as it arrives, part by part, and holds none of it. What a part means is its receiver's business.

Names are taken as they were sent: the library's own reading of Content-Disposition would cut `C:\x.txt` down to `x.txt`.
Invariant (`tests/api/test_multipart.py`): whatever the bytes are, and wherever they are cut, it ends with all parts received
or with an InvalidRequest, and nothing of what was sent stands in its message or in a log.
"""

from __future__ import annotations

import logging
import re
from typing import Final, Protocol

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from mecum.errors import InvalidRequest

MAX_PARTS: Final = 4096
MAX_HEADER: Final = 8192  # bytes of one header of a part
MAX_KIND: Final = 1024  # characters of the Content-Type, whose reading takes time by the square of them
_SILENT: Final = logging.Logger("mecum.multipart", logging.CRITICAL)  # the parser's remarks quote what was sent
_PARAMETER: Final = re.compile(rb';[ \t]*([A-Za-z*]+)=("(?:\\"|[^"])*"|[^;" \t]*)[ \t]*')
_ENCODINGS: Final = (b"", b"binary", b"8bit", b"7bit")


class Receiver(Protocol):
    """Who takes the parts, in order: `begin`, `data` as often as it comes, `end`."""

    def begin(self, name: str, filename: bytes | None) -> None:
        """Take note that a part begins. A part with a filename is a file."""
        ...

    def data(self, piece: bytes) -> None:
        """Take a piece of it."""
        ...

    def end(self) -> None:
        """Take note that it is whole."""
        ...


class Multipart:
    """One body. `write` calls the receiver, and raises what that raises."""

    def __init__(self, content_type: str, receiver: Receiver) -> None:
        if len(content_type) > MAX_KIND:
            raise InvalidRequest("The Content-Type is too long.")
        boundary = parse_options_header(content_type)[1].get(b"boundary")
        if not boundary:
            raise InvalidRequest("The Content-Type names no boundary. Let your HTTP library set it.")
        self._receiver = receiver
        self._parts = 0
        self._header = bytearray()
        self._value = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_begin,
                    "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                    "on_header_end": self._on_header,
                    "on_headers_finished": self._on_headers,
                    "on_part_data": lambda data, start, end: receiver.data(data[start:end]),
                    "on_part_end": receiver.end,
                    "on_end": self._on_end,
                },
                max_header_size=MAX_HEADER,
            )
        except FormParserError:
            raise InvalidRequest("The Content-Type's boundary is too long.") from None
        self._parser.logger = _SILENT

    def write(self, data: bytes) -> None:
        """Read on.

        Raises:
            InvalidRequest: it is no such body.
        """
        try:
            self._parser.write(data)
        except FormParserError:
            raise InvalidRequest("The body is not valid multipart/form-data.") from None

    def finish(self) -> None:
        """Check that the body was whole.

        Raises:
            InvalidRequest: it ended too early.
        """
        if not self._ended:
            raise InvalidRequest("The body ends before its last boundary.")

    def _on_begin(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise InvalidRequest(f"The body has more than {MAX_PARTS} parts. Send them in several requests.")
        self._headers.clear()

    def _on_header(self) -> None:
        self._headers[bytes(self._header).lower()] = bytes(self._value).strip()
        self._header.clear()
        self._value.clear()

    def _on_headers(self) -> None:
        if self._headers.get(b"content-transfer-encoding", b"").lower() not in _ENCODINGS:
            raise InvalidRequest("A part has a Content-Transfer-Encoding. Send its bytes as they are.")
        disposition = self._headers.get(b"content-disposition", b"")
        parameters = {name.lower(): _unquoted(value) for name, value in _PARAMETER.findall(disposition)}
        if not disposition.lower().startswith(b"form-data") or b"name" not in parameters:
            raise InvalidRequest("A part has no Content-Disposition: form-data with a name.")
        self._receiver.begin(parameters[b"name"].decode("utf-8", "replace"), parameters.get(b"filename"))

    def _on_end(self) -> None:
        self._ended = True


def _unquoted(value: bytes) -> bytes:
    r"""Return a parameter's value. Only `\"` is an escape: browsers send other backslashes as they are."""
    return value[1:-1].replace(b'\\"', b'"') if value.startswith(b'"') else value
