"""What holds for every test: no socket reaches beyond this machine; hypothesis has no deadlines on a shared one."""

from __future__ import annotations

import ipaddress
import logging
import os
import sys
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest

_ALONE = ("tests/faults/", "tests/api/test_fuzz", "tests/engine/test_embedded", "tests/app/test_server")
_OUTWARD = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})


def pytest_configure(config: pytest.Config) -> None:
    """Set both up. An audit hook stays for the life of the process, which is what we want."""
    sys.addaudithook(_refuse_outward)
    soak = "MECUM_SOAK" in os.environ  # else every run takes the same examples
    hypothesis.settings.register_profile("mecum", deadline=None, derandomize=not soak)
    hypothesis.settings.load_profile("mecum")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what a crowd would disturb: `make test` runs it after all the rest, two at a time, the rest three at a time."""
    for item in items:
        where = item.path.relative_to(item.config.rootpath).as_posix()
        if item.get_closest_marker("real_model") or where.startswith(_ALONE):
            item.add_marker(pytest.mark.alone)


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A command that runs in a test's own process sets up logging; the next test shall not find it so."""
    loggers = [logging.getLogger(name) for name in (None, "mecum", "uvicorn.error")]
    before = [(logger.level, list(logger.handlers)) for logger in loggers]
    yield
    for logger, (level, handlers) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.handlers[:] = handlers
    logging.captureWarnings(capture=False)


def _refuse_outward(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _OUTWARD:
        return
    address = arguments[1]
    if isinstance(address, tuple) and not _is_local(str(address[0])):
        raise RuntimeError(f"a test reaches for {address[0]}: nothing may leave this machine")


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in ("", "localhost")
