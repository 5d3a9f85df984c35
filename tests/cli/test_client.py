"""What the client makes of servers that behave badly: each a real socket that sends given bytes."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import aclosing, contextmanager, suppress

import pytest

from mecum.app.home import Running
from mecum.cli.client import ask, get
from mecum.cli.question import Piece, Question
from mecum.errors import Busy, EngineBroke, EngineError, InvalidRequest, MecumError, NotFound

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CLOSE = b"Connection: close\r\n\r\n"
DONE = b"data: [DONE]\n\n"


@contextmanager
def sending(*pieces: bytes) -> Iterator[Running]:
    """Serve one connection with these bytes, and hang up."""

    def answer() -> None:
        connection, _ = listener.accept()
        with connection, suppress(ConnectionError):  # the client may have heard enough
            connection.recv(65536)
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(0.001)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=answer)
        serving.start()
        yield Running(pid=1, url=f"http://127.0.0.1:{listener.getsockname()[1]}", token="t", started=0)
        serving.join()


async def pieces(*sent: bytes) -> list[Piece]:
    with sending(*sent) as server:
        async with aclosing(ask(server, Question(text="Hi"))) as answer:
            return [piece async for piece in answer]


def event(data: str) -> bytes:
    return f"data: {data}\n\n".encode()


def chunk(text: str) -> bytes:
    return event(json.dumps({"model": "m", "choices": [{"delta": {"content": text}, "finish_reason": None}]}))


async def test_events_cut_anywhere_come_out_whole():
    whole = b": keep-alive\n\n" + chunk("one ") + chunk("zwei ä") + DONE
    cut = [whole[start : start + 7] for start in range(0, len(whole), 7)]
    assert "".join(piece.text for piece in await pieces(HEAD + CLOSE, *cut)) == "one zwei ä"


async def test_a_very_long_line_is_read():
    text = "x" * 300_000
    assert (await pieces(HEAD + CLOSE + chunk(text) + DONE))[0].text == text


async def test_sources_finish_and_the_standing_in_model_come_out():
    first = event('{"model": "m", "sources": [{"index": 1}], "choices": [{"delta": {}, "finish_reason": "stop"}]}')
    (piece,) = await pieces(HEAD + b"x-model-requested: gpt-9\r\n" + CLOSE + first + DONE)
    assert piece == Piece(finish_reason="stop", sources=({"index": 1},), instead="m")


@pytest.mark.parametrize(
    "sent",
    [
        [HEAD + CLOSE + chunk("half")],
        [HEAD + b"Content-Length: 1000\r\n\r\n" + chunk("half")],
        [HEAD + CLOSE + event("{nonsense")],
        [HEAD + CLOSE + event("[1]")],
    ],
)
async def test_half_an_answer_is_never_taken_for_a_whole_one(sent):
    with pytest.raises(EngineBroke):
        await pieces(*sent)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, InvalidRequest), (404, NotFound), (429, Busy), (503, Busy), (502, EngineError), (500, MecumError)],
)
@pytest.mark.parametrize("place", ["answer", "event"])
async def test_what_the_server_says_went_wrong_becomes_our_error(status, kind, place):
    body = f'{{"success": false, "message": "the reason", "code": {status}, "error": {{}}}}'
    head = f"HTTP/1.1 {status} Whatever\r\n".encode() if place == "answer" else HEAD
    with pytest.raises(kind, match="the reason"):
        await pieces(head + CLOSE + (body.encode() if place == "answer" else event(body)))


async def test_another_program_behind_the_address_is_told():
    with pytest.raises(MecumError, match="status 302, and not as mecum does"):
        await pieces(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n" + CLOSE)


async def test_a_server_that_hangs_up_is_told():
    with pytest.raises(MecumError, match="does not answer"):
        await pieces()


async def test_a_server_that_is_gone_is_told():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        gone = Running(pid=4711, url=f"http://127.0.0.1:{closed.getsockname()[1]}", token="t", started=0)
        with pytest.raises(MecumError, match="process id 4711 does not answer"):
            await anext(ask(gone, Question(text="Hi")))


# What is not a chat


@pytest.mark.parametrize(
    ("sent", "kind", "words"),
    [
        (b"HTTP/1.1 503 Busy\r\n" + CLOSE + b'{"message": "the reason", "code": 503}', Busy, "the reason"),
        (b"HTTP/1.1 200 OK\r\n" + CLOSE + b"<html>", EngineBroke, "not an answer"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n" + CLOSE, MecumError, "status 302"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", MecumError, "does not answer"),
    ],
)
async def test_what_goes_wrong_with_a_look_at_the_server_becomes_our_error(sent, kind, words):
    with sending(sent) as server, pytest.raises(kind, match=words):
        await get(server, "/readyz")


async def test_a_look_at_the_server_brings_its_json():
    with sending(b"HTTP/1.1 200 OK\r\n" + CLOSE + b'{"status": "ok"}') as server:
        assert await get(server, "/readyz") == {"status": "ok"}
