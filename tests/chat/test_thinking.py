"""What a model thinks aloud is split off however its text is cut; a text without a thought comes through unchanged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from mecum.chat.thinking import split
from mecum.types import Delta, Usage

CASES: dict[str, tuple[str, str, str]] = {
    "a thought": ("<think>\nIt is 4.\n\nSure.\n</think>\n\nFour.\n", "It is 4.\n\nSure.", "Four.\n"),
    "on one line": ("<think>a < b</think>Four", "a < b", "Four"),
    "an empty one": ("<think>\n\n</think>\n\nFour", "", "Four"),
    "only a thought": ("<think>Hm", "Hm", ""),
    "spaces before it": ("\n <think>Hm</think> Four", "Hm", "Four"),
    "tags in the answer": ("<think>Hm</think>Write <think> and </think>.", "Hm", "Write <think> and </think>."),
    "another tag in it": ("<think>a </thin> <b></think>Four", "a </thin> <b>", "Four"),
}
TEXTS = ("Four.", "  Four", "<thinking>is no tag</thinking>", "<b>", "I <think>so</think>", "<thi", "\n", "")


def run(batches: Sequence[Sequence[Delta]], *, opened: bool = False) -> list[Delta]:
    async def said() -> AsyncIterator[Sequence[Delta]]:
        for batch in batches:
            yield batch

    async def collect() -> list[Delta]:
        return [delta async for batch in split(said(), opened=opened) for delta in batch]

    return asyncio.run(collect())


def read(*pieces: str, opened: bool = False) -> tuple[str, str]:
    """Return thought and answer."""
    usage = Delta(usage=Usage(1, 1))
    deltas = run([*([Delta(piece)] for piece in pieces), [Delta(finish_reason="stop")], [usage]], opened=opened)
    assert [delta.finish_reason for delta in deltas if delta.finish_reason] == ["stop"]
    assert deltas[-1] == usage
    thought = "".join(delta.reasoning or "" for delta in deltas)
    order = [bool(delta.content) for delta in deltas if delta.content or delta.reasoning]
    assert order == sorted(order)  # first the thought, then the answer
    return thought, "".join(delta.content or "" for delta in deltas)


@pytest.mark.parametrize("case", CASES)
def test_a_thought_cut_at_every_place(case: str) -> None:
    text, thought, answer = CASES[case]
    assert read(*text) == (thought, answer)
    for cut in range(len(text) + 1):
        assert read(text[:cut], text[cut:]) == (thought, answer)


@pytest.mark.parametrize("case", CASES)
def test_a_thought_that_the_prompt_has_opened(case: str) -> None:
    text, thought, answer = CASES[case]
    rest = text.partition("<think>")[2]
    for cut in range(len(rest) + 1):
        assert read(rest[:cut], rest[cut:], opened=True) == (thought, answer)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_without_a_thought_is_unchanged(text: str) -> None:
    expected = ("", text if text.strip() else "")
    assert read(*text) == expected
    for cut in range(len(text) + 1):
        assert read(text[:cut], text[cut:]) == expected


def test_nothing_is_held_back_longer_than_it_must_be() -> None:
    thought = [[Delta("<think>a b")], [Delta(" c")], [Delta("</think>d")], [Delta("e")]]
    assert run(thought) == [Delta(reasoning="a b"), Delta(reasoning=" c"), Delta("d"), Delta("e")]
    assert run([[Delta("Hel")], [Delta("lo <")]]) == [Delta("Hel"), Delta("lo <")]


def test_what_the_engine_has_split_passes() -> None:
    call = [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    batches = [[Delta()], [Delta(reasoning="a")], [Delta("<think>b")], [Delta(tool_calls=call)]]
    for opened in (False, True):
        assert run(batches, opened=opened) == [delta for batch in batches for delta in batch]


def test_choices_are_split_apart() -> None:
    batches = [[Delta("<think>a", 1), Delta("b", 0)], [Delta("</think>c", 1), Delta("<think>", 0)]]
    assert run(batches) == [Delta(None, 1, "a"), Delta("b", 0), Delta("c", 1), Delta("<think>", 0)]
