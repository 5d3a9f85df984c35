"""llama.cpp's own server out of the wheel `xllamacpp`, for the clients that speak to it directly.

    python -m bench.streaming.llamacpp --port 9000 --key KEY --model FILE [--as-mecum]

Without `--as-mecum` everything stays llama.cpp's default, but for four slots, as `llama-server` itself takes; with it, the
engine gets what mecum's own child gets on this machine. Runs in mecum's environment, because the wheel is there.
"""

from __future__ import annotations

import argparse
import os
import signal
from pathlib import Path
from types import FrameType

import xllamacpp

from mecum.engine import gguf
from mecum.engine.command import wheel_params
from mecum.engine.machine import Machine
from mecum.engine.plan import make_plan
from mecum.settings.schema import EngineSettings

DEFAULTS: dict[str, object] = {"n_parallel": 4, "ui": False}


def _as_mecum(model: Path) -> dict[str, object]:
    header = gguf.read(model)
    return wheel_params(make_plan(header, header.size, EngineSettings(), Machine.here()))


def _parameters(flags: dict[str, object], port: int, key: str, model: Path) -> xllamacpp.CommonParams:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model)
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = port
    parameters.api_keys = [key]
    for name, value in flags.items():
        owner, dot, attribute = name.partition(".")
        setattr(getattr(parameters, owner) if dot else parameters, attribute if dot else name, value)
    return parameters


def _end(_number: int, _frame: FrameType | None) -> None:
    os._exit(0)  # the server's threads would keep a tidy exit waiting


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--as-mecum", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _end)
    flags = _as_mecum(options.model) if options.as_mecum else DEFAULTS
    print(" ".join(f"{name}={value}" for name, value in flags.items()), flush=True)
    server = xllamacpp.Server(_parameters(flags, options.port, options.key, options.model))
    print(server.listening_address, flush=True)
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
