"""Row 20: the time of an answer tells what somebody else has asked. `tests/engine/test_slots.py` has who gets which slot of
the engine, `tests/engine/test_owners.py` the real one with two owners.

Invariant: on every chat route the engine is told whose prompt it is.
"""

from __future__ import annotations

import pytest
from tests.api.server import serving
from tests.clients.wire import CHAT_ROUTES, asks, post, request


@pytest.mark.parametrize("stream", [False, True])
def test_every_prompt_has_its_owner(stream: bool) -> None:
    with serving() as server:
        keys = {}
        for owner in ("ann", "eve"):
            body = f'{{"name": "{owner}", "owner": "{owner}", "scopes": ["chat", "admin"]}}'.encode()
            headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {keys['ann']}"} if keys else {})
            keys[owner] = request(server.url, "POST", "/api/keys", body, headers).json()["data"]["key"]
        for path in CHAT_ROUTES:
            for owner, key in keys.items():
                answer = post(server.url, path, asks("hi", stream=stream, user="ann"), {"Authorization": f"Bearer {key}"})
                assert answer.text() == "You said: hi"
                assert server.engine.prompts[-1].owner == owner
