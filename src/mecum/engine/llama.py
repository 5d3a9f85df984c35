"""A program, the engine's child: llama.cpp's own HTTP server, from the wheel `xllamacpp`, until its stdin ends.

Its stdin brings one line of JSON: `{"path": folder to import from, "params": {…}}`, where a name in `params` such as
`cpuparams.n_threads` is a field of `xllamacpp.CommonParams`. The key comes this way and so stands neither in argv nor in the
environment. The end of stdin means that the parent is gone. (While a model loads the wheel holds Python's lock, so no
thread of ours could see that; `launcher` covers that time.)

Only the standard library and the wheel are imported, nothing of mecum: the file is run as it stands.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

LAST_WORDS = 0.5  # seconds: llama.cpp's log is written by a thread of its own, which an exit cuts short


def _set(params: Any, name: str, value: Any) -> None:
    *owners, field = name.split(".")
    for owner in owners:
        params = getattr(params, owner)
    setattr(params, field, value)


def main() -> None:
    """Serve until stdin ends. Exit status 1: the model could not be loaded, and llama.cpp has said why on stderr."""
    order = json.loads(sys.stdin.buffer.readline())
    if order["path"] not in sys.path:
        sys.path.append(order["path"])
    import xllamacpp  # noqa: PLC0415 -- only now is it known where it is

    params = xllamacpp.CommonParams()
    for name, value in order["params"].items():
        _set(params, name, value)
    try:
        server = xllamacpp.Server(params)  # returns when the model is loaded; from then on its threads serve
    except RuntimeError:
        time.sleep(LAST_WORDS)
        sys.exit(1)
    sys.stdin.buffer.read()
    del server
    os._exit(0)


if __name__ == "__main__":
    main()
