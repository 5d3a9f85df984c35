"""Sees asynchronous generators that nobody closed: the garbage collector found them, and asyncio has to close them later."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import AsyncGenerator, Iterator
from typing import Any


@contextlib.contextmanager
def forgotten_generators() -> Iterator[list[str]]:
    """Collect the names of generators that are begun inside and forgotten there. They are let go without being closed."""
    found: list[str] = []
    before = sys.get_asyncgen_hooks()

    def forget(generator: AsyncGenerator[Any, Any]) -> None:
        found.append(generator.__qualname__)

    sys.set_asyncgen_hooks(firstiter=lambda _: None, finalizer=forget)
    try:
        yield found
        gc.collect()
    finally:
        sys.set_asyncgen_hooks(*before)
