"""What is taken of graphs as they are exported, and what is refused."""

from __future__ import annotations

import pytest

from mecum.engine.embedder.signature import NoEncoder, Signature, signature_of
from mecum.engine.embedder.structure import FLOAT, FLOAT16, INT32, INT64, Structure, Value

IDS = Value("input_ids", INT64, (None, None))
MASK = Value("attention_mask", INT64, (None, None))
STATES = Value("last_hidden_state", FLOAT, (None, None, 384))
POOLED = Value("sentence_embedding", FLOAT, (None, 768))
LOGITS = Value("logits", FLOAT, (None, None, 1000))
CACHE = tuple(Value(f"past_key_values.0.{one}", FLOAT16, (None, 8, None, 128)) for one in ("key", "value"))


def graph(*inputs: Value, outputs: tuple[Value, ...] = (STATES,)) -> Structure:
    return Structure(inputs, outputs, frozenset())


@pytest.mark.parametrize(
    ("given", "signature"),
    [
        (graph(IDS, MASK), Signature("last_hidden_state", pooled=False, size=384)),
        (
            graph(IDS, outputs=(Value("pooler_output", FLOAT, (None, 384)), STATES)),
            Signature("last_hidden_state", False, 384),
        ),
        (graph(IDS, outputs=(Value("token_embeddings", FLOAT, (1, None, 8)), POOLED)), Signature(POOLED.name, True, 768)),
        (graph(IDS, outputs=(Value("token_embeddings", FLOAT, (1, None, 8)),)), Signature("token_embeddings", False, 8)),
        (graph(IDS, outputs=(Value("output_0", FLOAT, (None, 96)),)), Signature("output_0", True, 96)),
        (graph(IDS, outputs=(Value("1607", FLOAT, (None, None, None)),)), Signature("1607", False, 0)),
        (graph(IDS, outputs=(Value("1607", FLOAT),)), Signature("1607", False, 0)),
        (graph(Value("input_ids", INT32, (1, None)), Value("position_ids", INT32)), Signature(STATES.name, False, 384)),
        (graph(IDS, MASK, *CACHE), Signature("last_hidden_state", pooled=False, size=384)),
    ],
)
def test_what_is_taken(given: Structure, signature: Signature) -> None:
    assert signature_of(given) == signature


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (graph(IDS, MASK, *CACHE, outputs=(LOGITS, Value("present.0.key"))), "generates text"),
        (graph(IDS, outputs=(LOGITS,)), "scores or classifies"),
        (graph(Value("pixel_values", FLOAT, (1, 3, 224, 224))), "asks for pixel_values"),
        (graph(IDS, Value("use_cache_branch", 9)), "asks for use_cache_branch"),
        (graph(IDS, Value("offsets", INT64)), "asks for offsets"),
        (graph(MASK), "its inputs are attention_mask"),
        (graph(), "its inputs are "),
        (graph(Value("input_ids", FLOAT)), "other numbers than whole ones for input_ids"),
        (graph(Value("input_ids", INT64, (None, 128))), "one length only"),
        (graph(Value("input_ids", INT64, (8, None))), "one length only"),
        (graph(IDS, Value("past_key_values.0.key", FLOAT, (None, None, None, 64))), "how large its cache"),
        (graph(IDS, Value("past_key_values.0.key", INT64, (None, 8, None, 64))), "how large its cache"),
        (graph(IDS, outputs=(Value("a"), Value("b"))), "several outputs.*: a, b"),
    ],
)
def test_what_is_refused(given: Structure, reason: str) -> None:
    with pytest.raises(NoEncoder, match=reason):
        signature_of(given)
