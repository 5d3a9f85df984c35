"""The hub's own client, the library `huggingface_hub`, as far as it is used: for what it knows, not for how it fetches.

It is imported when something is pulled and nowhere else: that takes half a second, and then it reads its variables.
Invariants (`tests/models/test_client.py`): it asks for nothing but what was asked for (no telemetry, no look for updates),
writes nothing on the terminal, follows no redirect that `web` would not follow, and reads no answer without end.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mecum import __version__
from mecum.errors import SettingsError

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo

HOPS: Final = 5
CONNECT: Final = 30.0  # seconds for name, connection and TLS


@dataclass(frozen=True, slots=True)
class Environment:
    """What the environment says of the hub. `implicit`: whether a token is taken from it, or from where one is kept."""

    endpoint: str
    cache: Path
    offline: bool
    implicit: bool


@dataclass(frozen=True, slots=True)
class Way:
    """How one goes out: `hop` looks at an address and where it sends to, and raises where nobody may go; by which proxy."""

    hop: Callable[[str, str], object]
    proxy: str | None = None


class TooLong(Exception):
    """An answer is longer than any is, or comes compressed, so that nobody knows how long it is."""


def environment() -> Environment:
    """Return it as the library has read it.

    Raises:
        SettingsError: a variable of the hub's holds no number that should.
    """
    try:
        with _quiet():
            from huggingface_hub import constants as told  # noqa: PLC0415 # see above
    except ValueError as error:
        raise SettingsError(f"HF_HUB_ETAG_TIMEOUT or HF_HUB_DOWNLOAD_TIMEOUT cannot be read: {error}.") from None
    return Environment(told.ENDPOINT, Path(told.HF_HUB_CACHE), told.HF_HUB_OFFLINE, not told.HF_HUB_DISABLE_IMPLICIT_TOKEN)


def address(endpoint: str, repo: str, revision: str, path: str) -> str:
    """Return where a file is."""
    with _quiet():
        from huggingface_hub import hf_hub_url  # noqa: PLC0415
    return hf_hub_url(repo, path, revision=revision, endpoint=endpoint)


def cached(cache: Path, repo: str, revision: str, path: str) -> Path | None:
    """Return where a file of a commit lies in the hub's cache, if it does."""
    with _quiet():
        from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415
    try:
        found = try_to_load_from_cache(repo, path, cache_dir=cache, revision=revision)
    except ValueError:  # a path that leads out of it
        return None
    return Path(found) if isinstance(found, str) else None


def token(way: Way) -> str | None:
    """Return the token that the hub's programs would send. One that ends soon is renewed at the hub. It may block.

    Raises:
        SettingsError: there is one that cannot be had.
    """
    _prepare(way)
    from httpx2 import HTTPError  # noqa: PLC0415
    from huggingface_hub import get_token  # noqa: PLC0415
    from huggingface_hub.errors import OIDCError  # noqa: PLC0415

    try:
        return get_token()
    except (OIDCError, HTTPError, OSError, ValueError, KeyError) as error:
        raise SettingsError(f"The token for the hub cannot be had: {error}") from None


def model_info(endpoint: str, token: str | None, repo: str, revision: str | None, *, timeout: float, way: Way) -> ModelInfo:
    """Return what the hub says of a repository, with the sizes and hashes of its files. It blocks.

    Raises:
        HTTPError: the hub refuses, or there is no answer.
        TooLong, ValueError, TypeError, KeyError, AttributeError, RecursionError: what it answers is no listing.
    """
    _prepare(way)
    from huggingface_hub import HfApi  # noqa: PLC0415

    api = HfApi(endpoint=endpoint, token=token or False, headers={"user-agent": f"mecum/{__version__}"})
    return api.model_info(repo, revision=revision, files_metadata=True, timeout=timeout)


def _prepare(way: Way) -> None:
    """Make the library keep to itself, and go out as we do."""
    with _quiet():
        from huggingface_hub import constants, set_client_factory  # noqa: PLC0415

        from mecum.models.session import session  # noqa: PLC0415
    constants.HF_HUB_DISABLE_TELEMETRY = True
    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)  # it prints its warnings by itself
    set_client_factory(lambda: session(way))


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave it unsaid that a variable is out of date, or not known."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
