"""What `mecum doctor` looks at of the library: whether it can be read, what is in it, and what makes its vectors.

Nothing of it is changed, also where no server runs (`tests/cli/test_doctor.py`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping

from mecum.app.embedders import embedder_of
from mecum.app.home import Running
from mecum.cli import words
from mecum.cli.checkup import Finding, Level
from mecum.cli.status import counts_of
from mecum.engine.embedder import local, weights
from mecum.errors import MecumError
from mecum.settings.schema import Settings
from mecum.store.sqlite.glance import glance
from mecum.types import Principal

_RESTORE = "Put back a backup: mecum restore FILE.tar --replace. mecum verify tells more."
_OURS = ("local", "scripted", "none")
_PULL = "mecum pull starter fetches it."


async def library(settings: Settings, running: Running | None) -> AsyncIterator[Finding]:
    """Look at the documents and the embedder."""
    if running:
        for finding in await _of_server(running):
            yield finding
        return
    try:
        counts = glance(settings.home, Principal().owner)
        documents = counts.documents if counts else {}
        yield _documents(documents, counts.passages if counts else 0, counts.without_vector if counts else 0)
    except MecumError as error:
        yield Finding("library", "fail", error.message, _RESTORE)
    other = settings.library.embedder_url or settings.library.embedder not in _OURS
    yield await _chosen(settings) if other else _embedder(settings)


async def _of_server(server: Running) -> Iterator[Finding]:
    counts = await counts_of(server)
    if counts is None:
        return iter([Finding("library", "fail", "the server does not tell of it.", "Read its log.")])
    embedder = counts["embedder"]
    found = [_documents(counts["documents"], counts["passages"], counts["without_vector"])]
    if embedder["state"] == "ready":
        found.append(Finding("embedder", "ok", words.embedder(counts)))
    else:
        found.append(_unwell(str(embedder["reason"] or "It does not run.")))
    return iter(found)


def _documents(documents: Mapping[str, int], passages: int, without_vector: int) -> Finding:
    found = words.library({"documents": documents, "passages": passages, "without_vector": without_vector})
    if documents.get("failed"):
        fix = "mecum documents --state failed says why; adding them again tries again."
        return Finding("library", "warn", f"{found}.", fix)
    return Finding("library", "ok", found)


def _unwell(reason: str, level: Level = "warn") -> Finding:
    known, _, fix = reason.rpartition(". ")  # what to do stands last
    return Finding("embedder", level, f"{known}." if known else reason, fix if known else _PULL)


async def _chosen(settings: Settings) -> Finding:
    """Look at a model or a server that the user chose: at the file's header, or at what the server answers."""
    embedder = embedder_of(settings)
    await embedder.start()
    try:
        status = embedder.status()
        if not status.ready:
            return _unwell(status.reason or "It does not run.", "fail")
        return Finding("embedder", "ok", f"{embedder.name}, vectors of {embedder.dimension} numbers")
    finally:
        await embedder.aclose()


def _embedder(settings: Settings) -> Finding:
    """Look at what would make the vectors, without starting it."""
    if settings.library.embedder != "local":
        level, fix = ("ok", "") if settings.library.embedder == "scripted" else ("warn", "Unset library.embedder.")
        return Finding("embedder", level, f"{settings.library.embedder} (library.embedder)", fix)  # type: ignore[arg-type]
    file = local.locate(settings.home)
    if file is None:
        return Finding("embedder", "warn", "its model is missing: search is by keywords only.", _PULL)
    try:
        weights.read(file)
    except (weights.WeightsError, OSError) as error:
        return Finding(
            "embedder",
            "fail",
            f"{file}: {str(error).rstrip('.')}.",
            "Remove that file, and fetch it again: mecum pull starter.",
        )
    return Finding("embedder", "ok", f"{local.NAME} ({file})")
