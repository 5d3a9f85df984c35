"""From what was asked for to the files that are to be brought: which, from where, with what size and hash.

Invariants (`tests/models/test_pull.py`): files are named by us (`source`), wherever a server says that they lie; a
repository is read at one commit. Which model of a repository is taken, `selection` decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mecum.engine import gguf
from mecum.engine.models import parts, split_names
from mecum.errors import InvalidRequest
from mecum.models import listing
from mecum.models.choice import HubFile, Variant
from mecum.models.encoders import place_of
from mecum.models.fetch import Item
from mecum.models.folder import SHALLOW, files_in, root_of
from mecum.models.hub import Hub, Repository
from mecum.models.package import Files, Folder, Package
from mecum.models.record import Origin
from mecum.models.refusal import PullFailed
from mecum.models.selection import Offer, Selector
from mecum.models.source import FromFile, FromHub, FromUrl, Source, file_name, folder_name

MAGIC = b"GGUF"


@dataclass(frozen=True, slots=True)
class Order:
    """The files to bring, the model first; where each lies on this machine already, if it does; and where it is from."""

    package: Package
    items: tuple[Item, ...]
    origin: Origin
    here: tuple[Path | None, ...]

    @property
    def name(self) -> str:
        """What will have its name on the shelf."""
        return self.package.name

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
        here = tuple(self._hub.cached(found.repo, found.revision, file) for file in variant.files)
        items = tuple(_item(variant, file, self._address(found, file)) for file in variant.files)
        origin = Origin(f"hf:{found.repo}:{variant.files[0].path}", revision=found.revision, licence=found.licence)
        return Order(_package(variant, items, found.repo), items, origin, here)

    def _address(self, found: Repository, file: HubFile) -> str:
        return self._hub.file(found.repo, found.revision, file.path)

    def _from_folder(self, given: Path, folder: Path) -> Order:
        files = [HubFile(file.relative_to(folder).as_posix(), file.stat().st_size) for file in files_in(folder, SHALLOW)]
        what = None if given == folder else given.relative_to(folder).as_posix()
        variant = self._selector.take(Offer(str(folder), f"{folder}/", tuple(files)), what)
        items = tuple(_item(variant, file, "") for file in variant.files)
        here = tuple((folder / file.path).resolve() for file in variant.files)
        origin = Origin(str((folder / variant.files[0].path).absolute()))
        return Order(_package(variant, items, folder.resolve().as_posix()), items, origin, here)


def _item(variant: Variant, file: HubFile, url: str) -> Item:
    if variant.form == "gguf":
        return Item(url, file_name(file.path), file.size, file.sha256, file.git, MAGIC)
    return Item(url, place_of(file.path), file.size, file.sha256, file.git)


def _package(variant: Variant, items: tuple[Item, ...], path: str) -> Package:
    """Return what the items become. `path` is that of a repository or a folder."""
    names = tuple(item.name for item in items)
    return Files(names) if variant.form == "gguf" else Folder(folder_name(path), names)


def _from_url(source: FromUrl) -> Order:
    path = urlsplit(source.url).path
    name = file_name(unquote(path))
    names = split_names(name)
    items = tuple(Item(_sibling(source.url, name, one), one, begins=MAGIC) for one in names)
    return Order(Files(names), items, Origin(source.shown), (None,) * len(items))


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
    items = tuple(Item("", file_name(file.name), file.stat().st_size) for file in files)
    here = tuple(file.resolve() for file in files)
    return Order(Files(tuple(item.name for item in items)), items, Origin(str(path.resolve())), here)
