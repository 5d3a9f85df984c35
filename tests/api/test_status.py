"""Whether the server lives, can answer, and which models there are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.api.server import Running, serving
from tests.clients.wire import V1, asks, has_both_shapes, post, request

from mecum import __version__

MODEL = {
    "id": "scripted",
    "object": "model",
    "created": 1_700_000_000,
    "owned_by": "local",
    "context_length": 8192,
    "slots": 4,
    "size": None,
    "loaded": True,
}


@pytest.fixture
def own() -> Iterator[Running]:
    """A server to stop and to drain."""
    with serving() as running:
        yield running


def test_while_all_is_well(server: Running) -> None:
    assert request(server.url, "GET", "/livez").json() == {"status": "ok"}
    assert request(server.url, "GET", "/readyz").json() == {"status": "ok"}
    body = request(server.url, "GET", "/api/kernel2/health").json()
    data = body.pop("data")
    assert body == {"success": True, "code": 0, "message": "success"}
    assert 0 <= data.pop("uptime") < 3600
    assert data == {
        "status": "ok",
        "version": __version__,
        "engine": {"state": "ready", "kind": "scripted", "version": "scripted", "restarts": 0, "reason": None},
        "model": MODEL,
        "models": [
            {
                "id": "scripted",
                "state": "loaded",
                "reason": None,
                "memory": None,
                "users": 0,
                "progress": None,
                "loading_seconds": None,
            }
        ],
        "memory": {"budget": None, "taken": None},
        "queue": {"working": 0, "waiting": 0},
    }


def test_while_it_drains(own: Running) -> None:
    own.gate.close()
    answer = request(own.url, "GET", "/readyz")
    assert has_both_shapes(answer, 503)["code"] == "draining"
    assert int(answer.headers["retry-after"]) > 0
    assert request(own.url, "GET", "/livez").status == 200
    assert request(own.url, "GET", "/api/kernel2/health").json()["data"]["status"] == "draining"
    chat = post(own.url, V1, asks("hi"))
    assert has_both_shapes(chat, 503)["code"] == "draining"
    assert own.engine.prompts == []


def test_while_the_engine_is_down(own: Running) -> None:
    own.run(own.engine.aclose())
    answer = request(own.url, "GET", "/readyz")
    assert has_both_shapes(answer, 503)["message"] == "The engine is stopped."
    assert answer.headers["retry-after"] == "1"
    assert request(own.url, "GET", "/livez").status == 200
    data = request(own.url, "GET", "/api/kernel2/health").json()["data"]
    assert (data["status"], data["engine"]["state"]) == ("stopped", "stopped")
    has_both_shapes(post(own.url, V1, asks("hi")), 503)
    own.run(own.engine.start())
    assert request(own.url, "GET", "/readyz").status == 200


def test_health_counts_the_queue(own: Running) -> None:
    tickets = [own.queue.enter("a", "scripted") for _ in range(4)]
    for ticket in tickets:
        own.run(ticket.turn())
    assert request(own.url, "GET", "/api/kernel2/health").json()["data"]["queue"] == {"working": 4, "waiting": 0}
    for ticket in tickets:
        own.loop.call_soon_threadsafe(ticket.leave)


@pytest.mark.parametrize("prefix", ["/v1", "/api/kernel2"])
def test_models(server: Running, prefix: str) -> None:
    assert request(server.url, "GET", f"{prefix}/models").json() == {"object": "list", "data": [MODEL]}
    assert request(server.url, "GET", f"{prefix}/models/scripted").json() == MODEL
    assert request(server.url, "GET", f"{prefix}/models/mecum").json() == MODEL, "an alias of the default"


@pytest.mark.parametrize(
    "name", ["nobody", "Scripted", "org/model-7b", "a%20b", "%C3%A9", "x" * 2000, "", "../models", "%00"]
)
def test_unknown_models(server: Running, name: str) -> None:
    error = has_both_shapes(request(server.url, "GET", f"/v1/models/{name}"), 404)
    assert (error["code"], error["param"]) == ("model_not_found", "model")
    assert len(error["message"]) < 400
