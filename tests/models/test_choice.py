"""Which of a repository's files is taken."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mecum.models.choice import ORDER, HubFile, best, variants
from mecum.models.fit import need_of

GB = 10**9


def files(*names: str, size: int = GB) -> list[HubFile]:
    return [HubFile(name, size + number) for number, name in enumerate(names)]


def test_only_whole_language_models_are_offered() -> None:
    found = variants(
        files(
            "README.md",
            "T-Q4_K_M.gguf",
            "mmproj-T-F16.gguf",
            "T.imatrix.gguf",
            "Q8_0/T-Q8_0-00001-of-00002.gguf",
            "Q8_0/T-Q8_0-00002-of-00002.gguf",
            "T-Q6_K-00001-of-00002.gguf",  # its second is missing
            "T-Q5_0-00001-of-00002.gguf",
            "T-Q5_0-00002-of-00003.gguf",
            "BF16/model.gguf",
        )
    )
    assert [(one.quantisation, len(one.files)) for one in found] == [("Q4_K_M", 1), ("BF16", 1), ("Q8_0", 2)]


def test_a_variant_has_several_names() -> None:
    (one,) = variants(files("sub/T-Q4_K_M.gguf"))
    assert all(one.is_called(name) for name in ("q4_k_m", "Q4_K_M", "sub/T-Q4_K_M.gguf", "t-q4_k_m.gguf"))
    assert not one.is_called("T")


@pytest.mark.parametrize(
    ("sizes", "memory", "taken"),
    [
        ({"Q4_K_M": 4, "Q8_0": 8, "Q2_K": 2}, 100, "Q4_K_M"),
        ({"Q4_K_M": 4, "Q8_0": 8, "Q2_K": 2}, 4, "Q2_K"),
        ({"Q8_0": 8, "F16": 16, "Q5_K_M": 5}, 100, "Q5_K_M"),
        ({"Q8_0": 8, "F16": 16}, 100, "Q8_0"),
        ({"Q3_K_M": 3, "Q3_K_S": 2}, 4, "Q3_K_M"),
        ({"Q4_K_S": 4, "IQ4_XS": 3}, 100, "Q4_K_S"),
        ({"XYZ": 1}, 100, ""),
        ({"Q4_K_M": 4}, 1, None),
        ({}, 100, None),
    ],
)
def test_the_one_that_fits(sizes: dict[str, int], memory: int, taken: str | None) -> None:
    found = variants(HubFile(f"T-{name}.gguf", size * GB) for name, size in sizes.items())
    chosen = best(found, memory * GB)
    assert (chosen and chosen.quantisation) == taken


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(ORDER), st.integers(1, 40 * GB)), max_size=8), st.integers(0, 64 * GB))
def test_whatever_there_is_what_is_taken_fits(offered: list[tuple[str, int]], memory: int) -> None:
    found = variants(HubFile(f"{number}/T-{name}.gguf", size) for number, (name, size) in enumerate(offered))
    chosen = best(found, memory)
    if chosen is None:
        assert all(need_of(one.size) > memory for one in found)
    else:
        assert need_of(chosen.size) <= memory
