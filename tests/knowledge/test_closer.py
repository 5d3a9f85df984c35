"""Whether one sentence of the best passages stands out."""

from __future__ import annotations

import numpy as np
import pytest

from mecum.knowledge.closer import CHARACTERS, OPEN, SENTENCES, Sentence, is_open, judged, looked_at
from mecum.knowledge.fuse import Spread, Usual
from mecum.knowledge.hits import Scored
from mecum.store.values import Found, Passage

SPREAD = Spread.of(0.77, 0.022, 1000, Usual(0.77, 0.022))


def scored(
    score: float,
    text: str = "One. Two is longer. Three is longer still.",
    *,
    context: str = "",
    coverage: float = 0.0,
    foreign: bool = False,
) -> Scored:
    passage = Passage("c", "d", 0, text, context, {}, None)
    return Scored(Found(1, passage, "default", "a.md", "A", "md", None), score, frozenset(), coverage, foreign)


def dots(*deviations: float) -> np.ndarray:
    return np.array([0.77 + 0.022 * one for one in deviations], np.float32)


def sentences(*places: int) -> list[Sentence]:
    return [Sentence("…", place) for place in places]


def test_it_is_taken_where_the_first_judgement_leaves_it_open() -> None:
    assert is_open([scored(0.01), scored(0.0)])
    assert not is_open([scored(0.01), scored(OPEN[1])])
    assert not is_open([scored(OPEN[0])])
    assert is_open([scored(OPEN[0], foreign=True)])
    assert not is_open([])


def test_a_sentence_that_stands_out_makes_its_passage_answer_and_no_other() -> None:
    ranked = [scored(0.01), scored(0.008), scored(0.002)]
    found = judged(ranked, sentences(0, 1, 0, 1), dots(-1, 4, -1, 0), SPREAD)
    assert found[1].score > 0.3
    assert [found[0].score, found[2].score] == pytest.approx([0.01, 0.002])


def test_where_none_stands_out_all_count_a_little_less() -> None:
    ranked = [scored(0.3), scored(0.12)]
    found = judged(ranked, sentences(0, 0, 1, 1), dots(2, 2, 1.9, 2.1), SPREAD)
    assert 0.2 < found[0].score < 0.3
    assert 0.07 < found[1].score < 0.12


def test_in_another_language_the_sentence_alone_tells_in_a_library_that_is_not_large() -> None:
    def score(passages: int, *, foreign: bool) -> float:
        spread = Spread.of(0.77, 0.022, passages, Usual(0.77, 0.022))
        return judged([scored(0.001, foreign=foreign)], sentences(0, 0, 0, 0), dots(-1, 2.6, -1, 0), spread)[0].score

    assert score(5, foreign=False) < 0.1 < score(5, foreign=True)
    assert score(1000, foreign=True) < 0.1


def test_a_name_that_is_looked_for_by_itself_loses_nothing() -> None:
    found = judged([scored(0.14, coverage=1.0)], sentences(0, 0, 0), dots(2, 2, 2), SPREAD)
    assert found[0].score == pytest.approx(0.14)


def test_what_draws_all_sentences_alike_says_nothing() -> None:
    places = sentences(*([0] * 7))
    plain, drawn = (
        judged([scored(0.02)], places, dots(*some), SPREAD)[0].score for some in ((3, *([0] * 6)), (6, *([5.5] * 6)))
    )
    assert plain > 5 * drawn


def test_small_talk_stands_near_some_sentence_of_every_library() -> None:
    found = [judged([scored(0.02)], sentences(0, 0, 0), dots(4, 0, 0), SPREAD, talk=talk)[0].score for talk in (0.0, 2.0)]
    assert found[0] > 0.1 > found[1]


def test_of_many_sentences_those_that_cover_the_question_are_looked_at() -> None:
    text = " ".join(f"Sentence number {number} is about nothing." for number in range(20)) + " The press went to Kurt."
    looked = looked_at([scored(0.01, text, context="Diary")], lambda part: float("press" in part))
    assert len(looked) == SENTENCES
    assert sum(len(one.embedded) for one in looked) <= CHARACTERS
    assert looked[0] == Sentence("Diary\nThe press went to Kurt.", 0)


def test_long_sentences_are_looked_at_as_far_as_there_is_time() -> None:
    long = " ".join(f"{'a word ' * 30}{number}." for number in range(8))
    looked = looked_at([scored(0.01, f"{'endless ' * 400}. Short one here.")], len)
    assert [len(one.embedded) for one in looked] == [CHARACTERS]
    looked = looked_at([scored(0.01, f"{long} The press went to Kurt.")], lambda part: -len(part))
    assert [len(one.embedded) < 250 for one in looked] == [True] * 3


def test_passages_of_one_sentence_have_said_all() -> None:
    assert looked_at([scored(0.01, "Only this is here"), scored(0.01, "这里只有一句话。")], lambda _: 0.0) == []
    assert {one.place for one in looked_at([scored(0.01, "Only this is here"), scored(0.01)], lambda _: 0.0)} == {0, 1}


def test_lines_of_a_list_and_scripts_without_spaces_are_told_apart() -> None:
    looked = looked_at(
        [scored(0.01, "- Kurt: press, 400\n- Vera: apples, 12 kilos\n热水器换了新的一台。发票放在书桌第二个抽屉里。")],
        lambda _: 0.0,
    )
    assert [one.embedded for one in looked] == [
        "- Kurt: press, 400",
        "- Vera: apples, 12 kilos",
        "热水器换了新的一台。",
        "发票放在书桌第二个抽屉里。",
    ]
