"""From what was asked for to the files that are to be brought: which, from where, with what size and hash.

Invariants (`tests/models/test_pull.py`): files are named by us (`source`), wherever a server says that they lie; a
repository is read at one commit. Which model of a repository is taken, `selection` decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from mecum.engine import gguf
from mecum.engine.models import parts, split_names
from mecum.errors import InvalidRequest
from mecum.models import listing
from mecum.models.choice import HubFile, Variant
from mecum.models.encoders import place_of
from mecum.models.fetch import Item
from mecum.models.folder import SHALLOW, files_in, root_of
from mecum.models.hub import Hub
from mecum.models.package import Files, Folder, Package
from mecum.models.record import Origin
from mecum.models.refusal import PullFailed
from mecum.models.selection import Offer, Selector
from mecum.models.source import FromFile, FromHub, FromUrl, Source, file_name, folder_name

MAGIC: Final = b"GGUF"


@dataclass(frozen=True, slots=True)
class Order:
    """The files to bring, the model first, and where it is from. `spare` are those of which the model may want some."""

    package: Package
    items: tuple[Item, ...]
    origin: Origin
    spare: tuple[Item, ...] = ()

    @property
    def name(self) -> str:
        """What will have its name on the shelf."""
        return self.package.name

    def wanted(self, names: Sequence[str]) -> tuple[Item, ...]:
        """Return the spare files of these names.

        Raises:
            PullFailed: there is none of a name.
        """
        spare, model = {item.name: item for item in self.spare}, self.items[0].name
        for name in names:
            if name not in spare:
                raise PullFailed(f"{model} wants to read {name[:200]!r}, which is not beside it. Do not use it.")
        return tuple(spare[name] for name in names)

    def promising(self, sha256: str) -> Order:
        """Return it with the hash that the person gave.

        Raises:
            InvalidRequest: there are several files.
            PullFailed: the hub says another one.
        """
        if not sha256:
            return self
        if len(self.items) > 1:
            raise InvalidRequest(f"--sha256 is for a single file, and this model has {len(self.items)}.")
        item = self.items[0]
        if item.sha256 and item.sha256 != sha256:
            raise PullFailed(f"The hub has {item.name} with another SHA-256: {item.sha256}.")
        return replace(self, items=(replace(item, sha256=sha256),))


class Desk:
    """Makes orders. `silence` and `pause` are as `listing` has them."""

    def __init__(self, hub: Hub, selector: Selector, *, silence: float, pause: float) -> None:
        self._hub = hub
        self._selector = selector
        self._silence = silence
        self._pause = pause

    async def order(self, source: Source) -> Order:
        """Return what has to be brought.

        Raises:
            InvalidRequest: there is no such thing, or nothing that fits.
            PullFailed: the hub does not tell.
        """
        if isinstance(source, FromHub):
            return await self._from_hub(source)
        if isinstance(source, FromUrl):
            return _from_url(source)
        folder = root_of(source.path)
        return self._from_folder(source.path, folder) if folder else _from_file(source)

    async def _from_hub(self, wish: FromHub) -> Order:
        found = await listing.repository(self._hub, wish, silence=self._silence, pause=self._pause)
        offer = Offer(found.repo, f"hf:{found.repo}:", found.files, found.task)
        if found.repo.lower() != wish.repo.lower():
            self._selector.tell(f"{wish.repo} is called {found.repo} now.")
        variant = self._selector.take(offer, wish.what)

        def item(file: HubFile) -> Item:
            where = found.repo, found.revision, file
            return replace(_item(variant, file), url=self._hub.file(*where), here=self._hub.cached(*where))

        origin = Origin(f"hf:{found.repo}:{variant.files[0].path}", revision=found.revision, licence=found.licence)
        return _order(variant, found.repo, item, origin)

    def _from_folder(self, given: Path, folder: Path) -> Order:
        files = [HubFile(file.relative_to(folder).as_posix(), file.stat().st_size) for file in files_in(folder, SHALLOW)]
        what = None if given == folder else given.relative_to(folder).as_posix()
        variant = self._selector.take(Offer(str(folder), f"{folder}/", tuple(files)), what)

        def item(file: HubFile) -> Item:
            return replace(_item(variant, file), here=(folder / file.path).resolve())

        origin = Origin(str((folder / variant.files[0].path).absolute()))
        return _order(variant, folder.resolve().as_posix(), item, origin)


def _item(variant: Variant, file: HubFile) -> Item:
    if variant.form == "gguf":
        return Item("", file_name(file.path), file.size, file.sha256, file.git, MAGIC)
    return Item("", place_of(file.path), file.size, file.sha256, file.git)


def _order(variant: Variant, path: str, item: Callable[[HubFile], Item], origin: Origin) -> Order:
    """Return what a variant becomes. `path` is that of the repository or folder that it is from."""
    items = tuple(map(item, variant.files))
    if variant.form == "gguf":
        return Order(Files(tuple(one.name for one in items)), items, origin)
    asked = tuple(one for one, file in zip(items, variant.files, strict=True) if file not in variant.spare)
    return Order(Folder(folder_name(path), items[0].name), asked, origin, tuple(map(item, variant.spare)))


def _from_url(source: FromUrl) -> Order:
    path = urlsplit(source.url).path
    name = file_name(unquote(path))
    names = split_names(name)
    items = tuple(Item(_sibling(source.url, name, one), one, begins=MAGIC) for one in names)
    return Order(Files(names), items, Origin(source.shown))


def _sibling(url: str, name: str, other: str) -> str:
    """Return the address of another part of a split model, beside the one that was named."""
    parsed = urlsplit(url)
    head, _, last = parsed.path.rpartition("/")
    return parsed._replace(path=f"{head}/{last.replace(name, other)}").geturl()


def _from_file(source: FromFile) -> Order:
    path = source.path
    if not path.is_file():
        hint = f" For a repository of the hub: hf:{path}." if not path.suffix and len(path.parts) == 2 else ""
        raise InvalidRequest(f"There is no file {path}.{hint}")
    files = parts(path)
    gguf.read(files[0])  # before gigabytes are read for their hash
    items = tuple(Item("", file_name(file.name), file.stat().st_size, here=file.resolve()) for file in files)
    return Order(Files(tuple(item.name for item in items)), items, Origin(str(path.resolve())))
