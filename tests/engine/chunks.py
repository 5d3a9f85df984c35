"""Chunks of an answer as servers send them, and what becomes of them."""

from __future__ import annotations

import json
from typing import Any

from mecum.engine.codec import Decoder
from mecum.types import Delta

USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}


def chunk(delta: object = None, finish: object = None, index: int = 0, **fields: Any) -> dict[str, Any]:
    """Return a chunk with one choice; `fields` stand beside it."""
    return {"id": "x", "choices": [{"index": index, "delta": delta, "finish_reason": finish}], **fields}


def say(text: str, finish: object = None, index: int = 0, **fields: Any) -> dict[str, Any]:
    """Return a chunk with a piece of text."""
    return chunk({"content": text}, finish, index, **fields)


def decode(*payloads: object, choices: int = 1) -> list[Delta]:
    """Return all deltas of an answer made of these payloads: JSON, or bytes as they are."""
    decoder = Decoder(choices)
    return decoder.feed([encoded(payload) for payload in payloads]) + decoder.end()


def encoded(payload: object) -> bytes:
    """Return JSON, or bytes as they are."""
    return payload if isinstance(payload, bytes) else json.dumps(payload).encode()
