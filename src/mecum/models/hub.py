"""The hub: where it is, who we are there, and which files a repository has.

It speaks Hugging Face's protocol and respects its variables: HF_ENDPOINT, HF_TOKEN (or the file that `hf auth login`
writes), HF_HOME and HF_HUB_CACHE (a file that lies there already is not fetched again), HF_HUB_OFFLINE. Invariant
(`tests/models/test_hub.py`): what the hub answers is checked before it is used; the token goes to the hub alone (`web`).
Source: https://github.com/huggingface/huggingface_hub (`hf_api.py`, `file_download.py`, `constants.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import orjson

from mecum.errors import SettingsError
from mecum.models.choice import HubFile
from mecum.models.source import FromHub, check_address
from mecum.types import Json

ENDPOINT: Final = "https://huggingface.co"
LARGEST: Final = 8 * 1024 * 1024  # bytes of a listing
_TRUE: Final = frozenset({"1", "on", "yes", "true"})
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,4096}")
_PATH: Final = re.compile(r"[^\x00-\x1f\x7f\\]{1,500}")


@dataclass(frozen=True, slots=True, repr=False)
class Hub:
    """A hub. `cache` is where other programs keep what they fetched from it."""

    endpoint: str
    token: str | None
    cache: Path
    offline: bool = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Hub:
        """Return the hub that the environment names, as its own programs would.

        Raises:
            SettingsError: HF_ENDPOINT or HF_TOKEN cannot be used.
        """
        endpoint = (environ.get("HF_ENDPOINT", "").strip() or ENDPOINT).rstrip("/")
        try:
            check_address(endpoint)
        except ValueError:
            raise SettingsError("HF_ENDPOINT must be an address that begins with https://.") from None
        cache = environ.get("XDG_CACHE_HOME") or "~/.cache"
        home = Path(environ.get("HF_HOME") or Path(cache, "huggingface")).expanduser()
        hub_cache = environ.get("HF_HUB_CACHE") or environ.get("HUGGINGFACE_HUB_CACHE") or home / "hub"
        offline = environ.get("HF_HUB_OFFLINE", "").strip().lower() in _TRUE
        return cls(endpoint, _token(environ, home), Path(hub_cache).expanduser(), offline)

    def listing(self, wish: FromHub) -> str:
        """Return the address of what the hub knows of a repository, its files with sizes and hashes."""
        revision = "" if wish.revision == "main" else f"/revision/{quote(wish.revision, safe='')}"
        return f"{self.endpoint}/api/models/{wish.repo}{revision}?blobs=true"

    def file(self, repo: str, revision: str, path: str) -> str:
        """Return the address of a file."""
        return f"{self.endpoint}/{repo}/resolve/{quote(revision, safe='')}/{quote(path)}"

    def page(self, repo: str) -> str:
        """Return the address of a repository's page, for people."""
        return f"{self.endpoint}/{repo}"

    def cached(self, repo: str, file: HubFile) -> Path | None:
        """Return a file as another program left it in the hub's cache, where blobs have their hash as their name."""
        if not file.sha256:
            return None
        blob = self.cache / f"models--{repo.replace('/', '--')}" / "blobs" / file.sha256
        try:
            return blob if blob.is_file() and blob.stat().st_size == file.size else None
        except OSError:
            return None


@dataclass(frozen=True, slots=True)
class Repository:
    """What the hub says of a repository. `revision` is a commit; `licence` "" where it names none."""

    repo: str
    revision: str
    licence: str
    files: tuple[HubFile, ...]


def read_listing(wish: FromHub, content: bytes) -> Repository | None:
    """Return what a listing says; None where it is not one."""
    try:
        answer = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(answer, dict) or not isinstance(answer.get("siblings"), list):
        return None
    commit = answer.get("sha")
    revision = commit if isinstance(commit, str) and _COMMIT.fullmatch(commit) else wish.revision
    return Repository(wish.repo, revision, _licence(answer), tuple(_files(answer["siblings"])))


def sha256_in(etag: str) -> str:
    """Return the SHA-256 that an ETag of the hub's is; "" where it is something else."""
    bare = etag.strip().removeprefix("W/").strip('"').lower()
    return bare if _SHA256.fullmatch(bare) else ""


def _files(siblings: list[object]) -> Iterator[HubFile]:
    for one in siblings:
        if not isinstance(one, dict):
            continue
        path, size, lfs = one.get("rfilename"), one.get("size"), one.get("lfs")
        stored = lfs if isinstance(lfs, dict) else {}
        if isinstance(stored.get("size"), int):
            size = stored["size"]
        if isinstance(path, str) and _PATH.fullmatch(path) and isinstance(size, int) and size >= 0:
            yield HubFile(path, size, sha256_in(str(stored.get("sha256") or stored.get("oid") or "")))


def _licence(answer: Json) -> str:
    card = answer.get("cardData")
    told = card.get("license") if isinstance(card, dict) else None
    if isinstance(told, list):
        told = told[0] if told else None
    if isinstance(told, str):
        name = card.get("license_name") if isinstance(card, dict) and told == "other" else None
        return (name if isinstance(name, str) else told)[:100]
    tags = answer.get("tags")
    named = [tag for tag in (tags if isinstance(tags, list) else ()) if isinstance(tag, str) and tag.startswith("license:")]
    return named[0].removeprefix("license:")[:100] if named else ""


def _token(environ: Mapping[str, str], home: Path) -> str | None:
    token = environ.get("HF_TOKEN", "").strip() or environ.get("HUGGING_FACE_HUB_TOKEN", "").strip()
    where = "HF_TOKEN"
    if not token and environ.get("HF_HUB_DISABLE_IMPLICIT_TOKEN", "").strip().lower() not in _TRUE:
        file = Path(environ.get("HF_TOKEN_PATH") or home / "token").expanduser()
        where = str(file)
        try:
            token = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return None
    if token and not _TOKEN.fullmatch(token):
        raise SettingsError(f"{where} holds something that is no token.")
    return token or None
