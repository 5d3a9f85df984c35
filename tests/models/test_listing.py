"""What the hub answers when it is asked for a repository, and what is said of it."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.models.hubs import COMMIT, REPO, FakeHub, model, running, sha256

from mecum.errors import InvalidRequest, MecumError
from mecum.models.hub import Hub, Repository
from mecum.models.listing import repository
from mecum.models.refusal import PullFailed
from mecum.models.source import FromHub

NAME = "Tiny-Q4_K_M.gguf"
TOKEN = "hf_canary"


@pytest.fixture
def fake() -> Iterator[FakeHub]:
    with running(FakeHub(files={NAME: model(), "config.json": b"{}"})) as hub:
        yield hub


async def ask(fake: FakeHub, wish: FromHub | None = None, **hub: Any) -> Repository:
    known = replace(Hub(fake.url, None, Path("/nowhere")), **hub)
    return await repository(known, wish or FromHub(REPO), silence=5, pause=0.01)


async def test_a_repository_is_listed(fake: FakeHub) -> None:
    fake.token = TOKEN
    found = await ask(fake, token=TOKEN)
    assert (found.repo, found.revision, found.licence) == (REPO, COMMIT, "apache-2.0")
    assert [(one.path, one.size) for one in found.files][1:] == [(NAME, len(model())), ("config.json", 2)]
    assert (found.files[1].sha256, len(found.files[2].git)) == (sha256(model()), 40)
    (asked,) = fake.seen
    assert asked.path == f"/api/models/{REPO}?blobs=true"
    assert asked.headers["user-agent"].startswith("mecum/")
    assert asked.headers["accept-encoding"] == "identity"


async def test_a_commit_can_be_named(fake: FakeHub) -> None:
    assert (await ask(fake, FromHub(REPO, None, COMMIT))).revision == COMMIT
    with pytest.raises(PullFailed, match=f"The hub has no such version: .*{REPO}/tree/v9"):
        await ask(fake, FromHub(REPO, None, "v9"))


async def test_one_that_was_renamed_is_found_and_the_token_comes_along(fake: FakeHub) -> None:
    fake.token, fake.moved = TOKEN, "tiny/Old"
    assert (await ask(fake, FromHub("tiny/Old"), token=TOKEN)).repo == REPO
    assert [one.headers.get("authorization") for one in fake.seen] == [f"Bearer {TOKEN}"] * 2


@pytest.mark.parametrize("location", ["http://example.org/x", "file:///etc/passwd", "ftp://x/y", "https://"])
async def test_where_no_redirect_may_lead(fake: FakeHub, location: str) -> None:
    with pytest.raises(PullFailed, match=r"not safe|no address"):
        await ask(replace(fake, url=f"{fake.url}/to/{location}?x="))
    assert len(fake.seen) == 1


async def test_the_token_goes_to_no_other_host(fake: FakeHub) -> None:
    elsewhere = fake.url.replace("127.0.0.1", "localhost")
    with pytest.raises(PullFailed):
        await ask(replace(fake, url=f"{fake.url}/to/{elsewhere}/gone?x="), token=TOKEN)
    assert [one.headers.get("authorization") for one in fake.seen] == [f"Bearer {TOKEN}", None]


async def test_a_chain_of_redirects_ends(fake: FakeHub) -> None:
    with pytest.raises(PullFailed, match="from one address to the next, more than 5 times"):
        await ask(replace(fake, url=f"{fake.url}/to//loop?x="))


# ---- what is refused


async def test_who_is_not_let_in(fake: FakeHub) -> None:
    fake.token = "hf_secret"
    with pytest.raises(PullFailed, match="no such repository, or it wants a token: HF_TOKEN"):
        await ask(fake)
    with pytest.raises(PullFailed, match="no such repository, the token is not good for it"):
        await ask(fake, token="hf_other")
    fake.error_code = "GatedRepo"
    with pytest.raises(PullFailed, match="accept the terms on its page, and set HF_TOKEN"):
        await ask(fake)
    with pytest.raises(PullFailed, match=r"The hub has no .*no/body"):
        await ask(fake, FromHub("no/body"), token="hf_secret")


@pytest.mark.parametrize("name", ["o/r--x", "o/r..x", "o/r.git"])
async def test_what_no_repository_is_called(fake: FakeHub, name: str) -> None:
    with pytest.raises(InvalidRequest, match=f"{name} is not a name that a repository can have"):
        await ask(fake, FromHub(name))
    assert fake.seen == []


async def test_offline_nothing_is_asked(fake: FakeHub) -> None:
    with pytest.raises(PullFailed, match="HF_HUB_OFFLINE is set"):
        await ask(fake, offline=True)
    assert fake.seen == []


async def test_a_busy_hub_is_asked_again(fake: FakeHub) -> None:
    fake.statuses = [-503, -429]
    assert (await ask(fake)).revision == COMMIT
    fake.statuses = [-500, -502, -504]
    with pytest.raises(PullFailed, match=r"127\.0\.0\.1 answers with status 504\. Try again later\."):
        await ask(fake)


async def test_nobody_there_is_told() -> None:
    with pytest.raises(PullFailed, match=r"127\.0\.0\.1 cannot be reached \(.+\)\. Try again later\."):
        await ask(FakeHub(url="http://127.0.0.1:1"))


async def test_a_hub_that_says_nothing_is_given_up(fake: FakeHub) -> None:
    fake.hang = 2
    began = time.monotonic()
    with pytest.raises(PullFailed, match="is silent"):
        await repository(Hub(fake.url, None, Path()), FromHub(REPO), silence=0.1, pause=0.01)
    assert time.monotonic() - began < 2


# ---- what is no listing


@pytest.mark.parametrize(
    "content", [b"<html>", b"[]", b'{"siblings": 3}', b"{}", b'{"id": "x"}', b"", b"[" * 100_000, b"\xff"]
)
async def test_what_is_none_is_told(fake: FakeHub, content: bytes) -> None:
    fake.listing = content
    with pytest.raises(PullFailed, match=r"does not answer as the hub does\. Check HF_ENDPOINT"):
        await ask(fake)


@pytest.mark.parametrize("how", ["long", "endless", "compressed"])
async def test_one_without_end_is_not_read(fake: FakeHub, how: str) -> None:
    right = json.dumps({"id": REPO, "siblings": []}).encode()
    fake.listing = right + b" " * 9_000_000 if how != "compressed" else gzip.compress(right)
    fake.listing_headers = {"Content-Encoding": "gzip"} if how == "compressed" else {}
    fake.chunked = how == "endless"
    with pytest.raises(PullFailed, match="does not answer as the hub does"):
        await ask(fake)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = (
    "id siblings rfilename size lfs sha256 cardData license license_name tags sha pipeline_tag blobId pointerSize createdAt "
    "lastModified inferenceProviderMapping safetensors transformersInfo evalResults config model-index"
).split()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(KEYS), JSON | st.lists(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4)), max_size=5
    )
)
async def test_whatever_it_answers_is_a_listing_or_a_sentence(fake: FakeHub, answer: dict[str, object]) -> None:
    fake.listing = json.dumps({"id": "a/b", **answer}).encode()
    try:
        found = await ask(fake)
    except MecumError as error:
        assert "does not answer as the hub does" in error.message  # noqa: PT017 # either is right
    else:
        assert all(file.size >= 0 for file in found.files)
