"""Asks the hub what files a repository has, through its own client, and says in our words what is wrong with the answer.

Invariants (`tests/models/test_listing.py`): a busy hub is asked again; what is no listing is told; whoever is asked and
hangs, Ctrl-C ends it at once: the client blocks, so it runs in a thread that nobody waits for.
"""

from __future__ import annotations

import asyncio
import ssl
from functools import partial
from typing import Final

from mecum.errors import InvalidRequest
from mecum.models import client
from mecum.models.hub import Hub, Repository, read_listing
from mecum.models.refusal import OFFLINE, Again, PullFailed, host, origin, refused
from mecum.models.source import FromHub
from mecum.models.web import way_to
from mecum.observe.threads import detached

TRIES: Final = 3
_NONSENSE: Final = (client.TooLong, ValueError, TypeError, KeyError, AttributeError, RecursionError)


async def repository(hub: Hub, wish: FromHub, *, silence: float, pause: float) -> Repository:
    """Return what the hub says. `silence` is how many seconds it may say nothing, `pause` those between two tries.

    Raises:
        InvalidRequest: the repository cannot be called so.
        PullFailed: the hub does not say.
    """
    if hub.offline:
        raise PullFailed(OFFLINE)
    for tries in range(1, TRIES + 1):
        try:
            return await detached(partial(_asked, hub, wish, silence), "hub")
        except Again as again:
            if tries == TRIES:
                raise PullFailed(f"{again.message}. Try again later.") from None
            await asyncio.sleep(again.wait or pause)
    raise AssertionError  # the last try returns or raises


def _asked(hub: Hub, wish: FromHub, silence: float) -> Repository:
    from httpx2 import HTTPError  # noqa: PLC0415 # as `client` does
    from huggingface_hub.errors import HFValidationError  # noqa: PLC0415

    revision = None if wish.revision == "main" else wish.revision
    try:
        info = client.model_info(hub.endpoint, hub.token, wish.repo, revision, timeout=silence, way=way_to(hub.endpoint))
        found = read_listing(wish.repo, wish.revision, info)
    except HTTPError as error:
        raise _failed(hub, f"{hub.page(wish.repo)}{f'/tree/{revision}' if revision else ''}", error) from None
    except HFValidationError:
        raise InvalidRequest(f"{wish.repo} is not a name that a repository can have.") from None
    except _NONSENSE:
        found = None
    if found is None:
        raise PullFailed(f"{hub.endpoint} does not answer as the hub does. Check HF_ENDPOINT.")
    return found


def _failed(hub: Hub, page: str, error: Exception) -> Again | PullFailed:
    """Return the error that one of the client's is; what the hub itself refused is called by its page."""
    import httpx2  # noqa: PLC0415
    from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415

    if isinstance(error, HfHubHTTPError):
        response, asked = error.response, str(error.response.url)
        url = page if origin(asked) == origin(hub.endpoint) else asked
        return refused(hub, url, response.status_code, response.headers)
    where = host(hub.endpoint)
    if isinstance(error, httpx2.TimeoutException):
        return Again(f"{where} is silent")
    if isinstance(error, httpx2.TooManyRedirects):
        return PullFailed(f"{where} sends from one address to the next, more than {client.HOPS} times.")
    if isinstance(error, httpx2.ConnectError):
        return _unreachable(where, error)
    return Again(f"{where} broke off")


def _unreachable(where: str, error: Exception) -> Again | PullFailed:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return PullFailed(f"The certificate of {where} is not trusted.")
        if isinstance(cause, OSError) and cause.strerror:
            return Again(f"{where} cannot be reached ({cause.strerror})")
        cause = cause.__cause__ or cause.__context__
    return Again(f"{where} cannot be reached (no connection)")
