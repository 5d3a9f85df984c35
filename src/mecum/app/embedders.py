"""Which embedder the settings name, and which others are here.

The built-in model and the embedding models on the shelf may have made the index that a new embedder is to take the place of;
until then questions go to them (`knowledge.former`). Proved by `tests/app/test_embedders.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mecum.engine.embedder import room
from mecum.engine.embedder.base import Embedder
from mecum.engine.embedder.file import FileEmbedder
from mecum.engine.embedder.folder import FolderEmbedder, folder_of
from mecum.engine.embedder.local import LocalEmbedder
from mecum.engine.embedder.scripted import ScriptedEmbedder
from mecum.engine.embedder.upstream import UpstreamEmbedder
from mecum.engine.embedder.workers import WorkerEmbedder
from mecum.models.shelf import Shelf
from mecum.settings.schema import LibrarySettings, Settings


def embedder_of(settings: Settings) -> Embedder:
    """Return the embedder that the settings describe, not started."""
    library = settings.library
    if library.embedder_url:
        return UpstreamEmbedder(library)
    if library.embedder in ("scripted", "none"):
        return ScriptedEmbedder(missing=library.embedder == "none")
    if library.embedder == "local":
        return LocalEmbedder(settings.home)
    folder = folder_of(library.embedder, settings.home)
    return FolderEmbedder(library, settings.home, folder) if folder else FileEmbedder(library, settings.home)


def left(embedder: Embedder, free: int) -> int:
    """Return how many bytes of so much free memory chats leave to the embedder's workers. It reads files."""
    need = embedder.need() if isinstance(embedder, WorkerEmbedder) else 0
    return room.left(need, free) if need else 0


def others(settings: Settings) -> Sequence[Embedder]:
    """Return all embedders that are here, as they are without settings of their own, the built-in one first."""
    if settings.library.embedder in ("scripted", "none") and not settings.library.embedder_url:
        return ()
    found = [one.file for one in Shelf(settings.home).installed() if one.kind == "embedder" and not one.fault]
    return (LocalEmbedder(settings.home), *(_on_shelf(place, settings.home) for place in found))


def _on_shelf(place: Path, home: Path) -> Embedder:
    """Return the embedder of a file or folder, which is only wanted if it made the index."""
    library = LibrarySettings(embedder=str(place))
    return FolderEmbedder(library, home, place, used=True) if place.is_dir() else FileEmbedder(library, home)
