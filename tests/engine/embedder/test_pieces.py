import pytest

from mecum.engine.embedder.pieces import Pieces, normalise
from mecum.engine.embedder.weights import read

from .tiny import PIECES, Tiny


@pytest.fixture
def pieces(tmp_path) -> Pieces:
    file = tmp_path / "model.bin"
    file.write_bytes(Tiny().file())
    return Pieces(read(file))


def split(pieces: Pieces, text: str, most: int = 512) -> list[str]:
    return [PIECES[number] for number in pieces.encode(text, most)[1:-1]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abc", ["▁ab", "c"]),  # -5.5; "▁a", "bc" is -6, "▁", "abc" is -6.5
        ("a abc", ["▁a", "▁ab", "c"]),
        ("  a \n\t a ", ["▁a", "▁a"]),
        ("日本", ["▁", "日本"]),
        ("", []),
        ("xyz", ["▁", "<unk>"]),  # a run of unknown characters is one piece
        ("xay", ["▁", "<unk>", "a", "<unk>"]),
        ("</s>", ["▁", "<unk>"]),  # written out, a special piece is only characters
    ],
)
def test_the_best_split(pieces, text, expected):
    assert split(pieces, text) == expected


def test_it_begins_and_ends_and_is_cut(pieces):
    assert pieces.encode("a a a a a", 4) == [0, 5, 5, 2]
    assert len(pieces.encode("a " * 100_000, 512)) == 512
    assert len(pieces.encode("a" * 100_000, 512)) == 512


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a\u200bb", "a b"),
        ("a\x07b", "ab"),
        ("ﬁ①½", "fi11\N{FRACTION SLASH}2"),
        ("e\u0301", "é"),
        ("\ufeffa\tb\nc", " a b c"),
        ("a\x00b", "a b"),
    ],
)
def test_normalise(text, plain):
    assert normalise(text) == plain
