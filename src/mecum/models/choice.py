"""Which of a repository's files to take: its quantisations, and the one that fits the machine. Pure.

Invariant (`tests/models/test_choice.py`): only whole models are offered, a split one with all its files; what is no language
model by its name (projectors, importance matrices) never is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, Literal

from mecum.models.facts import quantisation_in
from mecum.models.fit import need_of

# The best first: a four-bit one is what most machines run well; then better ones, while they fit; then smaller ones.
ORDER: Final = tuple(
    "Q4_K_M UD-Q4_K_XL Q4_K_L Q4_K_XL Q4_K_S IQ4_XS IQ4_NL Q4_0 Q4_1 MXFP4 MXFP4_MOE Q4_K Q5_K_M Q5_K_L UD-Q5_K_XL Q5_K_S "
    "Q5_0 Q5_1 Q6_K Q6_K_L UD-Q6_K_XL Q8_0 UD-Q8_K_XL Q3_K_L Q3_K_XL UD-Q3_K_XL Q3_K_M IQ3_M Q3_K_S IQ3_S IQ3_XS IQ3_XXS "
    "Q2_K_L Q2_K UD-Q2_K_XL IQ2_M IQ2_S IQ2_XS IQ2_XXS IQ1_M IQ1_S BF16 F16 FP16 F32 FP32".split()
)
_OTHERS: Final = re.compile(r"mmproj|imatrix|vocab-only|-lora|draft", re.IGNORECASE)
_PART: Final = re.compile(r"-(\d{5})-of-(\d{5})$")
Form = Literal["gguf", "onnx"]


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository. `path` is its place there; `size` in bytes; `sha256` "" where the hub does not know it.

    `git` is what git calls its content (`git.blob_id`): of small files the hub knows that instead.
    """

    path: str
    size: int
    sha256: str = ""
    git: str = ""


@dataclass(frozen=True, slots=True)
class Variant:
    """One quantisation of the model, with all its files in their order; of ONNX, the model itself is the first.

    `spare` are files in which an ONNX model may keep its weights: which of them it does, the model says.
    """

    quantisation: str
    files: tuple[HubFile, ...]
    form: Form = "gguf"
    spare: tuple[HubFile, ...] = ()

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(file.size for file in self.files)

    def is_called(self, name: str) -> bool:
        """Return whether a name means it: its quantisation, or the path or name of a file of the model itself."""
        files = self.files if self.form == "gguf" else self.files[:1]
        named = [name_ for file in files for name_ in (file.path, PurePosixPath(file.path).name)]
        return name.lower() in [self.quantisation.lower(), *map(str.lower, named)]


def variants(files: Iterable[HubFile]) -> list[Variant]:
    """Return what models a repository's files are, the smallest first."""
    groups: dict[str, list[tuple[int, int, HubFile]]] = {}
    for file in files:
        path = PurePosixPath(file.path)
        if path.suffix.lower() != ".gguf" or _OTHERS.search(path.name):
            continue
        found = _PART.search(path.stem)
        number, total = (int(found[1]), int(found[2])) if found else (1, 1)
        groups.setdefault(str(path.with_name(_PART.sub("", path.stem))), []).append((number, total, file))
    whole = [_variant(group) for group in groups.values() if _is_whole(group)]
    return sorted(whole, key=lambda one: (one.size, one.files[0].path))


def best(found: Sequence[Variant], memory: int) -> Variant | None:
    """Return the variant to take where so much memory is free: the first of `ORDER` that fits; None if none does."""
    fitting = [one for one in found if need_of(one.size) <= memory]
    return min(fitting, key=_rank, default=None)


def _rank(variant: Variant) -> tuple[int, int]:
    known = variant.quantisation in ORDER
    return (ORDER.index(variant.quantisation) if known else len(ORDER), variant.size)


def _is_whole(group: Sequence[tuple[int, int, HubFile]]) -> bool:
    totals = {total for _, total, _ in group}
    return len(totals) == 1 and sorted(number for number, _, _ in group) == list(range(1, totals.pop() + 1))


def _variant(group: Sequence[tuple[int, int, HubFile]]) -> Variant:
    files = tuple(file for _, _, file in sorted(group, key=lambda one: one[0]))
    path = PurePosixPath(files[0].path)
    folder = f"-{path.parent.name}" if path.parent.name else ""
    return Variant(quantisation_in(path.stem) or quantisation_in(folder), files)
