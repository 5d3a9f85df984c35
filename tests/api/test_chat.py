"""One answer, streamed or whole: what is a status and what an event, when it comes, and that every request ends once."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from os import environ

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.api.ending import ending
from tests.api.raw import Connection, connect, head
from tests.api.server import Running, serving, wait_until
from tests.clients.wire import CHAT_ROUTES, KERNEL2, V1, asks, check_shapes, has_both_shapes, post

from mecum.types import Json

EXAMPLES = 2000 if "MECUM_SOAK" in environ else 80
HOST = {"Host": "localhost", "Content-Type": "application/json"}


@pytest.fixture
def single() -> Iterator[Running]:
    """A server whose engine does one thing at a time, with room for one that waits, for a second."""
    with serving(slots=1, waiting=1, queue_timeout=1, header_wait=0.2, keepalive=0.05) as running:
        yield running


@contextmanager
def asking(server: Running, script: str, path: str = KERNEL2, **fields: object) -> Iterator[Connection]:
    """Send a request and leave it open; `fields` go into the body."""
    body = json.dumps(asks(script, **fields)).encode()
    with connect(server.port) as connection:
        connection.send(head("POST", path, {**HOST, "Content-Length": str(len(body))}) + body)
        yield connection


# ---- when


def test_every_event_comes_when_it_is_said(server: Running) -> None:
    """The engine would be silent for a minute behind the first word: nothing waits for more."""
    with asking(server, "!say one\n!wait 60\n!say two") as connection:
        read = connection.read_until(b'"content":"one"')
        assert b'"role":"assistant"' in read
    wait_until(lambda: server.idle, 5)


def test_the_headers_come_before_the_answer_begins(hasty: Running) -> None:
    with asking(hasty, "!silent 60") as connection:
        read = connection.read_until(b": keep-alive\n\n") + connection.read_until(b": keep-alive\n\n")
        head, _, body = read.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"data:" not in body
    wait_until(lambda: hasty.idle, 5)


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize("code", [429, 500])
def test_a_refusal_in_time_is_a_status_and_a_late_one_an_event(hasty: Running, path: str, code: int) -> None:
    soon, late = f"!refuse {code}", f"!silent 0.3\n!refuse {code}"
    has_both_shapes(post(hasty.url, path, asks(soon, stream=True)), code)
    answer = post(hasty.url, path, asks(late, stream=True))
    chunks, failed = answer.failure()
    assert chunks == []
    assert answer.comments > 0
    assert (failed.pop("choices", None) is not None) is (path == KERNEL2)
    check_shapes(failed, code)
    has_both_shapes(post(hasty.url, path, asks(late, stream=False)), code)


def test_a_plain_answer_waits_for_the_end(hasty: Running) -> None:
    answer = post(hasty.url, V1, asks("!silent 0.4\n!say one\n!wait 0.2\n!say two"))
    assert answer.text() == "onetwo"
    assert answer.headers["content-length"] == str(len(answer.body))


def test_requests_behind_each_other_on_one_connection(server: Running) -> None:
    plain, stream = (json.dumps(asks("hi", stream=stream)).encode() for stream in (False, True))
    requests = [head("POST", V1, {**HOST, "Content-Length": str(len(body))}) + body for body in (plain, stream, plain)]
    last = requests.pop().replace(b"Host:", b"Connection: close\r\nHost:")
    with connect(server.port) as connection:
        connection.send(b"".join([*requests, b"x", last])[: -len(last) - 1] + last)
        data = connection.read_to_end()
    assert data.count(b"HTTP/1.1 200 OK") == 3
    assert data.index(b"application/json") < data.index(b"text/event-stream") < data.rindex(b"application/json")


# ---- the queue


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize("stream", [True, False])
def test_a_full_queue_is_429(single: Running, path: str, stream: bool) -> None:
    with asking(single, "!say a\n!wait 60") as first, asking(single, "hi"):
        first.read_until(b'"a"')
        wait_until(lambda: single.queue.waiting == 1, 5)
        answer = post(single.url, path, asks("hi", stream=stream))
        assert has_both_shapes(answer, 429)["code"] == "queue_full"
        assert int(answer.headers["retry-after"]) >= 1
    wait_until(lambda: single.idle, 5)
    assert len(single.engine.prompts) == 1


@pytest.mark.parametrize("stream", [True, False])
def test_who_waits_gets_a_turn(single: Running, stream: bool) -> None:
    with ThreadPoolExecutor(1) as pool, asking(single, "!say a\n!wait 0.5") as first:
        first.read_until(b'"a"')
        answer = pool.submit(post, single.url, V1, asks("hi", stream=stream)).result(10)
        assert answer.text() == "You said: hi"
        assert (answer.comments > 0) is stream


@pytest.mark.parametrize("stream", [True, False])
def test_waiting_is_limited(single: Running, stream: bool) -> None:
    with asking(single, "!say a\n!wait 60") as first:
        first.read_until(b'"a"')
        answer = post(single.url, V1, asks("hi", stream=stream))
        if stream:
            assert check_shapes(answer.failure()[1], 503)["code"] == "queue_timeout"
        else:
            assert has_both_shapes(answer, 503)["code"] == "queue_timeout"


# ---- the end of the server


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize("script", ["!say a\n!wait 60", "!silent 60"])
def test_who_is_cut_off_is_told(path: str, script: str) -> None:
    with serving(header_wait=0.05) as server, ThreadPoolExecutor(2) as pool:
        stream = pool.submit(post, server.url, path, asks(script, stream=True))
        plain = pool.submit(post, server.url, path, asks(script, stream=False))
        wait_until(lambda: len(server.engine.prompts) == 2, 5)
        wait_until(lambda: server.engine.open_replies == 2 or "silent" in script, 5)
        time.sleep(0.2)  # the stream's headers are out
        server.gate.close()
        server.loop.call_soon_threadsafe(server.gate.interrupt)
        assert check_shapes(_without_choices(stream.result(5).failure()[1]), 503)["code"] == "draining"
        assert has_both_shapes(plain.result(5), 503)["code"] == "draining"


def _without_choices(event: Json) -> Json:
    return {key: value for key, value in event.items() if key != "choices"}


# ---- what the engine is asked


def test_what_the_engine_is_asked(server: Running) -> None:
    post(server.url, KERNEL2, asks("hi", seed=1, temperature=0))
    post(server.url, V1, asks("hi", max_tokens=9, top_p=0.5))
    local, openai = server.engine.prompts
    assert (local.sampling.temperature, local.sampling.max_tokens, local.sampling.seed, local.cache) == (0, 2000, 1, False)
    assert (openai.sampling.temperature, openai.sampling.max_tokens, openai.sampling.top_p, openai.cache) == (
        1,
        9,
        0.5,
        True,
    )
    assert [message.content for message in openai.messages] == ["hi"]


@pytest.mark.parametrize("path", CHAT_ROUTES)
def test_roles_and_retrieval_before_they_exist(server: Running, path: str) -> None:
    error = has_both_shapes(post(server.url, path, asks("hi", metadata={"role_id": "x"})), 404)
    assert (error["code"], error["param"]) == ("role_not_found", "metadata.role_id")
    assert server.engine.prompts == []
    body = asks("hi", stream=False, metadata={"enable_l0_retrieval": True, "role_id": ""})
    found = post(server.url, path, body).json()
    assert found["sources"] == []
    assert (found["retrieval"]["status"], found["retrieval"]["query"]) == ("empty", "hi")


# ---- every request ends in exactly one way

_good = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=20).map("!say {}".format),
    st.text("añ漢😀", max_size=5).map("!chars {}".format),
    st.integers(0, 20).map("!words {}".format),
    st.sampled_from(["!reason so so", '!tool f {"a": 1}', "!finish length", "!finish stop", "!json {}", "!pause 0.001"]),
    st.sampled_from(["!wait 0", "!wait 0.07", "!silent 0.001", "!silent 0.15", "!silent 0.25"]),
)
_bad = st.sampled_from(["!break", "!words many", *(f"!refuse {code}" for code in (400, 429, 500, 502, 503))])
_fields = st.fixed_dictionaries(
    {"stream": st.booleans()},
    optional={
        "n": st.integers(1, 3),
        "max_tokens": st.integers(1, 10),
        "stop": st.sampled_from(["w", [" ", "a"]]),
        "logprobs": st.booleans(),
        "stream_options": st.fixed_dictionaries({"include_usage": st.booleans()}),
    },
)


@settings(max_examples=EXAMPLES)
@given(
    st.sampled_from(CHAT_ROUTES),
    st.lists(_good, max_size=4),
    st.none() | st.tuples(_bad, st.lists(_good, max_size=2)),
    _fields,
)
def test_every_request_ends_once(
    hasty: Running, path: str, start: list[str], fault: tuple[str, list[str]] | None, fields: Json
) -> None:
    lines = [*start, *([fault[0], *fault[1]] if fault else [])]
    answer = post(hasty.url, path, asks("\n".join(lines), **fields))
    ended = ending(answer, choices=fields.get("n", 1))
    if fault is None:
        assert ended == "finish"
    elif fault[0].startswith("!refuse"):
        assert ended != "finish"
    if not fields["stream"]:
        assert ended != "event"
