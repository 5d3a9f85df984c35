"""The API's client against servers that behave badly: each a real socket that sends given bytes."""

import socket
from collections.abc import AsyncIterator

import pytest
from tests.cli.test_client import CLOSE, sending

from mecum import errors
from mecum.app.home import Running
from mecum.cli.main import exit_code as code_of
from mecum.cli.remote import Api, _given, to_server
from mecum.errors import MecumError

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


async def got(api: Api) -> bytes:
    async with api.stream("/api/backup") as pieces:
        return b"".join([piece async for piece in pieces])


async def events(api: Api) -> list[dict]:
    return [event async for event in api.events("/api/documents/events")]


@pytest.mark.parametrize(
    ("status", "code", "kind", "exit_code"),
    [
        (404, "document_not_found", errors.DocumentNotFound, 2),
        (413, "body_too_large", errors.BodyTooLarge, 2),
        (500, "store_error", errors.StoreError, 6),
        (507, "store_full", errors.StoreFull, 6),
        (503, "retrieval_failed", errors.RetrievalFailed, 6),
        (503, "draining", errors.Draining, 5),
        (400, "invalid_request", errors.InvalidRequest, 2),
        (500, "internal_error", errors.MecumError, 1),
    ],
)
async def test_a_refusal_is_the_error_that_it_names(status, code, kind, exit_code):
    body = f'{{"success": false, "message": "why", "code": {status}, "error": {{"code": "{code}"}}}}'.encode()
    with sending(f"HTTP/1.1 {status} No\r\n".encode() + CLOSE + body) as server:
        async with to_server(server) as api:
            with pytest.raises(kind, match="why") as caught:
                await api.get("/api/documents")
    assert type(caught.value) is kind
    assert code_of(caught.value) == exit_code


@pytest.mark.parametrize("sent", [b"half", b"[1]", b'{"x": 1}'])
async def test_what_is_no_answer_of_ours_is_told(sent):
    with sending(OK + CLOSE + sent) as server:
        async with to_server(server) as api:
            with pytest.raises(MecumError, match="is not mecum"):
                await api.get("/api/documents")


async def test_a_file_that_breaks_off_is_never_taken_for_a_whole_one():
    with sending(OK + b"Content-Length: 100\r\n\r\nhalf of it") as server:
        async with to_server(server) as api:
            with pytest.raises(MecumError, match="broke off in the middle"):
                await got(api)


async def test_events_cut_anywhere_come_out_whole():
    whole = b': keep-alive\n\ndata: {"type": "counts"}\n\ndata: {"type": "changed", "x": "\xc3\xa4"}\n\n'
    with sending(OK + CLOSE, *[whole[at : at + 5] for at in range(0, len(whole), 5)]) as server:
        async with to_server(server) as api:
            assert await events(api) == [{"type": "counts"}, {"type": "changed", "x": "ä"}]


async def test_a_server_that_is_gone_is_told():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        gone = Running(pid=4711, url=f"http://127.0.0.1:{closed.getsockname()[1]}", token="t", started=0)
        async with to_server(gone) as api:
            with pytest.raises(MecumError, match="process id 4711 does not answer"):
                await api.get("/livez")


async def test_what_is_sent_is_read_as_it_goes_out():
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield bytes(100_000)

    with sending(b"HTTP/1.1 413 No\r\n" + CLOSE + b'{"message": "enough", "code": 413, "error": {}}') as server:
        async with to_server(server) as api:
            with pytest.raises(MecumError):
                await api.upload("/api/documents", endless(), "text/plain")
    assert 0 < read < 1000


def test_only_what_is_set_stands_in_the_address():
    query = {"a": None, "b": 1, "c": ["x", "y"], "d": (), "e": 0.5}
    assert _given(query) == [("b", "1"), ("c", "x"), ("c", "y"), ("e", "0.5")]
