"""How a model would run if it had all the memory that models have, known from its header before it is ever loaded.

Invariant (`tests/engine/test_several.py`): the context that is told of a model is the one that it gets, whatever else is
loaded; only its slots, and what is kept of prompts, give way to others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mecum.engine.inventory import Entry
from mecum.engine.machine import Machine
from mecum.engine.plan import Plan, gb, least, make_plan
from mecum.errors import EngineDown, EngineStartError
from mecum.settings.schema import EngineSettings


@dataclass(frozen=True, slots=True)
class Outlook:
    """`plan` with all the memory; `least` is how many bytes are enough beside other models.

    `fault` says why the model cannot run here at all; the plan then tells what it was trained for, and its weights.
    """

    plan: Plan
    least: int
    fault: EngineStartError | None = None


def outlook_of(entry: Entry, settings: EngineSettings, machine: Machine) -> Outlook:
    """Return a model's outlook where `machine.memory` is what all models together may take."""
    try:
        plan = make_plan(entry.header, entry.size, settings, machine)
    except EngineStartError as error:
        context = entry.header.number("context_length") or 0
        return Outlook(Plan(settings.slots or 1, context, 1, 1, memory=entry.size), entry.size, error)
    needs = least(plan, entry.header, entry.size, slots=settings.slots)
    if plan.fit:  # how much of it lies in a GPU's memory nobody knows beforehand: alone it may take all
        return Outlook(replace(plan, memory=min(plan.memory, machine.memory)), min(needs, machine.memory))
    return Outlook(plan, needs)


def too_large(name: str, outlook: Outlook, room: int) -> EngineDown:
    """Return why a model is not loaded that would need more than the `room` that models have here now, in bytes."""
    return EngineDown(
        f"The model {name} needs about {gb(outlook.least)} of memory, and models may take {gb(room)} here now. Lower its "
        "context or slots, raise engine.memory, choose a smaller model, or end other programs.",
        retry_after=60,
    )
