"""The library as watched folders are kept in it: what they change stands in the audit log, too.

Invariant (`tests/app/test_watched.py`): files that come are counted by the minute, for ten thousand may come at once; what
goes is told by its ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mecum.audit.log import AuditLog
from mecum.knowledge.compare import Known
from mecum.knowledge.folder import FoundFile
from mecum.knowledge.sync import Target
from mecum.types import Principal


class AuditedTarget:
    """A target (`mecum.knowledge.sync.Target`) of this owner's."""

    def __init__(self, target: Target, audit: AuditLog, principal: Principal) -> None:
        self._target = target
        self._audit = audit
        self._principal = principal

    async def known(self, root: Path) -> list[Known]:
        """Return the documents in a folder."""
        return await self._target.known(root)

    async def add(self, file: FoundFile) -> None:
        """Add a file, or its new content."""
        await self._target.add(file)
        self._audit.count(self._principal, "documents.added")

    async def rename(self, document_id: str, path: Path) -> None:
        """Give a document another path."""
        async with self._audit.doing(self._principal, "document.renamed", document_id):
            await self._target.rename(document_id, path)

    async def remove(self, document_ids: Sequence[str]) -> None:
        """Remove documents."""
        async with self._audit.doing(self._principal, "documents.removed", *document_ids):
            await self._target.remove(document_ids)
