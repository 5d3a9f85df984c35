"""From what was asked for to the files that are to be brought: which, from where, with what size and hash.

Invariant (`tests/models/test_pull.py`): of a repository that is named without a file, the quantisation that fits the free
memory is taken, and the others are told; files are named by us (`source.file_name`), wherever a server says that they lie; a
repository is read at one commit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mecum.engine import gguf
from mecum.engine.models import parts, split_names
from mecum.errors import InvalidRequest
from mecum.models import listing
from mecum.models.choice import Variant, best, variants
from mecum.models.fetch import Item
from mecum.models.fit import need_of
from mecum.models.hub import Hub, Repository
from mecum.models.refusal import PullFailed
from mecum.models.shelf import Origin
from mecum.models.source import FromFile, FromHub, FromUrl, Source, file_name

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Order:
    """The files to bring, the first one first; where each lies on this machine already, if it does; and where it is from."""

    items: tuple[Item, ...]
    origin: Origin
    here: tuple[Path | None, ...]

    @property
    def name(self) -> str:
        """The first file's."""
        return self.items[0].name

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
    """Makes orders. `memory` is what is free, in bytes; `tell` says a sentence to the person."""

    def __init__(self, hub: Hub, *, memory: int, tell: Tell, silence: float, pause: float) -> None:
        self._hub = hub
        self._memory = memory
        self._tell = tell
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
        return _from_url(source) if isinstance(source, FromUrl) else _from_file(source)

    async def _from_hub(self, wish: FromHub) -> Order:
        repository = await listing.repository(self._hub, wish, silence=self._silence, pause=self._pause)
        if repository.repo.lower() != wish.repo.lower():
            self._tell(f"{wish.repo} is called {repository.repo} now.")
        variant = self._chosen(wish, repository, variants(repository.files))
        return self._of(repository, variant)

    def _of(self, repository: Repository, variant: Variant) -> Order:
        repo, revision = repository.repo, repository.revision
        items = tuple(
            Item(self._hub.file(repo, revision, file.path), file_name(file.path), file.size, file.sha256)
            for file in variant.files
        )
        origin = Origin(f"hf:{repo}:{variant.files[0].path}", revision=revision, licence=repository.licence)
        return Order(items, origin, tuple(self._hub.cached(repo, revision, file) for file in variant.files))

    def _chosen(self, wish: FromHub, repository: Repository, found: Sequence[Variant]) -> Variant:
        page = self._hub.page(wish.repo)
        if not found:
            raise InvalidRequest(f"{page} has no GGUF model. Look for a repository whose name ends with GGUF.")
        if wish.what is not None:
            return self._named(wish, repository, found)
        chosen = best(found, self._memory)
        if chosen is None:
            raise InvalidRequest(
                f"None of {wish.repo} fits the {_gb(self._memory)} of memory that are free now: {_list(found)}. "
                f"To take one all the same: mecum pull hf:{wish.repo}:{found[0].quantisation or 'FILE'}"
            )
        self._tell(
            f"{chosen.quantisation or chosen.files[0].path} ({_gb(chosen.size)}) of {wish.repo} is taken, of what fits the "
            f"{_gb(self._memory)} of memory that are free now."
        )
        if others := [one for one in found if one is not chosen]:
            self._tell(f"Others there, by hf:{wish.repo}:NAME: {_list(others)}")
        return chosen

    def _named(self, wish: FromHub, repository: Repository, found: Sequence[Variant]) -> Variant:
        assert wish.what is not None  # noqa: S101 # the caller has looked
        named = [one for one in found if one.is_called(wish.what)]
        if not named:
            exact = [file for file in repository.files if file.path == wish.what]
            if not exact:
                raise InvalidRequest(f"{wish.repo} has no {wish.what}. It has: {_list(found)}.")
            file_name(exact[0].path)  # a file that is no model by its name
            named = [Variant("", (exact[0],))]
        if len(named) > 1:
            files = ", ".join(one.files[0].path for one in named)
            raise InvalidRequest(f"More than one of {wish.repo} is called {wish.what}. Name one of the files: {files}.")
        if need_of(named[0].size) > self._memory:
            self._tell(f"It needs about {_gb(need_of(named[0].size))} of memory, and {_gb(self._memory)} are free now.")
        return named[0]


def _from_url(source: FromUrl) -> Order:
    path = urlsplit(source.url).path
    name = file_name(unquote(path))
    items = tuple(Item(_sibling(source.url, name, one), one) for one in split_names(name))
    return Order(items, Origin(source.shown), (None,) * len(items))


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
    return Order(items, Origin(str(path.resolve())), tuple(file.resolve() for file in files))


def _list(found: Sequence[Variant]) -> str:
    return ", ".join(f"{one.quantisation or one.files[0].path} ({_gb(one.size)})" for one in found)


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 5e7 else f"{size / 1e6:.0f} MB"
