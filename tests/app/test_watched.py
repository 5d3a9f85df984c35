"""What watched folders change stands in the audit log."""

from __future__ import annotations

import asyncio
from pathlib import Path

from mecum.app.build import build
from mecum.settings.schema import EngineSettings, LibrarySettings, Settings


async def test_what_comes_and_goes_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    write(folder, "one.md", "two.md")
    settings = Settings(
        home=tmp_path / "home",
        engine=EngineSettings(scripted=True),
        library=LibrarySettings(embedder="none", watch=(folder,)),
    )
    app = build(settings)
    try:
        await app.start()
        await app.watch()

        async def told() -> set[tuple[str, int]]:
            return {(deed.what, deed.count) for deed in await app.audit.list()}

        async with asyncio.timeout(30):
            while ("documents.added", 2) not in await told():  # noqa: ASYNC110 # a thread notices
                await asyncio.sleep(0.05)
        write(folder, "one.md", gone=True)
        async with asyncio.timeout(30):
            while ("documents.removed", 1) not in await told():  # noqa: ASYNC110 # as above
                await asyncio.sleep(0.05)
        (removed, *_) = await app.audit.list()
        assert (removed.owner, removed.key, len(removed.targets), removed.outcome) == ("local", None, 1, "ok")
    finally:
        await app.aclose()


def write(folder: Path, *names: str, gone: bool = False) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).unlink() if gone else (folder / name).write_text("something")
