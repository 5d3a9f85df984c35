import random
import struct

import numpy as np
import pytest

from mecum.engine.embedder.weights import WeightsError, read, unpack

from .tiny import PIECES, Tiny


@pytest.fixture(scope="module")
def whole() -> bytes:
    return Tiny().file()


def test_a_whole_file(tmp_path, whole):
    file = tmp_path / "model.bin"
    file.write_bytes(whole)
    weights = read(file)
    assert weights.sizes == (64, 2, 4, 128, len(PIECES), 64, 2)
    assert weights.pieces == PIECES
    assert weights.special == (0, 2, 1, 3)
    assert weights.matrix("l0.fi.w", 128, 64).shape == (128, 64)
    assert weights.vector("l1.fo.b", 64).shape == (64,)


def test_a_block_unpacks_low_nibbles_first():
    block = np.frombuffer(struct.pack("<e", 0.5) + bytes([0x80 + n for n in range(16)]), np.uint8)
    values = unpack(block[None])
    assert values[0, :16].tolist() == [(n - 8) * 0.5 for n in range(16)]
    assert values[0, 16:].tolist() == [0.0] * 16


def test_cut_anywhere_it_is_refused(tmp_path, whole):
    file = tmp_path / "cut.bin"
    rng = random.Random(1)
    for length in [0, 3, 8, 36, *rng.sample(range(len(whole)), 120)]:
        file.write_bytes(whole[:length])
        with pytest.raises(WeightsError):
            read(file)


def test_turned_bytes_never_give_more_than_an_error(tmp_path, whole):
    """What is read is of the right shapes, or refused: nothing else, wherever a byte is wrong."""
    file = tmp_path / "turned.bin"
    rng = random.Random(2)
    refused = 0
    for _ in range(400):
        damaged = bytearray(whole)
        for _ in range(rng.randint(1, 3)):
            damaged[rng.randrange(1500)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        file.write_bytes(damaged)
        try:
            weights = read(file)
        except WeightsError:
            refused += 1
        else:
            assert weights.matrix("l0.q.w", 64, 64).shape == (64, 64)
    assert refused > 100


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"hidden": 60, "heads": 4}, "do not go together"),
        ({"heads": 7}, "do not go together"),
        ({"positions": 0}, "make no sense"),
    ],
)
def test_sizes_that_do_not_fit(tmp_path, change, why):
    file = tmp_path / "model.bin"
    file.write_bytes(Tiny(**change).file())
    with pytest.raises(WeightsError, match=why):
        read(file)


def test_a_tensor_that_is_missing(tmp_path, monkeypatch):
    whole = Tiny().file()
    file = tmp_path / "model.bin"
    file.write_bytes(whole.replace(b"l1.fo.w", b"l1.xx.w"))
    with pytest.raises(WeightsError, match=r"l1\.fo\.w is missing"):
        read(file)
