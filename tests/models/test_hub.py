"""Where the hub is, who we are there, and what a listing says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub.hf_api import ModelInfo
from tests.clients.server import clean_environment

from mecum.models.choice import HubFile
from mecum.models.hub import Hub, Repository, read_listing, sha256_in

SAY = """
import json
from mecum.errors import MecumError
from mecum.models.hub import Hub
from mecum.models.web import way_to
try:
    hub = Hub.here()
    hub = hub.signed_in(way_to(hub.endpoint))
    print(json.dumps([hub.endpoint, hub.token, str(hub.cache), hub.offline]))
except MecumError as error:
    print(json.dumps([type(error).__name__, error.message]))
"""


def here(tmp_path: Path, **environ: str) -> list[Any]:
    """Return endpoint, token, cache and whether we are offline, in a process of this environment."""
    mine = {name: value for name, value in clean_environment().items() if not name.startswith(("HF_", "HUGGING", "TRANSF"))}
    env = {**mine, "HF_HOME": str(tmp_path), **environ}
    done = subprocess.run([sys.executable, "-c", SAY], env=env, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    found: list[Any] = json.loads(done.stdout)
    return found


def test_without_anything_it_is_the_public_one(tmp_path: Path) -> None:
    assert here(tmp_path) == ["https://huggingface.co", None, str(tmp_path / "hub"), False]


def test_its_variables_are_respected(tmp_path: Path) -> None:
    environ = {
        "HF_ENDPOINT": "https://mirror.example/hf/",
        "HF_TOKEN": " hf_x ",
        "HF_HUB_CACHE": str(tmp_path / "c"),
        "HF_HUB_ENABLE_HF_TRANSFER": "1",  # of which the library would warn
    }
    assert here(tmp_path, **environ) == ["https://mirror.example/hf", "hf_x", str(tmp_path / "c"), False]
    assert here(tmp_path, HF_HUB_OFFLINE="1", HF_TOKEN="hf_x")[1:] == [None, str(tmp_path / "hub"), True]


def test_the_token_that_its_own_program_keeps(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hf_kept\n")
    assert here(tmp_path)[1] == "hf_kept"
    assert here(tmp_path, HF_HUB_DISABLE_IMPLICIT_TOKEN="1")[1] is None
    assert here(tmp_path, HF_TOKEN="hf_other")[1] == "hf_other"
    assert here(tmp_path, HF_HOME=str(tmp_path / "other"), HF_TOKEN_PATH=str(tmp_path / "token"))[1] == "hf_kept"


@pytest.mark.parametrize("token", ["a b", "\u00fc", "x" * 5000])
def test_a_token_that_could_not_be_sent_is_told_without_saying_it(tmp_path: Path, token: str) -> None:
    kind, message = here(tmp_path, HF_TOKEN=token)
    assert kind == "SettingsError"
    assert message == "The token for the hub (HF_TOKEN, or the one that hf auth login kept) is none: set another."


def test_a_token_that_cannot_be_had_is_told(tmp_path: Path) -> None:
    kind, message = here(tmp_path, HF_OIDC_RESOURCE="some/repo")
    assert (kind, message.startswith("The token for the hub cannot be had: HF_OIDC_RESOURCE is set")) == (
        "SettingsError",
        True,
    )
    asking = {"HF_OIDC_RESOURCE": "some/repo", "HF_OIDC_ID_TOKEN": "x", "HF_ENDPOINT": "http://127.0.0.1:1"}
    assert here(tmp_path, **asking)[1].startswith("The token for the hub cannot be had: ")
    (tmp_path / "token").write_bytes(b"\xff\xfe")
    assert here(tmp_path)[0] == "SettingsError"


@pytest.mark.parametrize(
    ("endpoint", "kind"),
    [("http://example.org", "InvalidRequest"), ("example.org", "SettingsError"), ("ftp://x", "SettingsError")],
)
def test_an_endpoint_that_is_none(tmp_path: Path, endpoint: str, kind: str) -> None:
    assert here(tmp_path, HF_ENDPOINT=endpoint)[0] == kind


@pytest.mark.parametrize("name", ["HF_HUB_ETAG_TIMEOUT", "HF_HUB_DOWNLOAD_TIMEOUT"])
def test_a_variable_that_is_no_number_is_told(tmp_path: Path, name: str) -> None:
    kind, message = here(tmp_path, **{name: "abc"})
    assert kind == "SettingsError"
    assert "abc" in message


def test_a_variable_that_the_library_does_not_know_is_not_told(tmp_path: Path) -> None:
    assert here(tmp_path, HF_HUB_VERBOSITY="zzz")[0] == "https://huggingface.co"


def test_a_token_is_not_shown() -> None:
    assert "hf_x" not in repr(Hub("https://h", "hf_x", Path()))


def test_where_a_file_is() -> None:
    hub = Hub("https://mirror.example/hf", None, Path())
    assert (
        hub.file("o/r", "a/b", HubFile("a b/\u00fc.gguf", 1))
        == "https://mirror.example/hf/o/r/resolve/a%2Fb/a%20b/%C3%BC.gguf"
    )


def read(**told: Any) -> Repository:
    found = read_listing("o/r", "main", ModelInfo(**{"id": "o/r", "siblings": [], **told}))
    assert found is not None
    return found


def test_a_listing() -> None:
    found = read(
        id="o/new",
        sha="a" * 40,
        pipeline_tag="sentence-similarity",
        cardData={"license": "mit"},
        siblings=[
            {
                "rfilename": "x.gguf",
                "size": 10,
                "lfs": {"sha256": "b" * 64, "size": 10, "pointerSize": 1},
                "blobId": "c" * 40,
            },
            {"rfilename": "y.txt", "size": 3, "blobId": "d" * 40},
            {"rfilename": "no size"},
            {"rfilename": 7, "size": 3},
            {"rfilename": "bad\x00.gguf", "size": 3},
            {"rfilename": "less.gguf", "size": -3},
        ],
    )
    assert (found.repo, found.revision, found.licence, found.task) == ("o/new", "a" * 40, "mit", "sentence-similarity")
    assert found.files == (HubFile("x.gguf", 10, "b" * 64), HubFile("y.txt", 3, git="d" * 40))
    assert read_listing("o/r", "main", ModelInfo(id="o/r")) is None


@pytest.mark.parametrize("name", ["../../x", "", "o/r/x", 7, "o/..", "o/r--x", "o/r.git", "\u00f6/r"])
def test_a_name_that_none_can_have_is_not_taken(name: Any) -> None:
    assert read(id=name).repo == "o/r"
    assert read(sha="main; rm").revision == "main"


@pytest.mark.parametrize(
    ("told", "licence"),
    [
        ({"cardData": {"license": "apache-2.0"}}, "apache-2.0"),
        ({"cardData": {"license": ["mit", "x"]}}, "mit"),
        ({"cardData": {"license": "other", "license_name": "llama3.2"}}, "llama3.2"),
        ({"cardData": {"license": "other"}}, "other"),
        ({"tags": ["gguf", "license:gemma"]}, "gemma"),
        ({"cardData": {"license": 3}, "tags": [4]}, ""),
        ({}, ""),
    ],
)
def test_the_licence(told: dict[str, object], licence: str) -> None:
    assert read(**told).licence == licence


@pytest.mark.parametrize(
    ("etag", "digest"), [(f'"{"A" * 64}"', "a" * 64), (f'W/"{"b" * 64}"', "b" * 64), ('"c"', ""), ("", ""), ("d" * 63, "")]
)
def test_a_hash_in_an_etag(etag: str, digest: str) -> None:
    assert sha256_in(etag) == digest
