"""What `mecum.toml` sets for single models, held against the models that are here. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mecum.models.installed import Installed
from mecum.settings.names import MODELS
from mecum.settings.schema import Settings


def without_effect(settings: Settings, installed: Iterable[Installed]) -> Iterator[tuple[str, str]]:
    """Yield what has no effect, and what to do: a table of no model that is here, an alias that is a model's own name.

    Elsewhere (`engine.base_url`) are models that this machine does not know, so there is nothing to say.
    """
    if settings.engine.base_url or settings.engine.scripted:
        return
    here = sorted({one.known_as for one in installed})
    for name, own in settings.models.items():
        if name not in here:
            yield f'[{MODELS}."{name}"] is for a model that is not here.', f"Installed: {', '.join(here) or 'none'}."
        for alias in sorted(set(map(str.lower, own.aliases)) & set(here)):
            yield f"the alias {alias} of {name} is a model that is here, and means that one.", "Choose another alias."
