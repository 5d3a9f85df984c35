"""A name goes on meaning the same model, whatever comes, goes, or becomes the default."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from mecum.engine.models import known_as_of, spellings
from mecum.engine.names import Claim, holders, names_of

STEMS = (
    *("Tiny-Q4_K_M", "Tiny-Q8_0", "tiny", "Tiny", "tiny-q8_0", "Tiny-Q8_0-Q4_0", "My Tiny.Q8_0", "my-tiny"),
    *("モデル", "模型", "model", "model-Q4_0", "x-00001-of-00002", "x-Q8_0-00001-of-00002"),
)
STEPS = st.lists(st.tuples(st.sampled_from(["add", "remove"]), st.sampled_from(STEMS)), max_size=24)


def claim(stem: str, came: float) -> Claim:
    file = Path("/m") / f"{stem}.gguf"
    return Claim((known_as_of(file), *spellings(file)), came)


def meanings(there: dict[str, Claim]) -> dict[str, str]:
    """What every name means now."""
    stems = list(there)
    return {name: stems[place] for name, place in holders(list(there.values())).items()}


@given(STEPS)
def test_a_name_means_the_same_model_as_long_as_that_is_there(steps: Sequence[tuple[str, str]]) -> None:
    there: dict[str, Claim] = {}
    for clock, (what, stem) in zip(itertools.count(), steps, strict=False):
        before = meanings(there)
        if what == "add":
            there.setdefault(stem, claim(stem, clock))
        else:
            there.pop(stem, None)
        after = meanings(there)
        for name, meant in before.items():
            assert meant not in there or after[name] == meant


@given(STEPS)
def test_each_has_a_name_of_its_own_and_keeps_being_called_so(steps: Sequence[tuple[str, str]]) -> None:
    there: dict[str, Claim] = {}
    told: dict[str, set[str]] = {}
    for clock, (what, stem) in zip(itertools.count(), steps, strict=False):
        if what == "add":
            there.setdefault(stem, claim(stem, clock))
        else:
            there.pop(stem, None)
            told.pop(stem, None)
        names = names_of(list(there.values()))
        assert len(set(names)) == len(names)
        for each, name in zip(there, names, strict=True):
            told.setdefault(each, set()).add(name)
        meant = meanings(there)
        assert all(meant[name] == each for each, names in told.items() for name in names)


def test_the_first_one_has_the_short_name_and_the_second_one_has_it_afterwards() -> None:
    first, second = claim("Tiny-Q4_K_M", 1), claim("Tiny-Q8_0", 2)
    assert names_of([second, first]) == ["tiny-q8_0", "tiny"]
    assert names_of([second]) == ["tiny"]
    assert holders([second])["tiny-q8_0"] == 0


def test_what_is_spelled_the_same_without_its_letters_is_told_apart() -> None:
    names = names_of([claim("モデル", 1), claim("模型", 2), claim("модель", 3)])
    assert names[0] == "model"
    assert names_of([claim("модель", 3), claim("模型", 2), claim("モデル", 1)]) == names[::-1]
    assert names_of([claim("模型", 2), claim("модель", 3)]) == ["model", names[2]]


def test_of_two_of_one_time_the_order_is_always_the_same() -> None:
    one, two = claim("Tiny-Q4_K_M", 1), claim("Tiny-Q8_0", 1)
    assert names_of([one, two]) == names_of([two, one])[::-1]
