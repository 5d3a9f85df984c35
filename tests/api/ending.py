"""How a request ended: every one ends in exactly one way (`promises.md` 9)."""

from __future__ import annotations

import json
from typing import Literal

from tests.clients.wire import Answer, check_shapes, has_both_shapes

Ending = Literal["finish", "event", "status"]


def ending(answer: Answer, *, choices: int = 1) -> Ending:
    """Return whether all choices finished, an error event or an error status came, after checking that it is only one."""
    if answer.status != 200:
        has_both_shapes(answer, answer.status)
        return "status"
    if answer.headers["content-type"] == "application/json":
        assert len(answer.reasons()) == choices
        assert all(answer.reasons())
        return "finish"
    return _stream_ending(answer, choices)


def _stream_ending(answer: Answer, choices: int) -> Ending:
    *events, done = answer.events()
    assert done == "[DONE]"
    assert "[DONE]" not in events
    bodies = [json.loads(event) for event in events]
    finished = [c["index"] for body in bodies for c in body.get("choices", ()) if c["finish_reason"]]
    assert len(set(finished)) == len(finished)
    failed = [body for body in bodies if "error" in body]
    if failed:
        assert failed == bodies[-1:]
        assert len(finished) < choices
        failed[0].pop("choices", None)
        check_shapes(failed[0], failed[0]["code"])
        return "event"
    assert len(finished) == choices
    assert len(answer.chunks()) == len(events)
    return "finish"
