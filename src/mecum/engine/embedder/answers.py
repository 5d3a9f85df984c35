"""What an embedding server says: its vectors, its models, and what is wrong with it, in words that name our settings. Pure.

Invariant (`tests/engine/embedder/test_upstream.py`): whatever an answer holds, what comes out are so many vectors of length
1, or an error of ours.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

import numpy as np

from mecum.engine.embedder.base import Embedded
from mecum.errors import EngineBroke, EngineRefused, MecumError, ModelNotFound, RouteMissing
from mecum.types import Json

_TOO_LONG: Final = re.compile(r"too (large|long)|context (length|size)|exceeds?\b|maximum.*tokens", re.IGNORECASE)
_SHOWN: Final = 8  # models in a message


def read(answer: Json, number: int) -> Embedded:
    """Return the vectors of an answer, of length 1 each.

    Raises:
        EngineBroke: it is none to so many texts.
    """
    rows = answer.get("data")
    if not isinstance(rows, list) or len(rows) != number or not all(isinstance(row, dict) for row in rows):
        raise EngineBroke(f"The engine was sent {number} texts, and its answer does not hold as many vectors.")
    rows = sorted(rows, key=lambda row: row["index"]) if all(isinstance(row.get("index"), int) for row in rows) else rows
    try:
        with np.errstate(all="ignore"):  # what overflows is no number afterwards, and no vector
            vectors = np.array([_numbers(row.get("embedding")) for row in rows], np.float32)
    except (ValueError, TypeError, OverflowError, binascii.Error):
        vectors = np.zeros((0, 0), np.float32)
    with np.errstate(all="ignore"):
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True) if vectors.ndim == 2 else np.zeros((1, 1), np.float32)
    if vectors.ndim != 2 or not vectors.size or not np.isfinite(lengths).all() or not lengths.all():
        raise EngineBroke("The engine answers with what are no vectors. Is the model an embedding model?")
    usage = answer.get("usage")
    total = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return Embedded(vectors / lengths, (total if isinstance(total, int) else 0, *[0] * (number - 1)))


def _numbers(value: object) -> object:
    """Return a vector as it was sent: as numbers, or packed in base64."""
    return np.frombuffer(base64.b64decode(value, validate=True), "<f4") if isinstance(value, str) else value


def only_model(listing: Json) -> str:
    """Return the name of the only model that a server lists.

    Raises:
        EngineRefused: there are several, or none.
    """
    data = listing.get("data")
    rows = [row for row in data if isinstance(row, dict)] if isinstance(data, list) else []
    names = [row["id"] for row in rows if isinstance(row.get("id"), str) and row["id"]]
    if len(names) == 1:
        return str(names[0])
    several = f"lists {len(names)} models ({', '.join(names[:_SHOWN])})" if names else "lists no models"
    raise EngineRefused(f"The engine {several}. Set library.embedder_model to the one that embeds.")


def is_too_long(error: MecumError) -> bool:
    """Return whether a server that fails only means that a text is too long: llama-server answers 500 then."""
    return isinstance(error, EngineBroke) and _TOO_LONG.search(error.message) is not None


def told(error: MecumError, address: str, route: str, model: str) -> str:
    """Return what is wrong, in words that name the server and the settings that lead to it."""
    server = f"The embedding server {address}"
    if isinstance(error, RouteMissing):
        return f"{server} has no {route}. Check library.embedder_url (it mostly ends in /v1)."
    if isinstance(error, ModelNotFound):
        said = error.message.partition(": ")[2]
        return f"{server} does not have the model {model}. Check library.embedder_model. It says: {said}"
    if isinstance(error, EngineRefused) and "our key" in error.message:
        return f"{server} refuses our key. Check library.embedder_key (MECUM_LIBRARY_EMBEDDER_KEY)."
    return error.message.replace("The engine", server, 1)
