"""What is to be added, one item for each document, whichever kind of body it came in; and how a batch of them is added.

Invariant (`tests/api/test_adding.py`): an item that cannot be taken disturbs no other; a batch fails only when all of its
items do; when `add` returns or raises, no temporary file is left.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import orjson

from mecum.api.asked import DocumentBody
from mecum.api.disk import create, in_thread, write
from mecum.api.labels import collection, label
from mecum.errors import InvalidRequest, MecumError, StoreError
from mecum.knowledge.library import Library, NewFile
from mecum.store.values import DEFAULT_COLLECTION, Document
from mecum.types import Json, Principal

MAX_METADATA: Final = 64 * 1024  # bytes, as JSON
TOGETHER: Final = 32  # items handed to the store at once: they share its commits


@dataclass(slots=True)
class Item:
    """A document that was sent: its content is in a file of ours, unless a `fault` says why it was not taken.

    Fields as `NewFile` has them; `modified_ns` is when the file was changed, in nanoseconds since 1970.
    """

    path: str
    title: str = ""
    collection: str = DEFAULT_COLLECTION
    metadata: Json = field(default_factory=dict)
    date: float | None = None
    modified_ns: int | None = None
    content: Path | None = None
    size: int = 0
    sha256: str = ""
    fault: MecumError | None = None

    def drop(self) -> None:
        """Remove its content, if it is still ours. Blocks."""
        if self.content is not None:
            self.content.unlink(missing_ok=True)
            self.content = None


def drop(items: Iterable[Item]) -> None:
    """Remove the contents that are still ours. Blocks."""
    for item in items:
        item.drop()


async def written(documents: Sequence[DocumentBody], temporary: Callable[[], Path]) -> list[Item]:
    """Return texts as items, each in a file that `temporary` names.

    Raises:
        StoreError: the disk is at fault; nothing is left.
    """
    items = [_item(document) for document in documents]
    try:
        await in_thread(_write_all, items, documents, temporary)
    except BaseException:  # whoever or whatever ends it
        await in_thread(drop, items)
        raise
    return items


async def add(library: Library, items: Sequence[Item], principal: Principal) -> list[Document | Item]:
    """Add items, and return for each its document, or the item itself with its fault.

    Raises:
        MecumError: none could be added.
    """
    try:
        added: list[Document | Item] = []
        for start in range(0, len(items), TOGETHER):
            some = items[start : start + TOGETHER]
            added += await asyncio.gather(*(_add(library, item, principal) for item in some))
    finally:
        await in_thread(drop, items)
    if not any(isinstance(one, Document) for one in added):
        raise _all_failed(items)
    return added


async def _add(library: Library, item: Item, principal: Principal) -> Document | Item:
    if item.fault is not None or item.content is None:
        return item
    new = NewFile(
        path=item.path,
        content=item.content,
        sha256=item.sha256,
        size=item.size,
        title=item.title,
        collection=item.collection,
        metadata=item.metadata,
        date=item.date,
    )
    item.content, content = None, item.content  # from now on it is the library's
    try:
        return await library.add(new, principal)
    except MecumError as fault:
        item.content, item.fault = content, fault
        return item


def _all_failed(items: Sequence[Item]) -> MecumError:
    """Return the fault of a batch of which nothing was taken: the only item's, or the disk's, or the client's."""
    faults = [item.fault for item in items if item.fault is not None]
    ours = [fault for fault in faults if isinstance(fault, StoreError)]
    if len(faults) == 1 or ours:
        return (ours or faults)[0]
    return InvalidRequest(f"None of the {len(faults)} documents could be added. The first: {faults[0].message}")


def _item(document: DocumentBody) -> Item:
    try:
        return Item(
            label(document.path),
            title=label(document.title, field="title") if document.title else "",
            collection=DEFAULT_COLLECTION if document.collection is None else collection(document.collection),
            metadata=_bounded(document.metadata or {}),
            date=document.date,
        )
    except InvalidRequest as fault:
        return Item(document.path, fault=fault)


def _bounded(metadata: Json) -> Json:
    if len(orjson.dumps(metadata)) > MAX_METADATA:
        raise InvalidRequest(f"metadata must not be larger than {MAX_METADATA // 1024} KiB.", param="metadata")
    return metadata


def _write_all(items: Sequence[Item], documents: Sequence[DocumentBody], temporary: Callable[[], Path]) -> None:
    for item, document in zip(items, documents, strict=True):
        if item.fault is None:
            _write(item, document.text.encode("utf-8"), temporary())


def _write(item: Item, content: bytes, path: Path) -> None:
    item.content, item.size, item.sha256 = path, len(content), hashlib.sha256(content).hexdigest()
    handle = create(path)
    try:
        write(handle, content)
    finally:
        os.close(handle)
