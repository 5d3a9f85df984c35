"""Names are labels: nothing is refused for what it would mean to a file system, and nothing harmful is let through."""

from __future__ import annotations

import pytest

from mecum.api.labels import attachment, collection, label, shown
from mecum.errors import InvalidRequest


@pytest.mark.parametrize(
    "name",
    [
        "a", "../../etc/passwd", "/etc/x", "C:\\Windows\\x.txt", "\\\\server\\share\\x", "NUL", "con.txt", ".", "..", "~",
        "a b", "日本語.md", "e\u0301", "👨‍👩‍👧", "\u202eabc", "x" * 1024, "-rf", "$(ls)", "'; DROP TABLE documents",
        "%2e%2e%2f", "<script>",
    ],
)  # fmt: skip
def test_any_name_is_a_label(name: str) -> None:
    assert label(name) == name


@pytest.mark.parametrize(
    "name", ["", " ", "\u3000", "a\0b", "a\nb", "\x1b[31m", "a\x7f", "a\x85b", "a\u2028b", "a\ud800", "x" * 1025]
)
def test_but_not_what_breaks_lines_terminals_and_encodings(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        label(name, field="title")
    assert caught.value.param == "title"
    assert caught.value.message.startswith("title must")
    assert not name.strip() or name not in caught.value.message
    shown(name).encode("utf-8")


def test_collections_are_short() -> None:
    assert collection("x" * 128)
    with pytest.raises(InvalidRequest, match="1 to 128 characters"):
        collection("x" * 129)


@pytest.mark.parametrize(
    ("path", "header"),
    [
        ("notes/today.md", "attachment; filename=\"today.md\"; filename*=UTF-8''today.md"),
        ("C:\\docs\\a b.txt", "attachment; filename=\"a b.txt\"; filename*=UTF-8''a%20b.txt"),
        ('a"b\\"; x=', "attachment; filename=\"_; x=\"; filename*=UTF-8''%22%3B%20x%3D"),
        (
            "Köln + Müller.pdf",
            "attachment; filename=\"K_ln + M_ller.pdf\"; filename*=UTF-8''K%C3%B6ln%20%2B%20M%C3%BCller.pdf",
        ),
        ("100%.txt", "attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt"),
        ("/", "attachment; filename=\"document\"; filename*=UTF-8''document"),
        ("..", "attachment; filename=\"..\"; filename*=UTF-8''.."),
    ],
)
def test_the_name_a_download_gets(path: str, header: str) -> None:
    assert attachment(path) == header
    header.encode("ascii")
