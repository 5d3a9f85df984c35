"""However an answer is cut or broken, it is read the same, ends in an error of ours, and stays small in memory."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mecum.engine.response import HIGH, MAX_HEAD, Response
from mecum.errors import EngineBroke, EngineDown, MecumError

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n"


class Wire(asyncio.Transport):
    """A connection that goes nowhere: it notes what is done with it."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.reading = True
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


def response(*, silence: float | None = None) -> tuple[Response, Wire]:
    """Return an answer to a request that was sent, and its connection, which it aborts when it has done with it."""
    wire = Wire()
    answer = Response(silence=silence, done=lambda _: wire.abort())
    answer.connection_made(wire)
    answer.send(b"request")
    return answer, wire


async def whole(answer: Response) -> tuple[int, bytes, type[MecumError] | None]:
    """Return status, body and error of an answer of which all that will come has come."""
    body = b""
    try:
        async with asyncio.timeout(1):
            await answer.opened()
            while data := await answer.read():
                body += data
    except MecumError as error:
        return answer.status, body, type(error)
    return answer.status, body, None


def run(*pieces: bytes, closes: bool = False) -> tuple[int, bytes, type[MecumError] | None]:
    """Return what an answer is that arrives in these pieces, from a server that closes the connection or is silent then."""

    async def main() -> tuple[int, bytes, type[MecumError] | None]:
        answer, wire = response(silence=0.02)
        for piece in pieces:
            answer.data_received(piece)
        if closes:
            answer.connection_lost(None)
        result = await whole(answer)
        assert wire.closed
        return result

    return asyncio.run(main())


ANSWERS: dict[str, tuple[bytes, tuple[int, bytes, type[MecumError] | None]]] = {
    "chunks": (CHUNKED + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", (200, b"abcde", None)),
    "odd chunks": (CHUNKED + b"003;x=y\r\nabc\r\n0A\r\n0123456789\r\n0\r\nT: x\r\n\r\n", (200, b"abc0123456789", None)),
    "a length": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde", (200, b"abcde", None)),
    "an empty one": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", (200, b"", None)),
    "without a body": (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"", None)),
    "an error": (b"HTTP/1.1 503 \r\ncontent-length: 2\r\n\r\nno", (503, b"no", None)),
    "until it closes": (b"HTTP/1.1 200 OK\r\n\r\nabcde", (200, b"abcde", None)),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\nabcde", (200, b"abcde", None)),
    "continue": (b"HTTP/1.1 100 Continue\r\n\r\n" + CHUNKED + b"1\r\na\r\n0\r\n\r\n", (200, b"a", None)),
    "hints": (
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\nContent-Length: 9\r\n\r\n" * 2 + CHUNKED + b"1\r\na\r\n0\r\n\r\n",
        (200, b"a", None),
    ),
    "two answers": (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 500 No\r\n\r\nb", (200, b"a", None)),
    "more than its length": (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc", (200, b"a", None)),
    "less than its length": (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", (200, b"abc", EngineDown)),
    "no last chunk": (CHUNKED + b"3\r\nabc\r\n", (200, b"abc", EngineDown)),
    "half a chunk": (CHUNKED + b"5\r\nabc", (200, b"abc", EngineDown)),
    "half a head": (CHUNKED[:-3], (0, b"", EngineDown)),
    "nothing": (b"", (0, b"", EngineDown)),
    "only a hint": (b"HTTP/1.1 103 Early Hints\r\n\r\n", (0, b"", EngineDown)),
    "no size": (CHUNKED + b"3\r\nabc\r\nxyz\r\n", (200, b"abc", EngineBroke)),
    "a size below nothing": (CHUNKED + b"-1\r\nabc\r\n", (200, b"", EngineBroke)),
    "a size of 80 bits": (CHUNKED + b"fffffffffffffffffff1\r\nabc\r\n", (200, b"", EngineBroke)),
    "a chunk longer than it says": (CHUNKED + b"1\r\nabc\r\n", (200, b"a", EngineBroke)),
    "two lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", (0, b"", EngineBroke)),
    "chunks and a length": (CHUNKED[:-2] + b"Content-Length: 3\r\n\r\n0\r\n\r\n", (0, b"", EngineBroke)),
    "no length": (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nab", (0, b"", EngineBroke)),
    "another protocol": (b"220 smtp.example.com ESMTP\r\n", (0, b"", EngineBroke)),
    "a switch": (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", (0, b"", EngineBroke)),
    "a NUL": (b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n", (0, b"", EngineBroke)),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_cut_at_every_place(name: str) -> None:
    answer, expected = ANSWERS[name]
    assert run(answer, closes=True) == expected
    for place in range(len(answer)):
        assert run(answer[:place], answer[place:], closes=True) == expected
    assert run(*(bytes([byte]) for byte in answer), closes=True) == expected


@settings(max_examples=200)
@given(
    answer=st.sampled_from([answer for answer, _ in ANSWERS.values()]),
    changes=st.lists(st.tuples(st.integers(0, 200), st.binary(max_size=2)), max_size=3),
    cuts=st.lists(st.integers(0, 200), max_size=5),
)
def test_whatever_comes_is_an_answer_or_an_error_of_ours(
    answer: bytes, changes: list[tuple[int, bytes]], cuts: list[int]
) -> None:
    for at, piece in changes:
        answer = answer[:at] + piece + answer[at + 1 :]
    places = [0, *sorted(min(cut, len(answer)) for cut in cuts), len(answer)]
    pieces = [answer[a:b] for a, b in itertools.pairwise(places)]
    assert run(*pieces, closes=True) == run(answer, closes=True)


async def test_what_has_arrived_is_handed_on_together_and_at_once() -> None:
    answer, _ = response()
    answer.data_received(CHUNKED + b"1\r\na\r\n1\r\nb\r\n1\r\nc")
    assert await answer.read() == b"abc"
    reading = asyncio.create_task(answer.read())
    await asyncio.sleep(0)
    answer.data_received(b"\r\n1\r\n")
    await asyncio.sleep(0)
    assert not reading.done()
    answer.data_received(b"d")
    assert await reading == b"d"
    assert answer.headers == {"transfer-encoding": "chunked", "x-a": "b"}
    answer.close()


# Bounds


def pieces_of(data: bytes, size: int = 16 * 1024) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


@pytest.mark.parametrize("size", [1000, 1024 * 1024], ids=["in pieces", "at once"])
def test_a_head_has_its_bound(size: int) -> None:
    begin, end = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nX: ", b"\r\n\r\na"
    most = begin + b"x" * (MAX_HEAD - len(begin) - len(end) + 1) + end
    assert run(*pieces_of(most, size)) == (200, b"a", None)
    assert run(*pieces_of(most.replace(b"X:", b"XX:"), size)) == (0, b"", EngineBroke)
    assert run(*pieces_of(begin + b"x" * 10 * MAX_HEAD, size)) == (0, b"", EngineBroke)


@pytest.mark.parametrize(
    "junk",
    [
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10_000,
        CHUNKED + b"1;" + b"x" * 4 * MAX_HEAD,
        CHUNKED + b"0\r\nX: " + b"x" * 4 * MAX_HEAD,
        CHUNKED + b"0\r\n" + b"X: y\r\n" * 50_000,
    ],
    ids=["hints", "a chunk's extension", "a trailer", "trailers"],
)
def test_what_brings_nothing_of_a_body_has_the_same_bound(junk: bytes) -> None:
    assert run(*pieces_of(junk))[2] is EngineBroke


async def test_a_reader_that_does_not_read_stops_the_server() -> None:
    answer, wire = response(silence=0.05)
    answer.data_received(CHUNKED)
    taken = 0
    while wire.reading:
        answer.data_received(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
        taken += 0x1000
    assert taken <= HIGH + 0x2000
    await asyncio.sleep(0.2)  # it is us who are silent
    assert len(await answer.read()) == taken
    assert wire.reading
    with pytest.raises(EngineDown):  # now it is the server
        await answer.read()
    assert wire.closed


# Time


async def test_silence_is_noticed_and_every_byte_breaks_it() -> None:
    answer, _ = response(silence=0.2)
    began = asyncio.get_running_loop().time()
    for byte in CHUNKED:
        answer.data_received(bytes([byte]))
        await asyncio.sleep(0.01)
    assert await _outcome(answer) is EngineDown
    assert asyncio.get_running_loop().time() - began >= 0.01 * len(CHUNKED) + 0.15


async def test_who_has_no_limit_is_not_hurried() -> None:
    answer, _ = response(silence=None)
    answer.data_received(CHUNKED)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await answer.read()
    answer.close()


async def _outcome(answer: Response) -> type[MecumError] | None:
    return (await whole(answer))[2]


# Ends


async def test_closing_ends_the_connection_and_who_waits() -> None:
    answer, wire = response()
    reading = asyncio.create_task(answer.read())
    await asyncio.sleep(0)
    answer.close()
    assert wire.closed
    with pytest.raises(EngineDown):
        await reading
    answer.close()


async def test_a_connection_that_opens_too_late_is_closed() -> None:
    wire = Wire()
    answer = Response(silence=None, done=lambda _: None)
    answer.close()
    answer.connection_made(wire)
    answer.send(b"request")
    assert (wire.closed, wire.sent) == (True, b"")


async def test_what_comes_unasked_closes_the_connection() -> None:
    wire = Wire()
    answer = Response(silence=None, done=lambda _: None)
    answer.connection_made(wire)
    answer.send(b"request")
    answer.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")
    assert (answer.reusable, wire.closed) == (True, False)
    answer.data_received(b"HTTP/1.1 200 OK\r\n")
    assert (answer.reusable, wire.closed) == (False, True)
    assert await answer.read() == b"a"


@pytest.mark.parametrize(
    ("head", "reusable"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (CHUNKED + b"0\r\n\r\n", True),
        (CHUNKED + b"1\r\na\r\n", False),
        (b"HTTP/1.1 200 OK\r\n\r\n", False),
    ],
)
async def test_which_connections_are_used_again(head: bytes, reusable: bool) -> None:
    wire = Wire()
    answer = Response(silence=None, done=lambda _: None)
    answer.connection_made(wire)
    answer.data_received(head)
    assert answer.reusable is reusable
    with contextlib.suppress(MecumError):
        answer.close()


def test_compression_is_noticed() -> None:
    async def encoded(head: bytes) -> bool:
        answer, _ = response()
        answer.data_received(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n")
        return answer.encoded

    for plain in (b"X: y", b"Content-Encoding: identity", b"Transfer-Encoding: Chunked"):
        assert not asyncio.run(encoded(plain))
    for packed in (b"Content-Encoding: gzip", b"Transfer-Encoding: gzip, chunked"):
        assert asyncio.run(encoded(packed))
