"""However a stream is cut, the payloads are the same."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mecum.engine.events import MAX_EVENT, EventParser
from mecum.errors import EngineBroke

STREAMS: dict[str, tuple[bytes, list[bytes]]] = {
    "plain": (b"data: one\n\ndata: two\n\n", [b"one", b"two"]),
    "no space": (b"data:one\n\ndata:  two\n\n", [b"one", b" two"]),
    "CRLF": (b"data: one\r\n\r\ndata: two\r\n\r\n", [b"one", b"two"]),
    "CR": (b"data: one\r\rdata: two\r\r", [b"one", b"two"]),
    "all three": (b"data: one\r\n\ndata: two\r\r\ndata: three\n\r", [b"one", b"two", b"three"]),
    "comments": (b": keep-alive\n\n:\n\n: a\ndata: one\n: b\n\n", [b"one"]),
    "names and ids": (b"event: error\nid: 5\nretry: 10\ndata: one\n\n", [b"one"]),
    "several lines": (b"data: one\ndata:two\ndata:\ndata: four\n\n", [b"one\ntwo\n\nfour"]),
    "several lines, CRLF": (b"data: one\r\ndata: two\r\n\r\n", [b"one\ntwo"]),
    "several lines, CR": (b"data: one\rdata: two\r\r", [b"one\ntwo"]),
    "several empty lines": (b"\n\n\ndata: one\n\n\n\n\ndata: two\n\n\n", [b"one", b"two"]),
    "byte order mark": (b"\xef\xbb\xbfdata: one\n\ndata: two\n\n", [b"one", b"two"]),
    "no empty line at the end": (b"data: one\n\ndata: two", [b"one", b"two"]),
    "one line end at the end": (b"data: one\n\ndata: two\n", [b"one", b"two"]),
    "a CR at the end": (b"data: one\n\ndata: two\r", [b"one", b"two"]),
    "other letters": ("data: größer 😀\n\n".encode(), ["größer 😀".encode()]),
    "no line ends": ("data: a\u2028b\x0bc\x85d\n\n".encode(), ["a\u2028b\x0bc\x85d".encode()]),
    "other fields": (b"database: one\n\ndatum\n\ndata: two\n\n", [b"two"]),
    "nothing": (b"", []),
    "not events at all": (b"<html>\n\n<body>no</body>", []),
}  # fmt: skip


def parse(*chunks: bytes) -> list[bytes]:
    parser = EventParser()
    return [payload for chunk in chunks for payload in parser.feed(chunk)] + parser.end()


@pytest.mark.parametrize("name", STREAMS)
def test_cut_at_every_place(name: str) -> None:
    stream, payloads = STREAMS[name]
    assert parse(stream) == payloads
    for first in range(len(stream) + 1):
        for second in range(first, len(stream) + 1):
            assert parse(stream[:first], stream[first:second], stream[second:]) == payloads


@pytest.mark.parametrize("name", STREAMS)
def test_byte_by_byte(name: str) -> None:
    stream, payloads = STREAMS[name]
    assert parse(*(bytes([byte]) for byte in stream)) == payloads


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    pieces=st.lists(
        st.sampled_from([b"data: ", b"data:", b"x", b"\n", b"\r", b"\r\n", b": c", b"\xef\xbb\xbf", b" "]), max_size=30
    ),
    cuts=st.lists(st.integers(0, 100), max_size=8),
)
def test_any_bytes_cut_anywhere(pieces: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(pieces)
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    assert parse(*(stream[a:b] for a, b in itertools.pairwise(places))) == parse(stream)


def test_an_event_is_passed_on_at_once() -> None:
    parser = EventParser()
    assert parser.feed(b"data: one\n\ndata: tw") == [b"one"]
    assert parser.feed(b"o\n") == []
    assert parser.feed(b"\n") == [b"two"]


def test_an_event_without_end_is_refused_before_it_fills_the_memory() -> None:
    pieces = [b"data: "] + [b"x" * (1024 * 1024)] * (MAX_EVENT // (1024 * 1024))
    with pytest.raises(EngineBroke, match="16 MiB"):
        parse(*pieces)


def test_a_large_event_passes() -> None:
    payload = b"x" * (MAX_EVENT - 100)
    assert parse(b"data: ", payload, b"\n\n") == [payload]
