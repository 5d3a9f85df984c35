"""Makes a small file of weights in the format of `e5-small-q4.bin`, with random values."""

import struct
from dataclasses import dataclass, field

import numpy as np

PIECES = ("<s>", "<pad>", "</s>", "<unk>", "▁", "▁a", "b", "c", "▁ab", "bc", "abc", "", "▁q", "a", "日", "本", "日本")
SCORES = (0.0, 0.0, 0.0, 0.0, -3.0, -2.0, -3.0, -3.0, -2.5, -4.0, -3.5, 0.0, -4.0, -3.0, -5.0, -5.0, -6.0)


def packed(rng: np.random.Generator, values: int) -> bytes:
    blocks = values // 32
    scales = rng.uniform(0.005, 0.02, (blocks, 1)).astype("<f2").view(np.uint8)
    return np.concatenate([scales, rng.integers(0, 256, (blocks, 16), dtype=np.uint8)], axis=1).tobytes()


@dataclass
class Tiny:
    """A network of these sizes; `file` is its content."""

    hidden: int = 64
    layers: int = 2
    heads: int = 4
    feed_forward: int = 128
    positions: int = 64
    seed: int = 0
    tensors: dict[str, bytes] = field(default_factory=dict)

    def file(self) -> bytes:
        rng = np.random.default_rng(self.seed)
        self.tensors = dict(self._tensors(rng))
        sizes = (self.hidden, self.layers, self.heads, self.feed_forward, len(PIECES), self.positions, 2)
        head = b"E5S1\x01\0\0\0" + struct.pack("<7i", *sizes) + struct.pack("<fi", 1e-12, 32) + self._tokeniser()
        head += struct.pack("<iI", 1, 5) + b"\x41\0\0\0\0"
        return self._with_directory(head)

    def _with_directory(self, head: bytes) -> bytes:
        length = 4 + sum(2 + len(name) + 21 for name in self.tensors)
        directory, body = struct.pack("<i", len(self.tensors)), b""
        for name, data in self.tensors.items():
            kind = 1 if name.endswith((".w", ".word")) and "ln" not in name else 0
            count = len(data) // 18 * 32 if kind else len(data) // 4
            place = len(head) + length + len(body)
            directory += struct.pack("<H", len(name)) + name.encode() + struct.pack("<BIQQ", kind, count, place, len(data))
            body += data
        return head + directory + body

    def _tokeniser(self) -> bytes:
        blob = b"".join(piece.encode() for piece in PIECES)
        offsets = np.cumsum([0, *(len(piece.encode()) for piece in PIECES)]).astype("<u4")
        head = struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, len(blob))
        return head + offsets.tobytes() + np.array(SCORES, "<f4").tobytes() + blob

    def _tensors(self, rng):
        def floats(count: int, middle: float = 0.0) -> bytes:
            return (middle + rng.normal(0, 0.05, count)).astype("<f4").tobytes()

        yield "emb.word", packed(rng, len(PIECES) * self.hidden)
        yield "emb.pos", floats(self.positions * self.hidden)
        yield "emb.type", floats(2 * self.hidden)
        yield "emb.ln.w", floats(self.hidden, 1)
        yield "emb.ln.b", floats(self.hidden)
        for layer in range(self.layers):
            for name in ("q", "k", "v", "ao", "fi", "fo"):
                out = self.feed_forward if name == "fi" else self.hidden
                yield (
                    f"l{layer}.{name}.w",
                    packed(rng, self.feed_forward * self.hidden if name[0] == "f" else self.hidden**2),
                )
                yield f"l{layer}.{name}.b", floats(out)
            for name in ("aln", "oln"):
                yield f"l{layer}.{name}.w", floats(self.hidden, 1)
                yield f"l{layer}.{name}.b", floats(self.hidden)
