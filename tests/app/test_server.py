"""The life of a server, as a process: how it starts, serves, drains and ends, whatever happens."""

import json
import re
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from mecum.app.home import running

STREAM = "!pause 0.05\n!words 40"  # two seconds
SILENCE = "!say begun\n!wait 60"
CANARY = "canary-7f3a"
FAKE = """#!/bin/sh
case "$1" in
--version) echo "version: 1 (x)" ;;
--help) echo "--api-key-file FNAME" ;;
*) echo "E load: bad tensor" >&2; exit 1 ;;
esac
"""


def status(serve, path: str) -> int:
    return serve.request("GET", path).status


def events(response) -> list:
    """Return the events that are still to come: objects, and [DONE] as it is."""
    data = [line.removeprefix("data: ") for line in response.read().decode().splitlines() if line.startswith("data: ")]
    return [item if item == "[DONE]" else json.loads(item) for item in data]


# Ending


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_with_code_0(start, number):
    serve = start("--demo").listen()
    assert status(serve, "/livez") == 200
    serve.signal(number)
    assert serve.ended() == 0
    assert running(serve.home) is None
    assert "Traceback" not in serve.err.read_text()
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", serve.port)) != 0


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_while_it_imports_ends_it_with_code_0(start, number):
    serve = start("--demo")
    while not _catches(serve.process.pid, signal.SIGTERM):
        assert serve.process.poll() is None
    serve.signal(number)
    assert serve.ended() == 0
    assert not (serve.home / "mecum.db").exists(), "it was further than its imports"
    assert serve.err.read_text() == ""


def _catches(pid: int, number: signal.Signals) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    return bool(int(re.search(r"SigCgt:\s*(\w+)", status)[1], 16) >> (number - 1) & 1)


def test_a_running_stream_goes_on_while_new_chats_are_refused(start):
    serve = start("--demo").listen()
    stream = serve.chat(STREAM)
    serve.signal(signal.SIGTERM)
    time.sleep(0.1)
    refused = serve.chat("Hi")
    assert (refused.status, json.loads(refused.read())["error"]["code"]) == (503, "draining")
    assert refused.headers["Retry-After"]
    assert status(serve, "/readyz") == 503
    assert status(serve, "/livez") == 200
    *chunks, last, done = events(stream)
    assert last["choices"][0]["finish_reason"] == "stop"
    assert done == "[DONE]"
    assert "word40" in "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert serve.ended() == 0


def test_a_stream_that_does_not_end_in_time_gets_an_error_event(start):
    serve = start("--demo", MECUM_SERVER_DRAIN_TIMEOUT="0.3").listen()
    stream = serve.chat(SILENCE)
    serve.signal(signal.SIGTERM)
    *_, last, done = events(stream)
    assert (last["error"]["code"], done) == ("draining", "[DONE]")
    assert serve.ended() == 0


def test_a_plain_request_that_does_not_end_in_time_gets_503(start):
    serve = start("--demo", MECUM_SERVER_DRAIN_TIMEOUT="0.3").listen()
    statuses: list[int] = []
    asking = threading.Thread(target=lambda: statuses.append(serve.chat(SILENCE, stream=False).status))
    asking.start()
    time.sleep(0.3)
    serve.signal(signal.SIGINT)
    asking.join(30)
    assert statuses == [503]
    assert serve.ended() == 0


def test_a_client_that_does_not_read_cannot_keep_it(start):
    serve = start("--demo", MECUM_SERVER_DRAIN_TIMEOUT="0.3").listen()
    # Four times 3 MB, which no socket buffer takes in.
    body = json.dumps({"messages": [{"role": "user", "content": "!say " + "x" * 3_000_000}], "n": 4})
    with socket.create_connection(("127.0.0.1", serve.port)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        head = "POST /api/kernel2/chat HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        time.sleep(2)
        health = json.loads(serve.request("GET", "/api/kernel2/health").read())
        assert health["data"]["queue"]["working"] == 4, "the answer has gone into some buffer: make it longer"
        serve.signal(signal.SIGTERM)
        assert serve.ended() == 0


def test_an_idle_connection_does_not_keep_it(start):
    serve = start("--demo").listen()
    with socket.create_connection(("127.0.0.1", serve.port)) as client:
        client.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200")
        serve.signal(signal.SIGTERM)
        assert serve.ended(4) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(start, number):
    serve = start("--demo").listen()
    stream = serve.chat(SILENCE)
    serve.signal(signal.SIGTERM)
    time.sleep(0.2)
    assert serve.process.poll() is None
    serve.signal(number)
    assert serve.ended(3) == 128 + number
    assert running(serve.home) is None
    assert "Traceback" not in serve.err.read_text()
    stream.close()


@pytest.mark.real_model
@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM, signal.SIGTERM], [signal.SIGKILL]])
def test_no_process_outlives_it(start, signals):
    serve = start().listen()
    children = psutil.Process(serve.process.pid).children(recursive=True)
    assert children
    for number in signals:
        serve.signal(number)
        time.sleep(0.05)
    serve.ended()
    gone, alive = psutil.wait_procs(children, timeout=5)
    assert not alive, gone


# Starting


def test_what_a_killed_server_left_behind_does_not_stop_the_next(start):
    first = start("--demo").listen()
    first.signal(signal.SIGKILL)
    first.ended()
    assert running(first.home) is not None
    second = start("--demo").listen()
    assert status(second, "/readyz") == 200
    second.signal(signal.SIGTERM)
    assert second.ended() == 0


def test_a_second_server_on_one_home_is_refused(start):
    first = start("--demo").listen()
    second = start("--demo")
    assert second.ended() == 4
    assert second.err.read_text().count("\n") == 1
    assert f"process id {first.process.pid}, at http://127.0.0.1:{first.port}" in second.err.read_text()
    assert status(first, "/livez") == 200


def test_a_port_in_use_is_refused_before_the_engine_starts(start, tmp_path):
    first = start("--demo").listen()
    second = start("--model", "nope.gguf", "--port", str(first.port), home=tmp_path / "other")
    assert second.ended() == 4
    assert second.err.read_text().startswith(f"mecum: Port {first.port} on localhost is in use by another program.")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--host", "0.0.0.0"], 3, "server.host is '0.0.0.0', which not only this machine reaches"),
        (["--model", "nope.gguf"], 5, "nope.gguf"),
        (["--model", __file__], 5, "not a GGUF"),
    ],
)
def test_a_start_that_fails_has_one_sentence_and_a_code(start, arguments, code, words):
    serve = start(*arguments)
    assert serve.ended() == code
    text = serve.err.read_text()
    assert text.startswith("mecum: ")
    assert words in text
    assert "Traceback" not in text
    assert serve.out.read_text() == ""


def test_a_model_that_fails_to_load_ends_it_with_the_engines_last_words(start, tmp_path):
    """A program in llama-server's place says its version, and then why it cannot load."""
    binary = tmp_path / "llama-server"
    binary.write_text(FAKE)
    binary.chmod(0o755)
    serve = start(MECUM_ENGINE_BINARY=str(binary))
    began = time.monotonic()
    assert serve.ended() == 5
    assert time.monotonic() - began < 10
    assert "  | E load: bad tensor" in serve.err.read_text()
    assert "Traceback" not in serve.err.read_text()


def test_a_server_elsewhere_may_come_later(start):
    serve = start("--engine-url", "http://127.0.0.1:9/v1").listen()
    deadline = time.monotonic() + 20
    while "does not answer yet" not in serve.err.read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "does not answer yet" in serve.err.read_text()
    assert status(serve, "/livez") == 200
    assert status(serve, "/readyz") == 503
    serve.signal(signal.SIGTERM)
    assert serve.ended() == 0


def test_it_listens_on_every_loopback_address(start):
    serve = start("--demo").listen()
    addresses = {link.laddr.ip for link in psutil.Process(serve.process.pid).net_connections() if link.status == "LISTEN"}
    assert addresses <= {"127.0.0.1", "::1"}
    assert "127.0.0.1" in addresses


# What it says


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_text_of_chats_never_reaches_the_log(start, form):
    serve = start("--demo", "--log-level", "debug", "--log-format", form).listen()
    messages = [{"role": "user", "content": CANARY}]
    bodies = [
        {"messages": messages},
        {"messages": messages, "stream": False},
        {"messages": messages, "metadata": {"role_id": CANARY}},
        {"messages": messages, "model": CANARY, "user": CANARY},
        {"messages": [{"role": CANARY, "content": CANARY}]},
        {"messages": messages, "temperature": CANARY},
        {"messages": [{"role": "user", "content": f"{CANARY}\n!say {CANARY}\n!break"}]},
        {"messages": [{"role": "user", "content": f"{CANARY}\n!refuse 500"}]},
        {"messages": [{"role": "user", "content": f"{CANARY}\n!finish {CANARY}"}]},
        {"messages": messages, "tools": [{"type": "function", "function": {"name": CANARY}}], "tool_choice": "required"},
        '{"messages": "' + CANARY,
        CANARY,
    ]
    for body in bodies:
        serve.request("POST", "/api/kernel2/chat", body).read()
        serve.request("POST", "/v1/chat/completions", body, Authorization=f"Bearer {CANARY}").read()
    serve.request("GET", f"/v1/models?q={CANARY}").read()
    serve.signal(signal.SIGTERM)
    assert serve.ended() == 0
    text = serve.err.read_text()
    assert text.count("/api/kernel2/chat") >= len(bodies)
    assert "RuntimeError" in text, "the scripted crash leaves its traceback"
    assert CANARY not in text
    assert CANARY not in serve.out.read_text()
    if form == "json":
        assert all({"time", "level", "logger", "message"} <= set(json.loads(line)) for line in text.splitlines())


def test_it_lives_on_when_nobody_reads_what_it_prints(start):
    serve = start("--demo", deaf=True).listen()
    assert status(serve, "/readyz") == 200
    serve.signal(signal.SIGTERM)
    assert serve.ended() == 0
    assert "Traceback" not in serve.err.read_text()
