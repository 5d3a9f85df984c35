"""What a model file is for: chats, vectors, or scoring pairs of texts. Read out of its header, before anything runs it.

Invariant (`tests/engine/test_kinds.py`): a model that cannot chat is never taken for one that can, whatever it is called.
Source: the architectures without a language model's head in llama.cpp's `llama-arch.cpp`, and `llama_pooling_type` in its
`llama.h`; a converter writes `ARCH.pooling_type` for what was trained to give one vector a text.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final, Literal

from mecum.engine.gguf import Header
from mecum.errors import EngineStartError

Kind = Literal["chat", "embedder", "reranker"]
Pooling = Literal["mean", "cls", "last"]

POOLINGS: Final = MappingProxyType[int, Pooling]({1: "mean", 2: "cls", 3: "last"})
RERANKS: Final = 4
_ENCODERS: Final = frozenset(
    "bert modern-bert nomic-bert nomic-bert-moe neo-bert jina-bert-v2 jina-bert-v3 eurobert gemma-embedding llama-embed "
    "t5encoder".split()
)


def kind_of(header: Header) -> Kind:
    """Return what the model is for."""
    pooling = header.number("pooling_type")
    if pooling == RERANKS:
        return "reranker"
    return "embedder" if pooling in POOLINGS or header.architecture in _ENCODERS else "chat"


def pooling_of(header: Header) -> Pooling | None:
    """Return how the vectors of a text's tokens become one, None where the file does not say."""
    return POOLINGS.get(header.number("pooling_type") or 0)


def check_chats(header: Header) -> None:
    """Let a model pass that can chat.

    Raises:
        EngineStartError: it is for something else.
    """
    kind = kind_of(header)
    if kind == "embedder":
        raise EngineStartError(
            f"{header.path.name} is an embedding model, which makes vectors and does not chat. To search your documents "
            f"with it: mecum models embedder {header.path.name}. To chat, choose another: mecum models default NAME."
        )
    if kind == "reranker":
        raise EngineStartError(f"{header.path.name} scores pairs of texts and does not chat. Choose another model.")
