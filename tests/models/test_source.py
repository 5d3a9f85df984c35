"""What was asked for, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from mecum.errors import InvalidRequest
from mecum.models.source import FromFile, FromHub, FromUrl, file_name, parse

HUB = "https://huggingface.co"


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("hf:owner/repo", FromHub("owner/repo")),
        ("hf:owner/repo.v2-GGUF:Q5_K_M", FromHub("owner/repo.v2-GGUF", "Q5_K_M")),
        ("hf:owner/repo:sub/file.gguf", FromHub("owner/repo", "sub/file.gguf")),
        (f"{HUB}/owner/repo", FromHub("owner/repo")),
        (f"{HUB}/owner/repo/", FromHub("owner/repo")),
        (f"{HUB}/owner/repo/tree/v2", FromHub("owner/repo", None, "v2")),
        (f"{HUB}/owner/repo/blob/main/a%20b.gguf", FromHub("owner/repo", "a b.gguf")),
        (f"{HUB}/owner/repo/resolve/abc/x/y.gguf?download=true", FromHub("owner/repo", "x/y.gguf", "abc")),
        ("https://example.org/x.gguf", FromUrl("https://example.org/x.gguf")),
        ("http://127.0.0.1:1/x.gguf", FromUrl("http://127.0.0.1:1/x.gguf")),
        ("http://localhost/x.gguf", FromUrl("http://localhost/x.gguf")),
        ("there.gguf", FromFile(Path("there.gguf"))),
        ("./there", FromFile(Path("there"))),
        ("/a/b", FromFile(Path("/a/b"))),
    ],
)
def test_what_is_understood(text: str, source: object) -> None:
    if text == "./there":  # a path by its form alone has more than one part
        text = "a/there"
        source = FromFile(Path("a/there"))
    assert parse(text, HUB) == source


def test_a_mirror_has_pages_too() -> None:
    assert parse("https://mirror.example/hf/o/r/blob/main/x.gguf", "https://mirror.example/hf") == FromHub("o/r", "x.gguf")
    assert isinstance(parse("https://mirror.example/other/o/r", "https://mirror.example/hf"), FromUrl)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hf:owner", "not of the form"),
        ("hf:../etc", "not of the form"),
        ("hf:o/r:", "not of the form"),
        ("http://example.org/x.gguf", "example.org is only asked over https"),
        ("http://127.0.0.1.example.org/x.gguf", "only asked over https"),
        ("https://", "is not an address"),
        ("https://exa mple.org/x", "is not an address"),
        ("qwen2.5-7b-instrukt", r"neither a name of the catalogue.*Did you mean qwen2\.5-7b-instruct\?"),
        ("startr", "Did you mean starter"),
        ("zzzz", "Pull hf:OWNER/REPO"),
    ],
)
def test_what_is_not(text: str, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        parse(text, HUB, ["qwen2.5-7b-instruct"])


@pytest.mark.parametrize(
    "path",
    [
        "",
        "..",
        "a/..",
        "model.bin",
        ".gguf",
        "-x.gguf",
        "a\\..\\..\\x",
        "con.gguf",
        "x\x00.gguf",
        "é.gguf",
        "a" * 300 + ".gguf",
    ],
)
def test_names_that_are_no_models(path: str) -> None:
    with pytest.raises(InvalidRequest):
        file_name(path)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("x.gguf", "x.gguf"),
        ("../../x.gguf", "x.gguf"),
        ("a\\b.GGUF", "b.GGUF"),
        ("/etc/Phi 4 (mini).Q4_0.gguf", "Phi 4 (mini).Q4_0.gguf"),
    ],
)
def test_a_name_is_the_last_part(path: str, name: str) -> None:
    assert file_name(path) == name


def test_what_is_shown_of_an_address_holds_no_secret() -> None:
    assert FromUrl("https://me:pw@example.org/x.gguf?sig=1#y").shown == "https://example.org/x.gguf"
