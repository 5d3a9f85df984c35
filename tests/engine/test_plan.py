"""Slots, context and threads for models and machines of every size."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecum.engine.gguf import Header, Value
from mecum.engine.machine import Machine
from mecum.engine.plan import MIB, OVERHEAD, Plan, least, make_plan, token_bytes, within
from mecum.errors import EngineStartError
from mecum.settings.schema import EngineSettings

GB = 10**9


def header(**values: Value) -> Header:
    known: dict[str, Value] = {"general.architecture": "llama"}
    known |= {f"llama.{name.replace('__', '.')}": value for name, value in values.items()}
    return Header(Path("/models/some.gguf"), 0, 3, 1, MappingProxyType(known))


SMOL = header(block_count=30, context_length=8192, embedding_length=576, attention__head_count=9, attention__head_count_kv=3)
LLAMA_3B = header(
    block_count=28, context_length=131072, embedding_length=3072, attention__head_count=24, attention__head_count_kv=8
)


def plan(model: Header, weights: int, memory: int, *, cores: int = 2, gpu: bool = False, **settings: int) -> Plan:
    return make_plan(model, weights, EngineSettings(**settings), Machine(cores, memory, gpu))


def test_a_token_takes_keys_and_values_of_all_layers() -> None:
    assert token_bytes(SMOL) == 30 * 3 * (64 + 64) * 2
    assert token_bytes(header(block_count=2, embedding_length=64, attention__head_count=4)) == 2 * 4 * (16 + 16) * 2
    uneven = header(block_count=2, embedding_length=64, attention__head_count=4, attention__head_count_kv=(2, 0))
    assert token_bytes(uneven) == 2 * (16 + 16) * 2
    wide = header(block_count=1, attention__head_count=1, attention__key_length=192, attention__value_length=128)
    assert token_bytes(wide) == (192 + 128) * 2


def test_the_starter_gets_four_slots_of_its_whole_context() -> None:
    found = plan(SMOL, GB // 10, 16 * GB)
    assert (found.slots, found.context, found.threads, found.batch) == (4, 8192, 2, 256)


def test_slots_give_way_before_context_does() -> None:
    assert plan(SMOL, GB // 10, 1_200_000_000).slots < 4
    assert plan(SMOL, GB // 10, 1_200_000_000).context == 8192
    large = plan(LLAMA_3B, 2 * GB, 20 * GB)
    assert large.slots == 1
    assert 60_000 < large.context < 131_072
    assert large.context % 256 == 0


def test_the_settings_win() -> None:
    assert plan(LLAMA_3B, 2 * GB, 20 * GB, context=8192).slots == 4
    assert plan(LLAMA_3B, 2 * GB, 20 * GB, slots=4).slots == 4
    assert plan(SMOL, GB, 16 * GB, context=5000).context == 5120
    assert plan(SMOL, GB, 16 * GB, threads=7).threads == 7
    assert plan(SMOL, GB, 16 * GB, slots=9).slots == 9
    assert plan(SMOL, GB, 16 * GB, batch=64).batch == 64


def test_a_batch_takes_no_longer_than_others_may_wait() -> None:
    assert plan(SMOL, GB // 10, 16 * GB).batch == 256
    assert plan(LLAMA_3B, 2 * GB, 20 * GB).batch == 128
    assert plan(LLAMA_3B, 2 * GB, 20 * GB, gpu=True).batch == 512
    assert plan(LLAMA_3B, 2 * GB, 20 * GB, gpu=True, gpu_layers=0).batch == 128


def test_too_little_memory_is_one_sentence_with_the_numbers() -> None:
    with pytest.raises(EngineStartError, match=r"some\.gguf needs about 4\.3 GB .* and 2\.0 GB are free\. Lower"):
        plan(SMOL, 4 * GB, 2 * GB)
    with pytest.raises(EngineStartError, match="64 times 8192 tokens"):
        plan(SMOL, GB // 10, 4 * GB, slots=64, context=8192)


def test_a_gpus_memory_is_not_ours_to_judge() -> None:
    assert plan(LLAMA_3B, 40 * GB, 8 * GB, gpu=True).slots >= 1
    with pytest.raises(EngineStartError):
        plan(LLAMA_3B, 40 * GB, 8 * GB, gpu=True, gpu_layers=0)


def test_a_model_that_tells_nothing_gets_a_usual_context() -> None:
    assert plan(header(), GB, 8 * GB).context == 4096


@given(
    memory=st.integers(0, 200 * GB),
    weights=st.integers(0, 100 * GB),
    slots=st.one_of(st.none(), st.integers(1, 64)),
    context=st.one_of(st.none(), st.integers(256, 200_000)),
    model=st.sampled_from([SMOL, LLAMA_3B]),
)
def test_what_is_planned_fits(memory: int, weights: int, slots: int | None, context: int | None, model: Header) -> None:
    try:
        found = make_plan(model, weights, EngineSettings(slots=slots, context=context), Machine(2, memory))
    except EngineStartError:
        return
    taken = weights + OVERHEAD + found.slots * found.context * token_bytes(model)
    assert taken + found.cache_mib * 1024 * 1024 <= memory
    assert slots in (None, found.slots)
    assert context is None or found.context >= context


@given(
    weights=st.integers(1, 30 * GB),
    memory=st.integers(GB, 64 * GB),
    part=st.floats(0.3, 1),
    model=st.sampled_from([SMOL, LLAMA_3B]),
    slots=st.none() | st.integers(1, 8),
)
def test_within_less_memory_it_has_fewer_slots_of_the_same_context(
    weights: int, memory: int, part: float, model: Header, slots: int | None
) -> None:
    try:
        whole = make_plan(model, weights, EngineSettings(slots=slots), Machine(2, memory))
    except EngineStartError:
        return
    assert whole.memory <= memory
    needs = least(whole, model, weights, slots=slots)
    assert needs <= whole.memory
    given_ = max(needs, int(whole.memory * part))
    found = within(whole, model, weights, given_)
    assert found.memory <= given_
    assert (found.context, found.threads, found.batch) == (whole.context, whole.threads, whole.batch)
    assert found.slots == slots if slots else whole.slots / 2 <= found.slots <= whole.slots
    taken = weights + OVERHEAD + found.slots * found.context * token_bytes(model) + found.cache_mib * MIB
    assert found.memory == taken


def test_with_all_its_memory_it_is_as_it_was() -> None:
    whole = make_plan(SMOL, GB // 10, EngineSettings(), Machine(2, 16 * GB))
    assert within(whole, SMOL, GB // 10, whole.memory) == whole
