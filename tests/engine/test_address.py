"""Where connections go: only to the address that was given, by every way to it, and over TLS only to whom is trusted."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.engine.servers import HELLO, PROMPT, SOON, connected, hello, serving, talk

from mecum.engine import address as module
from mecum.engine.address import Address, Dialer
from mecum.engine.connection import Connection
from mecum.errors import EngineDown, EngineRefused

CERTIFICATE = Path(__file__).with_name("localhost.pem")


@pytest.mark.parametrize(
    ("url", "host", "port", "header", "path"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1", 8000, "127.0.0.1:8000", ""),
        ("http://localhost", "localhost", 80, "localhost", ""),
        ("http://localhost:80/", "localhost", 80, "localhost", ""),
        ("https://API.example.com/openai/", "api.example.com", 443, "api.example.com", "/openai"),
        ("https://example.com:80", "example.com", 80, "example.com:80", ""),
        ("http://[::1]:9", "::1", 9, "[::1]:9", ""),
        ("http://[fe80::1%eth0]", "fe80::1%eth0", 80, "[fe80::1%eth0]", ""),
        ("http://müller.example/ä b", "xn--mller-kva.example", 80, "xn--mller-kva.example", "/%C3%A4%20b"),
        ("http://my_host:1/a%20b", "my_host", 1, "my_host:1", "/a%20b"),
    ],
)
def test_addresses(url: str, host: str, port: int, header: str, path: str) -> None:
    found = Address.parse(url)
    assert (found.host, found.port, found.header, found.path) == (host, port, header, path)
    assert (found.tls, found.login) == (url.startswith("https"), None)


def test_a_user_in_the_address() -> None:
    assert Address.parse("http://me:p%40ss@localhost/").login == "Basic bWU6cEBzcw=="


@pytest.mark.parametrize(
    "url",
    [
        *("", "localhost", "ftp://localhost", "http://", "http://:80", "http://a b", "http://a\r\nX: y", "http://a:b"),
        *("http://127.0.0.1:99999", "http://[::1", "http://[::g]", "http://" + "a" * 70, "http://a..b", "http://ü..b"),
    ],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(EngineRefused, match=r"engine\.base_url"):
        Address.parse(url)


async def test_a_key_that_cannot_be_sent_is_not() -> None:
    async with serving(hello) as server:
        for key in ("a\r\nX: y", "a\0", "schlüssel"):
            async with connected(server.url, api_key=key) as connection:
                with pytest.raises(EngineRefused, match=r"engine\.api_key"):
                    await connection.get("/models")
        assert server.requests == []


async def test_the_head_of_a_request() -> None:
    async with serving(hello) as server:
        async with connected(f"http://me:secret@127.0.0.1:{server.port}/base/") as connection:
            await connection.get("/models")
        (request,) = server.requests
    assert (request.path, request.headers["host"]) == ("/base/models", f"127.0.0.1:{server.port}")
    assert request.headers["authorization"] == "Basic bWU6c2VjcmV0"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["connection"] == "close"


# A name with several addresses


@pytest.fixture
def dead() -> str:
    """Return an address where nobody listens."""
    return "127.0.0.9"


async def _open(dialer: Dialer) -> str:
    protocol = await dialer.dial(_Opened)
    assert protocol.transport
    try:
        return str(protocol.transport.get_extra_info("peername")[0])
    finally:
        protocol.transport.abort()


class _Opened(asyncio.Protocol):
    transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport


async def test_the_address_that_answers_is_the_first_next_time(dead: str) -> None:
    async with serving(hello) as server:
        dialer = Dialer(Address.parse(f"http://localhost:{server.port}"))
        dialer._places, dialer._known_until = [dead, "127.0.0.1"], float("inf")
        assert await _open(dialer) == "127.0.0.1"
        assert dialer._places == ["127.0.0.1", dead]
        assert await _open(dialer) == "127.0.0.1"


async def test_an_address_that_leads_nowhere_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    with _full() as (place, port):
        async with serving(hello, port=port) as server, asyncio.timeout(SOON):
            dialer = Dialer(Address.parse(f"http://localhost:{server.port}"))
            dialer._places, dialer._known_until = [place, "127.0.0.1"], float("inf")
            assert await _open(dialer) == "127.0.0.1"
            monkeypatch.setattr(module, "CONNECT_TIMEOUT", 0.2)
            dialer._places = [place]
            with pytest.raises(EngineDown, match="does not answer"):
                await dialer.dial(_Opened)


@contextlib.contextmanager
def _full() -> Iterator[tuple[str, int]]:
    """Give an address that takes no more connections, and answers none."""
    place = "127.0.0.8"
    with socket.socket() as listener, contextlib.ExitStack() as held:
        listener.bind((place, 0))
        listener.listen(0)
        for _ in range(3):
            client = held.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield place, listener.getsockname()[1]


async def test_a_name_is_looked_up() -> None:
    async with serving(hello) as server, connected(f"http://localhost:{server.port}") as connection:
        assert await talk(connection) == HELLO
    async with connected("http://nobody.invalid") as connection, asyncio.timeout(SOON):
        with pytest.raises(EngineDown, match="cannot be reached"):
            await connection.get("/models")


# TLS


@contextlib.asynccontextmanager
async def tls_server(*, keeps: bool = True) -> AsyncIterator[tuple[str, list[asyncio.StreamWriter]]]:
    """Run a server with a certificate of its own; gives its URL and a connection for each that was made."""
    writers: list[asyncio.StreamWriter] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                assert b"connection: close" not in head.lower()
                writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"ok": true}')
                if not keeps:
                    break
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}", writers
        for writer in writers:
            writer.transport.abort()


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))


@pytest.mark.usefixtures("trusted")
async def test_a_connection_over_tls_is_used_again() -> None:
    async with tls_server() as (url, writers), connected(url) as connection, asyncio.timeout(SOON):
        for _ in range(3):
            assert await connection.get("/health") == {"ok": True}
        assert len(writers) == 1
        await asyncio.gather(*(connection.get("/health") for _ in range(4)))
        assert len(writers) == 4


@pytest.mark.usefixtures("trusted")
async def test_a_connection_that_the_server_closed_is_not() -> None:
    async with tls_server(keeps=False) as (url, writers), connected(url) as connection, asyncio.timeout(SOON):
        for number in range(3):
            assert await connection.get("/health") == {"ok": True}
            await asyncio.sleep(0.05)
            assert len(writers) == number + 1


async def test_a_certificate_that_nobody_vouches_for() -> None:
    async with tls_server() as (url, writers), connected(url) as connection, asyncio.timeout(SOON):
        with pytest.raises(EngineDown, match="certificate is not trusted"):
            await connection.chat(PROMPT)
        assert writers == []


@pytest.mark.usefixtures("trusted")
async def test_a_certificate_of_somebody_else() -> None:
    async with tls_server() as (url, writers), asyncio.timeout(SOON):
        async with connected(url.replace("localhost", "127.0.0.1")) as connection:
            with pytest.raises(EngineDown, match="certificate is not trusted"):
                await connection.chat(PROMPT)
        assert writers == []


async def test_an_opening_that_is_given_up_leaves_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECT_TIMEOUT", 0.2)
    left = asyncio.Event()

    async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while await reader.read(1000):
                pass
        left.set()
        writer.close()

    async with await asyncio.start_server(says_nothing, "127.0.0.1", 0) as server, asyncio.timeout(SOON):
        connection = Connection(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        with pytest.raises(EngineDown, match="does not answer"):
            await connection.get("/models")
        await left.wait()
        await connection.aclose()
