"""`mecum models embedder`: what makes the vectors that documents are searched with, and how another one is chosen.

Invariant (`tests/cli/test_models_embedder.py`): what is chosen stands in `models/embedder`, never in the user's own settings
file; only what makes vectors can be chosen.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mecum.app.home import living
from mecum.cli.terminal import note, one_line, say
from mecum.engine.aliases import meant
from mecum.engine.embedder.folder import folders_in
from mecum.engine.embedder.local import NAME
from mecum.errors import InvalidRequest, SettingsError
from mecum.models.installed import Installed
from mecum.models.shelf import Shelf
from mecum.settings.load import CHOSEN_EMBEDDER, Loaded, load
from mecum.settings.wording import show

LOCAL: Final = "local"  # the built-in model


def show_embedder(flags: Mapping[str, Any], config: Path | None) -> None:
    """Tell what makes vectors, and who says so."""
    loaded = load(flags, os.environ, config=config)
    library, origins = loaded.settings.library, loaded.origins
    if library.embedder_url:
        say(f"Embedder: what {show(library.embedder_url)} offers (library.embedder_url: {origins['library.embedder_url']})")
    elif library.embedder == LOCAL:
        say(f"Embedder: {NAME}, the built-in model (mecum models embedder NAME chooses another)")
    elif library.embedder == "none":
        say(f"Embedder: none, search is by keywords only (library.embedder: {origins['library.embedder']})")
    else:
        say(f"Embedder: {one_line(Path(library.embedder).name)} ({origins['library.embedder']})")


def set_embedder(name: str, flags: Mapping[str, Any], config: Path | None) -> None:
    """Choose what makes vectors from now on.

    Raises:
        ModelNotFound: there is no model of that name.
        InvalidRequest: it makes no vectors, or cannot be used.
    """
    choose_embedder(name, load(flags, os.environ, config=config))


def choose_embedder(name: str, loaded: Loaded) -> None:
    """Choose an embedder (`set_embedder`), and say what that does."""
    home = loaded.settings.home
    shelf = Shelf(home)
    called, file = (f"The built-in {NAME}", None) if name in (LOCAL, NAME) else _found(meant(name, loaded.settings), shelf)
    try:
        shelf.set_embedder(file)
    except OSError as error:
        raise SettingsError(f"{shelf.folder} cannot be written: {error.strerror}.") from None
    say(
        f"{one_line(called)} makes vectors from now on. The documents are embedded "
        "anew in the background, by mecum serve; until then they are searched as before."
    )
    now = load({"home": home}, os.environ, config=loaded.file)
    for one in ("library.embedder", "library.embedder_url"):
        if not now.origins[one].startswith(("default", CHOSEN_EMBEDDER.as_posix())):
            note(f"but {one} is set in a stronger place, which wins: {now.origins[one]}.")
    if living(home):
        note("the running server goes on with its own until it is started anew.")


def _found(name: str, shelf: Shelf) -> tuple[str, str]:
    """Return what an embedder on the shelf is called, and its file's or folder's name."""
    folder = next((one.name for one in folders_in(shelf.home) if one.name.lower() == name.lower()), "")
    model = (shelf.at(folder) if folder else None) or shelf.find(name)
    _check(model)
    return model.name, model.file.name


def _check(model: Installed) -> None:
    if model.fault:
        raise InvalidRequest(f"{model.file.name} cannot be used: {model.fault}")
    if model.kind == "chat":
        raise InvalidRequest(f"{model.name} is a chat model: mecum models default {model.file.name} lets it answer.")
    if model.kind == "reranker":
        raise InvalidRequest(f"{model.name} scores pairs of texts, which mecum has no use for.")
