"""Makes small GGUF files for tests, byte by byte, right or wrong."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

KINDS = {"u8": 0, "i8": 1, "u16": 2, "i16": 3, "u32": 4, "i32": 5, "f32": 6, "bool": 7, "str": 8, "u64": 10, "f64": 12}
CODES = {
    "u8": "B",
    "i8": "b",
    "u16": "H",
    "i16": "h",
    "u32": "I",
    "i32": "i",
    "f32": "f",
    "bool": "?",
    "u64": "Q",
    "f64": "d",
}
ARRAY = 9

LLAMA: Mapping[str, tuple[str, Any]] = {
    "general.architecture": ("str", "llama"),
    "general.name": ("str", "Tiny Test"),
    "llama.block_count": ("u32", 2),
    "llama.context_length": ("u32", 4096),
    "llama.embedding_length": ("u32", 64),
    "llama.attention.head_count": ("u32", 4),
    "llama.attention.head_count_kv": ("u32", 2),
    "tokenizer.ggml.tokens": ("[str]", ["<s>", "a", "b"]),
    "tokenizer.ggml.scores": ("[f32]", [0.0, 1.0, 2.0]),
}


@dataclass(frozen=True)
class Tensor:
    name: str = "token_embd.weight"
    shape: Sequence[int] = (64, 3)
    kind: int = 0  # F32
    offset: int = 0


@dataclass
class Gguf:
    """The parts of a file; `build` joins them. `data` bytes stand for the weights."""

    values: Mapping[str, tuple[str, Any]] = field(default_factory=lambda: dict(LLAMA))
    tensors: Sequence[Tensor] = (Tensor(),)
    data: int = 64 * 3 * 4
    magic: bytes = b"GGUF"
    version: int = 3
    claimed_tensors: int | None = None
    claimed_keys: int | None = None
    alignment: int = 32

    def build(self) -> bytes:
        tensors = len(self.tensors) if self.claimed_tensors is None else self.claimed_tensors
        keys = len(self.values) if self.claimed_keys is None else self.claimed_keys
        parts = [self.magic, struct.pack("<IQQ", self.version, tensors, keys)]
        parts += [text(key) + value(kind, content) for key, (kind, content) in self.values.items()]
        parts += [tensor_info(tensor) for tensor in self.tensors]
        head = b"".join(parts)
        return head + bytes(-len(head) % self.alignment) + bytes(self.data)


def text(content: str) -> bytes:
    encoded = content.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def value(kind: str, content: Any) -> bytes:
    if kind.startswith("["):
        item = kind[1:-1]
        return struct.pack("<IIQ", ARRAY, KINDS[item], len(content)) + b"".join(bare(item, one) for one in content)
    return struct.pack("<I", KINDS[kind]) + bare(kind, content)


def bare(kind: str, content: Any) -> bytes:
    return text(content) if kind == "str" else struct.pack("<" + CODES[kind], content)


def tensor_info(tensor: Tensor) -> bytes:
    shape = struct.pack(f"<{len(tensor.shape)}Q", *tensor.shape)
    return text(tensor.name) + struct.pack("<I", len(tensor.shape)) + shape + struct.pack("<IQ", tensor.kind, tensor.offset)
