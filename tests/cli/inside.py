"""Runs `mecum` commands in this very process: what starts a process for each of a hundred commands takes minutes.

`tests/cli/commands.py` runs real ones; whoever uses this shows with one of those that a process does the same.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
from collections.abc import Iterator
from subprocess import CompletedProcess

import pytest
from tests.clients.server import clean_environment

from mecum.cli.main import run


def mecum(*arguments: object, **environ: str) -> CompletedProcess[str]:
    """Run `mecum` with these arguments and settings alone, and return how it ended."""
    command = ["mecum", *map(str, arguments)]
    out, err = io.StringIO(), io.StringIO()
    with (
        _program(command, clean_environment() | environ),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        _own_logging(),
        _own_client(),
    ):
        try:
            run()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
    return CompletedProcess(command, code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def _program(command: list[str], environ: dict[str, str]) -> Iterator[None]:
    """Give the block its own arguments and environment."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", command)
        for name in set(os.environ) - set(environ):
            patched.delenv(name)
        for name, value in environ.items():
            patched.setenv(name, value)
        yield


@contextlib.contextmanager
def _own_client() -> Iterator[None]:
    """Let the hub's own client be imported anew: it reads its variables then."""
    client = "huggingface_hub"
    kept = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == client}
    for name in kept:
        del sys.modules[name]
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == client]:
            del sys.modules[name]
        sys.modules.update(kept)


@contextlib.contextmanager
def _own_logging() -> Iterator[None]:
    """Keep what a command sets up to itself."""
    loggers = [logging.getLogger(name) for name in (None, "mecum", "uvicorn.error")]
    levels, handlers = [logger.level for logger in loggers], loggers[0].handlers[:]
    loggers[0].handlers[:] = []  # or they would be closed
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        loggers[0].handlers[:] = handlers
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
