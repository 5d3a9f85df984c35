"""Whatever a server sends: the rules of a Reply hold, or the answer is broken; never another exception."""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.chunks import USAGE, decode

from mecum.errors import EngineBroke, MecumError

SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.floats(-1, 1) | st.sampled_from(["", "x", "stop", "error"])
FIELDS = (
    "choices delta content index finish_reason tool_calls function name arguments id usage prompt_tokens error code message "
    "logprobs prompt_tokens_details reasoning system_fingerprint"
).split()
NONSENSE = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=10,
)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    payloads=st.lists(
        NONSENSE | st.fixed_dictionaries({"choices": st.lists(st.fixed_dictionaries({"delta": NONSENSE}))}), max_size=4
    )
)
def test_nonsense_never_raises_anything_else(payloads: list[object]) -> None:
    with contextlib.suppress(MecumError):
        decode(*payloads, b"[DONE]")


TEXTS = st.none() | st.sampled_from(["", "a", "b"])
ODD_CALL = st.fixed_dictionaries(
    {"function": st.fixed_dictionaries({}, optional={"name": TEXTS, "arguments": TEXTS | st.just({"x": 1})})},
    optional={"index": st.none() | st.integers(0, 2), "id": TEXTS},
)
ODD_CHOICE = st.fixed_dictionaries(
    {
        "delta": st.fixed_dictionaries(
            {}, optional={"content": TEXTS, "reasoning": TEXTS, "tool_calls": st.lists(ODD_CALL, max_size=2)}
        )
    },
    optional={"index": st.integers(0, 1), "finish_reason": TEXTS | st.sampled_from(["stop", "length", "tool_calls"])},
)
ODD_CHUNK = st.fixed_dictionaries(
    {"choices": st.lists(ODD_CHOICE, max_size=2)}, optional={"usage": st.none() | st.just(USAGE)}
)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(chunks=st.lists(ODD_CHUNK, max_size=6), cut=st.booleans())
def test_however_odd_the_chunks_are_the_rules_of_a_reply_hold(chunks: list[dict[str, Any]], cut: bool) -> None:
    try:
        deltas = decode(*chunks, *([] if cut else [b"[DONE]"]))
    except EngineBroke:
        finished = {c.get("index", 0) for one in chunks for c in one["choices"] if c.get("finish_reason")}
        assert cut or not any(one["choices"] for one in chunks)
        assert finished != {c.get("index", 0) for one in chunks for c in one["choices"]} or not finished
        return
    assert [delta for delta in deltas if delta.usage] == (deltas[-1:] if any(one.get("usage") for one in chunks) else [])
    of_choices = [delta for delta in deltas if not delta.usage]
    assert sorted(delta.choice for delta in of_choices if delta.finish_reason) == sorted(
        {delta.choice for delta in of_choices}
    )
    begun: set[tuple[int, int]] = set()
    for delta in deltas:
        for piece in delta.tool_calls or ():
            assert ("id" in piece) == ((delta.choice, piece["index"]) not in begun)
            assert isinstance(piece["function"]["arguments"], str)
            begun.add((delta.choice, piece["index"]))
