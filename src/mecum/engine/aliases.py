"""What a model's name means where the settings give models further names: one rule, for settings and commands.

Invariant (`tests/engine/test_aliases.py`): a name that a model has itself means that one, as with requests (`base.Model`).
"""

from __future__ import annotations

from mecum.engine.models import locate
from mecum.errors import EngineStartError
from mecum.settings.models import name_for
from mecum.settings.schema import Settings


def meant(asked: str, settings: Settings) -> str:
    """Return the name of the model that has this alias, where none is called so itself; else what was asked for."""
    try:
        locate(asked, settings.home)
    except EngineStartError:
        return name_for(settings, asked)
    return asked


def default_model(settings: Settings) -> str | None:
    """Return the model that `engine.model` means; None where it names none."""
    return meant(settings.engine.model, settings) if settings.engine.model else None
