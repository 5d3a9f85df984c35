"""Which embedder the settings name, and which others are here.

The built-in model and the embedding models on the shelf may have made the index that a new embedder is to take the place of;
until then questions go to them (`knowledge.former`). Proved by `tests/app/test_embedders.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from mecum.engine.embedder.base import Embedder
from mecum.engine.embedder.file import FileEmbedder
from mecum.engine.embedder.folder import FolderEmbedder, folder_of, folders_in
from mecum.engine.embedder.local import LocalEmbedder
from mecum.engine.embedder.scripted import ScriptedEmbedder
from mecum.engine.embedder.upstream import UpstreamEmbedder
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


def others(settings: Settings) -> Sequence[Embedder]:
    """Return all embedders that are here, as they are without settings of their own, the built-in one first."""
    if settings.library.embedder in ("scripted", "none") and not settings.library.embedder_url:
        return ()
    files = [one.file for one in Shelf(settings.home).installed() if one.kind == "embedder"]
    found = [FileEmbedder(LibrarySettings(embedder=str(file)), settings.home) for file in files]
    folders = [FolderEmbedder(LibrarySettings(embedder=str(one)), settings.home, one) for one in folders_in(settings.home)]
    return (LocalEmbedder(settings.home), *found, *folders)
