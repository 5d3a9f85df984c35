"""The hub: where it is, who we are there, and which files a repository has.

Where it is and who we are its own client tells (`client`), as for its own programs: HF_ENDPOINT, HF_TOKEN or the token that
`hf auth login` keeps, HF_HUB_DISABLE_IMPLICIT_TOKEN, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE. Invariant
(`tests/models/test_hub.py`): what the hub answers is checked before it is used; the token goes to the hub alone (`web`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mecum.errors import SettingsError
from mecum.models import client
from mecum.models.choice import HubFile
from mecum.models.source import check_address

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo, RepoSibling

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_GIT: Final = re.compile(r"[0-9a-f]{40}")  # a commit, or the id of a file's content
_REPO: Final = re.compile(r"(?!.*(--|\.\.|\.git$))[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,4096}")
_PATH: Final = re.compile(r"[^\x00-\x1f\x7f\\]{1,500}")


@dataclass(frozen=True, slots=True, repr=False)
class Hub:
    """A hub. `cache` is where its own programs keep what they fetched; `implicit`: a token that they keep is taken, too."""

    endpoint: str
    token: str | None
    cache: Path
    offline: bool = False
    implicit: bool = False

    @classmethod
    def here(cls) -> Hub:
        """Return the hub that the environment names, as its own programs would.

        Raises:
            InvalidRequest, SettingsError: HF_ENDPOINT cannot be used.
        """
        told = client.environment()
        try:
            check_address(told.endpoint)
        except ValueError:
            raise SettingsError("HF_ENDPOINT must be an address that begins with https://.") from None
        return cls(told.endpoint, None, told.cache, told.offline, told.implicit)

    def signed_in(self, way: client.Way) -> Hub:
        """Return it with the token that its own programs would send. It may ask the hub for a fresh one, and block.

        `way` is how that goes out.

        Raises:
            SettingsError: there is one that cannot be used.
        """
        if self.token or self.offline or not self.implicit:
            return self
        token = client.token(way)
        if token and not _TOKEN.fullmatch(token):
            raise SettingsError("The token for the hub (HF_TOKEN, or the one that hf auth login kept) is none: set another.")
        return replace(self, token=token)

    def file(self, repo: str, revision: str, file: HubFile) -> str:
        """Return the address of a file."""
        return client.address(self.endpoint, repo, revision, file.path)

    def page(self, repo: str) -> str:
        """Return the address of a repository's page, for people."""
        return f"{self.endpoint}/{repo}"

    def cached(self, repo: str, revision: str, file: HubFile) -> Path | None:
        """Return a file as another program left it in the hub's cache: of this commit, or else of this hash."""
        blob = self.cache / f"models--{repo.replace('/', '--')}" / "blobs" / file.sha256 if file.sha256 else None
        try:
            found = [client.cached(self.cache, repo, revision, file.path), blob]
            return next((one for one in found if one and one.is_file() and one.stat().st_size == file.size), None)
        except OSError:
            return None


@dataclass(frozen=True, slots=True)
class Repository:
    """What the hub says of a repository. `revision` is a commit; `task` and `licence` are "" where it names none."""

    repo: str
    revision: str
    licence: str
    files: tuple[HubFile, ...]
    task: str = ""


def read_listing(repo: str, revision: str, info: ModelInfo) -> Repository | None:
    """Return what a listing says; None where it has no files. `repo` and `revision` are as they were asked for.

    The library passes on what the hub said without looking at it, whatever its types promise.
    """
    if info.siblings is None:
        return None
    named, commit = _text(info.id), _text(info.sha)
    return Repository(
        named if _REPO.fullmatch(named) else repo,  # another name where it was renamed
        commit if _GIT.fullmatch(commit) else revision,
        _licence(info),
        tuple(_files(info.siblings)),
        _text(info.pipeline_tag),
    )


def sha256_in(etag: str) -> str:
    """Return the SHA-256 that an ETag of the hub's is; "" where it is something else."""
    bare = etag.strip().removeprefix("W/").strip('"').lower()
    return bare if _SHA256.fullmatch(bare) else ""


def _files(siblings: list[RepoSibling]) -> Iterator[HubFile]:
    for one in siblings:
        path, size = _text(one.rfilename), _size(one.lfs.size if one.lfs else one.size)
        if _PATH.fullmatch(path) and size is not None:
            sha256 = sha256_in(_text(one.lfs.sha256)) if one.lfs else ""
            git = "" if one.lfs else _text(one.blob_id)
            yield HubFile(path, size, sha256, git if _GIT.fullmatch(git) else "")


def _licence(info: ModelInfo) -> str:
    told: object = getattr(info.card_data, "license", None)
    if isinstance(told, list):
        told = told[0] if told else None
    if told == "other":
        told = _text(getattr(info.card_data, "license_name", None)) or told
    tags: object = info.tags
    named = [tag for tag in (tags if isinstance(tags, list) else ()) if _text(tag).startswith("license:")]
    return (_text(told) or (named[0].removeprefix("license:") if named else ""))[:100]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _size(value: object) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None
