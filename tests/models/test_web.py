"""Where requests go, and with what: every hop, and the token on each."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.models.hubs import REPO, FakeHub, model, running

from mecum.models.hub import Hub
from mecum.models.refusal import PullFailed
from mecum.models.web import Web, _proxy, next_address

NAME = "Tiny-Q4_K_M.gguf"
TOKEN = "hf_canary"


@pytest.fixture
def fake() -> FakeHub:
    with running(FakeHub(files={NAME: model()}, token=TOKEN)) as hub:
        yield hub


async def asked(fake: FakeHub, url: str) -> str:
    """Return the content of an address."""
    async with Web(Hub(fake.url, TOKEN, Path("/nowhere")), silence=5) as web, web.get(url) as answer:
        return (await answer.response.read()).decode("latin-1")


async def test_the_token_goes_to_the_hub_and_not_on_to_where_it_leads(fake: FakeHub) -> None:
    await asked(fake, f"{fake.url}/{REPO}/resolve/main/{NAME}")
    assert [(one.server, one.headers.get("authorization")) for one in fake.seen] == [
        ("hub", f"Bearer {TOKEN}"),
        ("cdn", None),
    ]
    assert fake.seen[1].path.endswith("X-Signature=a%2Bb%3D")  # a signed address goes out as it came


async def test_the_token_goes_to_no_other_address(fake: FakeHub) -> None:
    await asked(fake, f"{fake.cdn}/blob/{NAME}")
    await asked(fake, f"{fake.cdn.replace('127.0.0.1', 'localhost')}/blob/{NAME}")
    assert [one.headers.get("authorization") for one in fake.seen] == [None, None]


async def test_the_way_back_to_the_hub_brings_it_along_again(fake: FakeHub) -> None:
    fake.redirect = "/{path}"  # renamed repositories are redirected like this
    with pytest.raises(PullFailed, match="The hub has no"):
        await asked(fake, f"{fake.url}/{REPO}/resolve/main/{NAME}")
    assert [one.headers.get("authorization") for one in fake.seen] == [f"Bearer {TOKEN}"] * 2


async def test_nothing_compressed_is_asked_for_and_no_cookie_kept(fake: FakeHub) -> None:
    await asked(fake, f"{fake.cdn}/blob/{NAME}")
    assert fake.seen[0].headers["accept-encoding"] == "identity"
    assert "cookie" not in fake.seen[0].headers
    assert fake.seen[0].headers["user-agent"].startswith("mecum/")


async def test_a_chain_of_redirects_ends(fake: FakeHub) -> None:
    with pytest.raises(PullFailed, match="from one address to the next, more than 5 times"):
        await asked(fake, f"{fake.url}/loop")
    assert len(fake.seen) == 6


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("http://example.org/x", "example.org is only asked over https"),
        ("ftp://example.org/x", "no address"),
        ("file:///etc/passwd", "no address"),
        ("gopher:x", "no address"),
        ("https://", "no address"),
        ("https://[::1", "no address"),
        ("https://example.org:99999/", "no address"),
    ],
)
async def test_where_no_redirect_may_lead(fake: FakeHub, location: str, says: str) -> None:
    with pytest.raises(PullFailed, match=says):
        await asked(fake, f"{fake.url}/to/{location}")
    assert len(fake.seen) == 1


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:8002/api/keys", "https://localhost/", "http://[::1]:1/", "http://127.9.9.9/"]
)
def test_nobody_elsewhere_sends_us_to_this_machine(target: str) -> None:
    with pytest.raises(PullFailed, match="sends to this very machine"):
        next_address("https://example.org/a", target)


def test_where_redirects_may_lead() -> None:
    assert next_address("https://a.org/b/c", "d?e=%2B") == "https://a.org/b/d?e=%2B"
    assert next_address("https://a.org/b", "https://b.org/x#y") == "https://b.org/x"
    assert next_address("http://127.0.0.1:1/b", "http://localhost:2/x") == "http://localhost:2/x"


async def test_what_a_refusal_says_holds_no_secret(fake: FakeHub) -> None:
    with pytest.raises(PullFailed) as caught:
        await asked(fake, f"{fake.cdn}/gone?X-Signature=secret")
    assert "secret" not in caught.value.message
    with pytest.raises(PullFailed) as caught:
        await asked(fake, f"{fake.cdn.replace('//', '//me:secret@')}/gone")
    assert "secret" not in caught.value.message


def test_proxies_of_the_environment_but_none_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert _proxy("https://example.org/x") == "http://proxy:3128"
    assert _proxy("https://inside.example/x") is None
    assert _proxy("http://127.0.0.1:1/x") is None


@pytest.mark.parametrize("proxy", ["socks5://me:secret@proxy:1080", "foo://x", "proxy:3128"])
def test_a_proxy_of_another_kind_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(PullFailed, match=r"proxy that the environment names for example\.org does not begin") as caught:
        _proxy("https://example.org/x")
    assert "secret" not in caught.value.message
    assert _proxy("http://localhost:1/x") is None
