"""How the engine is to run: slots, context, threads, from the model's header and what the machine has.

Invariants: the slots' contexts are never overcommitted (a shared pool that overflows makes llama.cpp give up every running
answer, `docs/engine.md`), and a plan that does not fit the free memory is refused before anything is started. The defaults
were chosen by measuring; `docs/engine.md` has the tables, `bench/engine_defaults.py` makes them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from mecum.engine.gguf import Header
from mecum.engine.machine import Machine
from mecum.errors import EngineStartError
from mecum.settings.schema import EngineSettings

SLOTS: Final = 4  # more do not raise the throughput of two cores, and each takes memory
STEP: Final = 256  # llama.cpp rounds a slot's context up to this
LEAST: Final = 2048  # tokens; with less no useful chat fits
UNKNOWN: Final = 4096  # tokens, for a model that does not say what it was trained for
MIB: Final = 1024 * 1024  # bytes
OVERHEAD: Final = 256 * MIB  # bytes besides weights and context: the program, its buffers
CACHE: Final = 2048  # MiB at most for prompts that left their slot
SMALL: Final = 500_000_000  # bytes of weights up to which two cores compute 256 tokens in about a second
_F16: Final = 2  # bytes of a number in the context's memory


@dataclass(frozen=True, slots=True)
class Plan:
    """`context` is in tokens, for each slot; `cache_mib` bounds llama.cpp's cache of prompts that left their slot.

    `fit` lets llama.cpp find out how many layers a GPU's memory holds, which costs it a second look at the model. `memory`
    is what all of it takes at most, in bytes; a part of that may be a GPU's. `chat_template` is one that stands in the place
    of the model's own; empty means its own.
    """

    slots: int
    context: int
    threads: int
    batch: int
    gpu_layers: int = 0
    cache_mib: int = 0
    fit: bool = False
    memory: int = 0
    chat_template: str = ""


def make_plan(header: Header, weights: int, settings: EngineSettings, machine: Machine) -> Plan:
    """Return how to run a model whose files have `weights` bytes.

    Raises:
        EngineStartError: it does not fit the free memory.
    """
    token = token_bytes(header)
    elsewhere = machine.gpu and settings.gpu_layers != 0  # a GPU has memory of its own, which llama.cpp looks after
    room = machine.memory - weights - OVERHEAD if not elsewhere else machine.memory
    slots, context = _share(header, settings, room // max(1, token))
    taken = slots * context * token
    if not elsewhere and taken > room:
        raise EngineStartError(_too_little(header.path.name, weights, f"{slots} times {context}", taken, machine.memory))
    cache = _cache(room - taken)
    return Plan(
        slots=slots,
        context=context,
        threads=settings.threads or machine.cores,
        batch=settings.batch or _batch(weights, elsewhere=elsewhere),
        gpu_layers=settings.gpu_layers,
        cache_mib=cache,
        fit=elsewhere,
        memory=weights + OVERHEAD + taken + cache * MIB,
    )


def within(plan: Plan, header: Header, weights: int, memory: int) -> Plan:
    """Return the plan with as many of its slots as so many bytes hold, at least one, each with the context that it has."""
    slot = plan.context * token_bytes(header)
    room = memory - weights - OVERHEAD
    slots = max(1, min(plan.slots, room // max(1, slot)))
    cache = min(plan.cache_mib, max(0, room - slots * slot) // MIB)
    return replace(plan, slots=slots, cache_mib=cache, memory=weights + OVERHEAD + slots * slot + cache * MIB)


def least(plan: Plan, header: Header, weights: int, *, slots: int | None) -> int:
    """Return how many bytes are enough to work with beside other models: for half of the plan's slots, or `slots`."""
    return weights + OVERHEAD + (slots or -(-plan.slots // 2)) * plan.context * token_bytes(header)


def _cache(left: int) -> int:
    return max(0, min(CACHE, left // (4 * MIB)))  # a quarter of what is free then


def token_bytes(header: Header) -> int:
    """Return how much memory one token of context takes: keys and values of all layers, two bytes a number.

    An upper bound: layers that look back only so far (sliding windows) take less.
    """
    layers = header.number("block_count") or 0
    width, heads = header.number("embedding_length") or 0, header.numbers("attention.head_count", layers) or ()
    shared = header.numbers("attention.head_count_kv", layers) or heads
    size = max((width // count for count in heads if count), default=0)
    key = header.number("attention.key_length") or size
    value = header.number("attention.value_length") or size
    return sum(shared) * (key + value) * _F16 if shared else 2 * layers * width * _F16


def _batch(weights: int, *, elsewhere: bool) -> int:
    """Return how many prompt tokens are computed in one go: all other answers pause for that long (`docs/engine.md`)."""
    if elsewhere:
        return 512  # llama.cpp's own: a GPU needs no second for it
    return 256 if weights <= SMALL else 128


def _share(header: Header, settings: EngineSettings, tokens: int) -> tuple[int, int]:
    """Return slots and each slot's context, where memory holds `tokens` of context in all.

    A single chat shall have the model's whole context; what is left over makes more slots. Half of the free memory is left
    to the machine's other programs, unless the settings ask for more or the model needs it.
    """
    whole = header.number("context_length") or UNKNOWN
    half = max(tokens // 2, min(tokens, LEAST))
    wanted = _rounded_up(settings.context) if settings.context else 0
    context = wanted or min(whole, half // (settings.slots or 1))
    slots = settings.slots or max(1, min(SLOTS, half // max(1, context)))
    if not wanted:
        context = max(min(whole, LEAST), context // STEP * STEP)
    return slots, context


def _rounded_up(context: int) -> int:
    return -(-context // STEP) * STEP


def _too_little(name: str, weights: int, context: str, tokens: int, free: int) -> str:
    return (
        f"The model {name} needs about {gb(weights + tokens + OVERHEAD)} of memory ({gb(weights)} for its weights, "
        f"{gb(tokens)} for {context} tokens of context), and {gb(free)} are free. "
        "Lower engine.context or engine.slots, choose a smaller model, or end other programs."
    )


def gb(size: int) -> str:
    """Return a size for people: "4.7 GB"."""
    return f"{size / 1e9:.1f} GB" if size >= 5e7 else f"{size / 1e6:.0f} MB"
