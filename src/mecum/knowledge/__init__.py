"""The user's documents. They come with the store; until then the library is empty, and says so."""

from __future__ import annotations

from typing import Protocol

from mecum.types import Principal, Retrieval


class Library(Protocol):
    """Where passages are looked up."""

    async def search(self, query: str, principal: Principal) -> Retrieval:
        """Return the passages that hold the answer to a question, the best first, or none."""
        ...


class EmptyLibrary:
    """The library of an installation without documents."""

    async def search(self, query: str, principal: Principal) -> Retrieval:
        """Find nothing."""
        del principal
        return Retrieval(status="empty", mode="keyword", query=query, k=0, ms=0.0)
