"""A worker for tests that dies over one text, refuses another, and embeds the rest as their length."""

import os
import signal
import sys

import numpy as np
import orjson

from mecum.engine.frames import serve


def handle(request: bytes) -> bytes:
    asked = orjson.loads(request)
    if any("crash" in text for text in asked["texts"]) or "always" in sys.argv:
        os.kill(os.getpid(), signal.SIGSEGV)
    if any("refuse" in text for text in asked["texts"]):
        raise ValueError("no")
    vectors = np.zeros((len(asked["texts"]), 384), "<f4")
    vectors[:, 0] = [len(text) for text in asked["texts"]]
    return vectors.tobytes() + np.array([len(text) for text in asked["texts"]], "<i4").tobytes()


serve(lambda: handle)
