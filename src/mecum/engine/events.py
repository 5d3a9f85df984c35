"""Server-Sent Events as bytes arrive: chunks of any size in, whole `data` payloads out.

Invariant: however the bytes are cut into chunks, the payloads are the same (`tests/engine/test_events.py` cuts them at
every place). Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream; only `data`
matters to us, so comments, names and ids are read over.
"""

from __future__ import annotations

from mecum.errors import EngineBroke

MAX_EVENT = 16 * 1024 * 1024  # bytes; a longer event is nonsense, and would grow in memory without end
_BOM = b"\xef\xbb\xbf"  # may stand in front of a stream


class EventParser:
    """Cuts a byte stream into the payloads of its events."""

    def __init__(self) -> None:
        self._rest = b""
        self._carriage_return = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes and return the payloads that are complete now, in order.

        Raises:
            EngineBroke: one event is larger than `MAX_EVENT`.
        """
        return payloads_of(self.whole(data))

    def end(self) -> list[bytes]:
        """Return what the stream ended with, if its last event had no blank line behind it."""
        return payloads_of(self.rest())

    def whole(self, data: bytes) -> bytes:
        """Take the next bytes and return the events that are complete now, each with a blank line; errors as with `feed`."""
        if self._carriage_return or b"\r" in data:
            data = self._line_feeds_only(data)
        searched = max(0, len(self._rest) - 1)
        if self._rest:
            data = self._rest + data
        end = data.rfind(b"\n\n", searched) + 2
        if end < 2:
            end = 0
        self._rest = data[end:]
        if len(self._rest) > MAX_EVENT:
            raise EngineBroke("The engine sent an event of more than 16 MiB.")
        return data[:end]

    def rest(self) -> bytes:
        """Return what the stream ended with, as an event with a blank line."""
        rest, self._rest = self._rest.rstrip(b"\n"), b""
        return rest + b"\n\n"

    def _line_feeds_only(self, data: bytes) -> bytes:
        # A lone CR ends a line too, so a CR at the end of a chunk waits for the next byte.
        if self._carriage_return:
            data = b"\r" + data
        self._carriage_return = data.endswith(b"\r")
        return (data[:-1] if self._carriage_return else data).replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def payloads_of(events: bytes) -> list[bytes]:
    """Return the payloads of whole events, in order."""
    return [payload for event in events.split(b"\n\n") if (payload := payload_of(event)) is not None]


def payload_of(event: bytes) -> bytes | None:
    """Return the payload of one event, which ends before its blank line; None if it has none."""
    if event.startswith(b"data: ") and b"\n" not in event:  # every event of every server we know
        return event[6:]
    lines = [line[5:].removeprefix(b" ") for line in event.removeprefix(_BOM).split(b"\n") if line.startswith(b"data:")]
    return b"\n".join(lines) if lines else None
