import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import uvicorn

from mecum.app.listen import listening
from mecum.app.protocol import MAX_HEAD, protocol_factory

HEAD_TIMEOUT = 0.3
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def application(scope, receive, send):
    """Answer with the number of headers, after a while where the path says so."""
    if scope["path"] == "/slow":
        await asyncio.sleep(HEAD_TIMEOUT * 3)
    body = str(len(scope["headers"])).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    with listening("127.0.0.1", 0) as open_:
        config = uvicorn.Config(
            application, http=protocol_factory(HEAD_TIMEOUT), ws="none", lifespan="off", log_config=None, access_log=False
        )
        server = uvicorn.Server(config)
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets=list(open_.sockets))
        yield open_.sockets[0].getsockname()[1]
        await server.shutdown(sockets=list(open_.sockets))


async def exchange(port: int, *pieces: bytes, pause: float = 0) -> bytes:
    """Send the pieces, and return all that comes until the server closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


async def first_answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    return await reader.readexactly(1)


@pytest.mark.parametrize("said", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-"])
async def test_a_connection_that_does_not_finish_its_head_is_closed(port, said):
    assert await exchange(port, said) == b""


async def test_a_head_that_trickles_in_gets_no_more_time_for_it(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    closed = asyncio.create_task(reader.read())
    for byte in REQUEST[:-4]:
        writer.write(bytes([byte]))
        await asyncio.wait([closed], timeout=HEAD_TIMEOUT / 4)
        if closed.done():
            break
    assert closed.done()
    writer.close()


async def test_the_head_of_a_second_request_has_the_same_bound(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST)
    await first_answer(reader)
    writer.write(b"GET / HT")
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize("framing", [b"Content-Length: 1000", b"Transfer-Encoding: chunked"])
async def test_a_body_that_trickles_in_after_its_answer_keeps_no_connection(port, framing):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST.replace(b"\r\n\r\n", b"\r\n" + framing + b"\r\n\r\n"))
    await first_answer(reader)
    closed = asyncio.create_task(reader.read())
    for _ in range(100):
        writer.write(b"1\r\na\r\n" if b"chunked" in framing else b"a")
        await asyncio.wait([closed], timeout=HEAD_TIMEOUT / 4)
        if closed.done():
            break
    assert closed.done()
    writer.close()


async def test_a_body_that_comes_after_its_answer_may_be_followed_by_another_request(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST.replace(b"\r\n\r\n", b"\r\nContent-Length: 2\r\n\r\n"))
    await first_answer(reader)
    writer.write(b"a")
    await asyncio.sleep(0.05)
    writer.write(b"a")
    await asyncio.sleep(HEAD_TIMEOUT * 2)
    writer.write(REQUEST)
    assert await first_answer(reader) == b"1"
    writer.close()


async def test_an_answer_may_take_longer_than_a_head(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST.replace(b"/ ", b"/slow ", 1))
    await asyncio.sleep(0.05)
    writer.write(b"GET / HT")  # half of a next head must not end the answer at work
    async with asyncio.timeout(10):
        assert await first_answer(reader) == b"1"
    writer.close()


async def test_an_idle_connection_outlives_the_head_timeout(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(2):
        writer.write(REQUEST)
        assert await first_answer(reader) == b"1"
        await asyncio.sleep(HEAD_TIMEOUT * 2)
    writer.close()


async def test_a_large_head_is_answered_and_a_huge_one_refused(port):
    large = b"GET / HTTP/1.1\r\nConnection: close\r\nAuthorization: " + b"x" * 128 * 1024 + b"\r\n\r\n"
    assert (await exchange(port, large)).endswith(b"2")
    huge = b"GET / HTTP/1.1\r\nAuthorization: " + b"x" * MAX_HEAD
    assert refusal(await exchange(port, huge, b"x"))["message"] == "The request's headers are larger than 256 KiB."


async def test_an_upgrade_that_is_not_served_is_answered_as_usual(port, caplog):
    head = b"POST / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n"
    assert (await exchange(port, head + b"{}")).endswith(b"3")
    assert not caplog.records


@pytest.mark.parametrize(
    "nonsense",
    [b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n", b"GET http:// HTTP/1.1\r\n\r\n"],
)
async def test_what_is_no_http_gets_the_body_of_an_error(port, nonsense):
    body = refusal(await exchange(port, nonsense))
    assert body["error"]["type"] == "invalid_request_error"
    assert (body["success"], body["code"]) == (False, 400)


def refusal(answer: bytes) -> dict:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request")
    assert b"content-type: application/json" in head
    assert b"connection: close" in head
    return json.loads(body)


async def test_requests_that_do_not_wait_for_their_answers_are_few(port):
    """Some are answered in order; thousands end the connection, once one read has brought too many."""
    last = REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert (await exchange(port, REQUEST * 20 + last)).count(b"HTTP/1.1 200 ") == 21
    try:
        answers = (await exchange(port, REQUEST * 5_000 + last)).count(b"HTTP/1.1 200 ")
    except ConnectionError:  # it was closed while we were still sending
        answers = 0
    assert answers < 5_000
