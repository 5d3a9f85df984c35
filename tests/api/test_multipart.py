"""Multipart bodies: read the same wherever they are cut, whatever they are."""

from __future__ import annotations

import contextlib
import logging

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.api.uploads import BOUNDARY, KIND, Part, field, file, form

from mecum.api.multipart import MAX_PARTS, Multipart
from mecum.errors import InvalidRequest


class Taken:
    """Takes the parts."""

    def __init__(self) -> None:
        self.parts: list[tuple[str, bytes | None, bytes]] = []
        self.whole = 0

    def begin(self, name: str, filename: bytes | None) -> None:
        self.parts.append((name, filename, b""))

    def data(self, piece: bytes) -> None:
        name, filename, content = self.parts[-1]
        self.parts[-1] = name, filename, content + piece

    def end(self) -> None:
        self.whole += 1


def _read(*pieces: bytes, kind: str = KIND) -> Taken:
    taken = Taken()
    body = Multipart(kind, taken)
    for piece in pieces:
        body.write(piece)
    body.finish()
    return taken


def _raw(head: str, content: bytes = b"x") -> bytes:
    return f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


TRICKY = f"\r\n--{BOUNDARY}".encode()
_contents = st.binary(max_size=50) | st.sampled_from(
    [b"", b"\r\n", b"--", TRICKY[:-1], TRICKY[:-1] + b"\r\n", TRICKY[:5] * 3, b"\r\n--" * 10]
)


@given(st.lists(_contents, max_size=3), st.integers(1, 70))
@example([TRICKY[:-1] * 2, b"", b"\r"], 1)
def test_wherever_it_is_cut(contents: list[bytes], step: int) -> None:
    parts: list[Part] = [file(f"{number}.bin", content) for number, content in enumerate(contents)]
    body = form(field("collection", "c"), *parts)
    taken = _read(*(body[at : at + step] for at in range(0, len(body), step)))
    assert taken.parts == [
        ("collection", None, b"c"),
        *(("file", f"{number}.bin".encode(), content) for number, content in enumerate(contents)),
    ]
    assert taken.whole == len(taken.parts)


@pytest.mark.parametrize(
    ("sent", "filename"),
    [
        ('"C:\\docs\\x.txt"', b"C:\\docs\\x.txt"),
        ('"\\\\server\\share\\x.txt"', b"\\\\server\\share\\x.txt"),
        ('"C:\\docs\\"', b"C:\\docs\\"),
        ('"a\\"b.txt"', b'a"b.txt'),
        ('"a;b=c.txt"', b"a;b=c.txt"),
        ('"%22a%0A.txt"', b"%22a%0A.txt"),
        ('"日本.md"', "日本.md".encode()),
        ("plain.txt", b"plain.txt"),
        ('""', b""),
    ],
)
def test_names_come_as_they_were_sent(sent: str, filename: bytes) -> None:
    taken = _read(_raw(f'content-disposition: Form-Data; name="f"; filename={sent}\r\nContent-Type: text/html'))
    assert taken.parts == [("f", filename, b"x")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nothing",
        form(file("a", "x"), end=False),
        form(file("a", "x"))[:-6],
        f"--{BOUNDARY}\r\nContent-Disposition: form-data".encode(),
        _raw("Content-Type: text/plain"),
        _raw('Content-Disposition: form-data; filename="a"'),
        _raw('Content-Disposition: attachment; name="a"'),
        _raw('Content-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64'),
        _raw(f'Content-Disposition: form-data; name="a"; filename="{"x" * 9000}"'),
        _raw("\r\n".join(["X: y"] * 20)),
        _raw("no colon here"),
        form(*[field("a", "")] * (MAX_PARTS + 1)),
    ],
)
def test_what_is_no_such_body(body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(InvalidRequest) as caught:
        _read(body)
    assert caught.value.param is None
    assert caplog.records == []


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=", f"multipart/form-data; boundary={'x' * 300}"]
)
def test_no_boundary_no_body(kind: str) -> None:
    with pytest.raises(InvalidRequest, match="Content-Type"):
        _read(b"x", kind=kind)


@given(st.binary(max_size=300))
def test_any_bytes(body: bytes) -> None:
    for data in (body, f"--{BOUNDARY}\r\n".encode() + body, form(file("a", "x"), end=False) + body):
        with contextlib.suppress(InvalidRequest):
            _read(data)
