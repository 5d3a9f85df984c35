"""The user's documents: read, cut, indexed, searched. `library` is the way in; `Library` here is what a chat needs of it."""

from __future__ import annotations

from typing import Protocol

from mecum.types import Principal, Query, Retrieval


class Library(Protocol):
    """Where passages are looked up."""

    async def search(self, query: Query, principal: Principal) -> Retrieval:
        """Return the passages that hold the answer to a question, the best first, or none.

        Raises:
            RetrievalFailed: the documents cannot be searched.
        """
        ...


class EmptyLibrary:
    """A library without documents, for a chat that has none."""

    async def search(self, query: Query, principal: Principal) -> Retrieval:
        """Find nothing."""
        del principal
        return Retrieval(status="empty", mode="keyword", query=query.text, k=0, ms=0.0)
