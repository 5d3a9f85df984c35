"""The embedder that the index is of, kept for questions while another one's index is built beside it.

Invariant (`tests/knowledge/test_embedders.py`): from the start with a new embedder until its index answers, questions are
compared with the old index as before, if the embedder of that is still here; then it is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from mecum.engine.embedder.base import Embedder
from mecum.knowledge.search import Search
from mecum.store.base import Store

Others = Callable[[], Sequence[Embedder]]


class Former:
    """Finds it among `others`, embedders that are here besides `current`, and lends it to the search.

    `others` may read files: it is called in a thread.
    """

    def __init__(self, store: Store, current: Embedder, others: Others, search: Search) -> None:
        self._store = store
        self._current = current
        self._others = others
        self._search = search
        self._embedder: Embedder | None = None

    async def start(self) -> None:
        """Look whether the index is of another embedder that is here."""
        index = (await self._store.vectors.stamp()).active
        if index in (None, self._current.identity):
            return
        for other in await asyncio.to_thread(self._others):
            await other.start()
            if other.identity == index and other.status().ready:
                self._embedder = other
                self._search.lend(other)
                return
            await other.aclose()

    async def retire(self) -> None:
        """Let it go: the index is the current embedder's now."""
        await self._search.refresh()
        self._search.lend(None)
        await self.aclose()

    async def aclose(self) -> None:
        """Close it, if there is one."""
        embedder, self._embedder = self._embedder, None
        if embedder is not None:
            await embedder.aclose()
