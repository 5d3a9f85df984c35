"""What the parts keep for the next start, once they are put together."""

from __future__ import annotations

from pathlib import Path

from tests.knowledge.libraries import Counting, add, answers

from mecum.app.build import build
from mecum.settings.load import load


async def asked(home: Path) -> int:
    """How many questions are embedded for the first one of a process."""
    embedder = Counting()
    library = build(load({"home": home, "engine.scripted": True}, {}).settings, embedder=embedder).library
    await library.start()
    await add(library, "fox.txt", "The fox lives in the wood.")
    assert await answers(library, "Where does the fox live?") == ["fox.txt"]
    await library.aclose()
    return embedder.asked


async def test_only_the_very_first_question_waits_for_the_examples_of_small_talk(tmp_path: Path) -> None:
    assert await asked(tmp_path) > 50
    assert await asked(tmp_path) == 1
