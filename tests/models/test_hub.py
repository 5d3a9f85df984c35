"""Where the hub is, who we are there, and what a listing says."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mecum.errors import InvalidRequest, SettingsError
from mecum.models.choice import HubFile
from mecum.models.hub import Hub, read_listing, sha256_in
from mecum.models.source import FromHub

WISH = FromHub("o/r")


def test_without_anything_it_is_the_public_one(tmp_path: Path) -> None:
    hub = Hub.from_environment({"HF_HOME": str(tmp_path)})
    assert (hub.endpoint, hub.token, hub.cache, hub.offline) == ("https://huggingface.co", None, tmp_path / "hub", False)
    assert hub.listing(WISH) == "https://huggingface.co/api/models/o/r?blobs=true"
    assert hub.listing(FromHub("o/r", None, "a/b")) == "https://huggingface.co/api/models/o/r/revision/a%2Fb?blobs=true"
    assert hub.file("o/r", "main", "a b/ü.gguf") == "https://huggingface.co/o/r/resolve/main/a%20b/%C3%BC.gguf"


def test_its_variables_are_respected(tmp_path: Path) -> None:
    environ = {
        "HF_ENDPOINT": "https://mirror.example/hf/",
        "HF_TOKEN": " hf_x ",
        "HF_HUB_CACHE": str(tmp_path / "c"),
        "HF_HUB_OFFLINE": "1",
    }
    hub = Hub.from_environment(environ)
    assert (hub.endpoint, hub.token, hub.cache, hub.offline) == ("https://mirror.example/hf", "hf_x", tmp_path / "c", True)
    assert "hf_x" not in repr(hub)


def test_the_token_that_its_own_program_keeps(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hf_kept\n")
    environ = {"HF_HOME": str(tmp_path)}
    assert Hub.from_environment(environ).token == "hf_kept"
    assert Hub.from_environment(environ | {"HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}).token is None
    assert Hub.from_environment(environ | {"HF_TOKEN": "hf_other"}).token == "hf_other"
    assert Hub.from_environment({"HF_TOKEN_PATH": str(tmp_path / "token")}).token == "hf_kept"


@pytest.mark.parametrize("token", ["a b", "a\nb", "ü"])
def test_a_token_that_could_not_be_sent_is_told_without_saying_it(tmp_path: Path, token: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Hub.from_environment({"HF_HOME": str(tmp_path), "HF_TOKEN": token})
    assert caught.value.message == "HF_TOKEN holds something that is no token."


@pytest.mark.parametrize(("endpoint", "kind"), [("http://example.org", InvalidRequest), ("example.org", SettingsError)])
def test_an_endpoint_that_is_none(tmp_path: Path, endpoint: str, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        Hub.from_environment({"HF_HOME": str(tmp_path), "HF_ENDPOINT": endpoint})


def test_a_listing() -> None:
    answer = {
        "sha": "a" * 40,
        "cardData": {"license": "mit"},
        "siblings": [
            {"rfilename": "x.gguf", "size": 10, "lfs": {"sha256": "b" * 64, "size": 10, "pointerSize": 1}},
            {"rfilename": "y.txt", "size": 3},
            {"rfilename": "no size"},
            {"rfilename": 7, "size": 3},
            {"rfilename": "bad\x00.gguf", "size": 3},
            {"rfilename": "less.gguf", "size": -3},
            "nonsense",
        ],
    }
    found = read_listing(WISH, orjson.dumps(answer))
    assert found is not None
    assert (found.revision, found.licence) == ("a" * 40, "mit")
    assert found.files == (HubFile("x.gguf", 10, "b" * 64), HubFile("y.txt", 3))


@pytest.mark.parametrize(
    ("told", "licence"),
    [
        ({"cardData": {"license": "apache-2.0"}}, "apache-2.0"),
        ({"cardData": {"license": ["mit", "x"]}}, "mit"),
        ({"cardData": {"license": "other", "license_name": "llama3.2"}}, "llama3.2"),
        ({"tags": ["gguf", "license:gemma"]}, "gemma"),
        ({"cardData": {"license": 3}, "tags": [4]}, ""),
        ({}, ""),
    ],
)
def test_the_licence(told: dict[str, object], licence: str) -> None:
    found = read_listing(WISH, orjson.dumps({"siblings": [], **told}))
    assert found is not None
    assert found.licence == licence


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = ("siblings", "rfilename", "size", "lfs", "sha256", "cardData", "license", "license_name", "tags", "sha")


@settings(max_examples=40)
@given(
    st.dictionaries(
        st.sampled_from(KEYS), JSON | st.lists(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4)), max_size=5
    )
)
def test_whatever_it_answers_is_a_listing_or_none(answer: dict[str, object]) -> None:
    found = read_listing(WISH, orjson.dumps(answer))
    assert found is None or all(file.size >= 0 for file in found.files)


@pytest.mark.parametrize(
    ("etag", "digest"), [(f'"{"A" * 64}"', "a" * 64), (f'W/"{"b" * 64}"', "b" * 64), ('"c"', ""), ("", ""), ("d" * 63, "")]
)
def test_a_hash_in_an_etag(etag: str, digest: str) -> None:
    assert sha256_in(etag) == digest
