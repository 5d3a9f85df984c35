"""How scores become ranks and relevance."""

from __future__ import annotations

import pytest

from mecum.knowledge.fuse import Match, Spread, Usual, first_look, relevance, trust_in_words

E5 = Usual(0.77, 0.022)
SPREAD = Spread.of(0.75, 0.022, 1000, E5)


def order(dots: dict[int, float], words: dict[int, float], *, spread: Spread | None, coverage: float) -> list[int]:
    firsts = first_look(dots, words, spread=spread, trust=trust_in_words(coverage, spread))
    return sorted(firsts, key=lambda key: -firsts[key].score)


def test_both_sides_count_where_the_words_cover_the_question() -> None:
    dots = {1: 0.84, 2: 0.80, 3: 0.76}
    assert order(dots, {2: 9.0, 3: 3.0}, spread=SPREAD, coverage=0.8) == [2, 1, 3]


def test_without_common_words_vectors_rank_alone() -> None:
    assert order({1: 0.84, 2: 0.80, 3: 0.79}, {3: 9.0}, spread=SPREAD, coverage=0.05) == [1, 2, 3]


def test_without_vectors_keywords_rank() -> None:
    assert order({}, {1: 2.0, 2: 9.0}, spread=None, coverage=0.0) == [2, 1]
    assert order({}, {}, spread=None, coverage=0.0) == []


def test_a_passage_without_a_vector_is_neither_first_nor_last_for_that() -> None:
    words = {1: 9.0, 2: 9.0, 3: 9.0, 4: 1.0, 5: 1.0, 6: 1.0}
    dots = {1: 0.87, 3: 0.76, 4: 0.87, 6: 0.75}  # 2 and 5 have no vector yet
    assert order(dots, words, spread=SPREAD, coverage=0.9) == [1, 2, 4, 3, 5, 6]


def test_relevance_grows_with_nearness_and_coverage_and_is_a_share() -> None:
    values = [relevance(dot, Match(covered, 0.8), spread=SPREAD) for dot, covered in ((0.7, 0.0), (0.8, 0.3), (0.86, 0.9))]
    assert values == sorted(values)
    assert 0 < values[0] < 0.01
    assert 0.9 < values[2] < 1


def test_in_another_language_nearness_alone_tells() -> None:
    near, far = (relevance(dot, Match(0.0, 0.8, foreign=True), spread=SPREAD) for dot in (0.88, 0.80))
    assert near > 0.5 > far
    assert relevance(0.88, Match(0.0, 0.8), spread=SPREAD) < near


def test_what_says_hardly_anything_is_hardly_answered() -> None:
    for foreign in (False, True):
        thanks, question = (relevance(0.85, Match(1.0, sense, foreign=foreign), spread=SPREAD) for sense in (0.2, 0.8))
        assert thanks < question / 2


def test_a_speaker_or_time_that_the_question_names_adds_to_it() -> None:
    for spread in (SPREAD, None):
        plain, said, dated = (
            relevance(0.82, match, spread=spread)
            for match in (Match(0.3, 0.8), Match(0.3, 0.8, label=1.0), Match(0.3, 0.8, date=1.0))
        )
        assert plain < min(said, dated)


def test_a_name_looked_for_by_itself_is_found_by_its_words() -> None:
    far = 0.70
    assert relevance(far, Match(1.0, 0.4), spread=SPREAD) > 0.08 > relevance(far, Match(0.9, 0.4), spread=SPREAD)


def test_a_small_library_is_judged_by_what_is_usual() -> None:
    alone = Spread.of(0.9, 0.0, 1, E5)  # one passage: it is its own mean
    assert alone.deviations(0.9) > 3
    assert Spread.of(0.9, 0.02, 100_000, E5).mean == pytest.approx(0.9, abs=1e-3)
    assert Usual.known("multilingual-e5-small-g1-0123", 384) == E5
    assert Usual.known("scripted-1", 64) == Usual(0.0, 0.125)
    assert Usual.known("multilingual-e5-large", 1024) is None
