"""What a passage's text gives away."""

from __future__ import annotations

import pytest

from mecum.knowledge.clues import asking, asks_when, labelled, within


@pytest.mark.parametrize(
    "question",
    [
        "When did she move?",
        "Since when?",
        "Wann war das?",
        "In welchem Jahr?",
        "What year was it?",
        "Quand ?",
        "什么时候去的?",
        "いつ?",
    ],
)
def test_questions_that_want_a_time(question: str) -> None:
    assert asks_when(question)


@pytest.mark.parametrize("question", ["Who was it?", "Whenever", "Was war das?", "What yearning?", "他是谁?"])
def test_questions_that_want_none(question: str) -> None:
    assert not asks_when(question)


def test_how_much_of_a_text_only_asks() -> None:
    assert asking("How are you? What is new?") == 1.0
    assert asking("Anna: Really?") == 1.0
    assert asking("I am well. And you?") == 0.5
    assert asking("你好吗?我很好。") == 0.5
    assert asking("No question at all") == asking("") == asking("  \n") == 0.0


def test_how_much_of_a_text_stands_under_a_label() -> None:
    chat = "Anna: I was there.\nBob: So was I...\nand it rained"
    anna, bob = (labelled(chat, lambda label, name=name: label == name) for name in ("Anna", "Bob"))
    assert 0.35 < anna < 0.5 < bob
    assert anna + bob == 1.0
    assert labelled("小明:我去了", lambda label: label == "小明") == 1.0
    for text in ("at 12:30 we left", "http://localhost/ is it", "no label at all, none: here", ""):
        assert labelled(text, lambda label: label in ("at 12", "12", "http")) == 0.0


def test_a_label_is_named_when_all_its_words_are() -> None:
    question = frozenset({"anna", "street"})
    assert within(["anna"], question)
    assert not within(["anna", "smith"], question)
    assert not within([], question)
