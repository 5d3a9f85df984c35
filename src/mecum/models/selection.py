"""Which model of those that a repository, or a folder, has is taken: the one that was named, or the one that fits. Pure.

Invariants (`tests/models/test_pull.py`, `test_selection.py`): of a place that is named without a file, the quantisation that
fits the free memory is taken, and the others are told; GGUF comes before ONNX; what chats is never taken in ONNX.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from mecum.errors import InvalidRequest
from mecum.models.choice import HubFile, Variant, best, variants
from mecum.models.encoders import best as best_encoder
from mecum.models.encoders import called, encoders
from mecum.models.fit import need_of
from mecum.models.processor import Processor
from mecum.models.source import file_name

Tell = Callable[[str], None]
ONNX: Final = "onnx"  # asks for that, where a repository has both
_CHATS: Final = "text-generation"  # a repository's task
_LOOK: Final = "Look for a repository whose name ends with GGUF."


@dataclass(frozen=True, slots=True)
class Offer:
    """What a place has. It is `called` so, its files are named behind `prefix`; `task` is what the hub says it is for."""

    called: str
    prefix: str
    files: tuple[HubFile, ...]
    task: str = ""


class Selector:
    """Takes one model of an offer. `memory` is what is free, in bytes; `tell` says a sentence to the person."""

    def __init__(self, *, memory: int, processor: Processor, tell: Tell) -> None:
        self._memory = memory
        self._processor = processor
        self.tell = tell

    def take(self, offer: Offer, what: str | None) -> Variant:
        """Return the model that `what` names, or of all that are there the one that fits.

        Raises:
            InvalidRequest: there is none, or none that fits.
        """
        models, folders = variants(offer.files), encoders(offer.files)
        if what == ONNX:
            models, what = [], None
        if what is None:
            return self._fitting(offer, models or self._embedding(offer, folders))
        return self._named(offer, what, models, folders)

    def _embedding(self, offer: Offer, folders: Sequence[Variant]) -> Sequence[Variant]:
        if folders and offer.task != _CHATS:
            return folders
        if folders:
            raise InvalidRequest(f"{offer.called} is a model that chats, in ONNX. mecum chats with GGUF models. {_LOOK}")
        if any(file.path.endswith(".onnx") for file in offer.files):
            raise InvalidRequest(
                f"{offer.called} has no GGUF model, and its ONNX files are no embedding model that can be used: there is no "
                f"tokenizer.json with a model beside it or in onnx/. {_LOOK}"
            )
        raise InvalidRequest(f"{offer.called} has no GGUF model. {_LOOK}")

    def _fitting(self, offer: Offer, found: Sequence[Variant]) -> Variant:
        onnx = found[0].form == "onnx"
        chosen = best_encoder(found, self._memory, self._processor) if onnx else best(found, self._memory)
        if chosen is None:
            raise InvalidRequest(
                f"None of {offer.called} fits the {_gb(self._memory)} of memory that are free now: {_list(found)}. "
                f"To take one all the same: mecum pull {offer.prefix}{_word(found[0]) or 'FILE'}"
            )
        self.tell(
            f"{_word(chosen)} ({_gb(chosen.size)}) of {offer.called} is taken, of what fits the {_gb(self._memory)} of "
            f"memory that are free now{' and this processor' if onnx else ''}."
        )
        if others := [one for one in found if one is not chosen]:
            self.tell(f"Others there, by {offer.prefix}NAME: {_list(others)}")
        return chosen

    def _named(self, offer: Offer, what: str, models: Sequence[Variant], folders: Sequence[Variant]) -> Variant:
        named = [one for one in models if one.is_called(what)] or called(folders, what, self._processor)
        if not named:
            named = [self._exact(offer, what, [*models, *folders])]
        if len(named) > 1:
            files = ", ".join(one.files[0].path for one in named)
            raise InvalidRequest(f"More than one of {offer.called} is called {what}. Name one of the files: {files}.")
        if need_of(named[0].size) > self._memory:
            self.tell(f"It needs about {_gb(need_of(named[0].size))} of memory, and {_gb(self._memory)} are free now.")
        return named[0]

    def _exact(self, offer: Offer, what: str, found: Sequence[Variant]) -> Variant:
        """Return a file that is no model by its name, as one."""
        exact = [file for file in offer.files if file.path == what]
        if exact and PurePosixPath(what).suffix.lower() == f".{ONNX}":
            raise InvalidRequest(
                f"{offer.called} has {what}, but not as an embedding model: that is an .onnx file at the top or in onnx/, "
                f"and a tokenizer.json. {_LOOK}"
            )
        if not exact:
            has = f"It has: {_list(found)}." if found else f"It has no model that can be used. {_LOOK}"
            raise InvalidRequest(f"{offer.called} has no {what}. {has}")
        file_name(exact[0].path)
        return Variant("", (exact[0],))


def _word(variant: Variant) -> str:
    return variant.quantisation or variant.files[0].path


def _list(found: Sequence[Variant]) -> str:
    return ", ".join(f"{_word(one)} ({_gb(one.size)})" for one in found)


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 5e7 else f"{size / 1e6:.0f} MB"
