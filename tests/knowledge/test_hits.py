"""What is shown: near-duplicates dropped, neighbours merged, nothing made up."""

from __future__ import annotations

from mecum.knowledge.hits import LONGEST, Scored, beside, distinct, merged
from mecum.store.values import Found, Passage


def scored(key: int, text: str, *, document: str = "d", position: int | None = None, score: float = 0.5) -> Scored:
    place = key if position is None else position
    passage = Passage(f"p{key}", document, place, text, "", {"page": place + 1, "heading": f"§ {place}"}, None)
    found = Found(key, passage, "default", f"{document}.txt", "Title", "txt", 7.0)
    return Scored(found, score, frozenset(text.split()))


def test_passages_in_a_row_become_one_hit_with_what_they_share_once() -> None:
    shared = "this sentence stands in both of them."
    ranked = [scored(5, f"{shared} C d e f."), scored(4, f"A b. {shared}"), scored(9, "far away")]
    first, second = merged(ranked)
    assert first.text == f"A b. {shared} C d e f."
    assert (first.chunk_id, first.page, first.heading, first.score, first.index) == ("p5", 5, "§ 5", 0.5, 1)
    assert (first.last_page, second.page, second.last_page) == (6, 10, 10)
    assert (second.text, second.index, second.date, second.collection, second.kind) == ("far away", 2, 7.0, "default", "txt")


def test_the_last_page_is_that_of_the_last_passage() -> None:
    over = scored(5, "it goes over the page")
    over.found.passage.place["last_page"] = 7
    assert [(hit.page, hit.last_page) for hit in merged([over, scored(4, "before it")])] == [(5, 7)]
    nowhere = scored(1, "a text")
    nowhere.found.passage.place.clear()
    assert [(hit.page, hit.last_page) for hit in merged([nowhere])] == [(None, None)]


def test_passages_without_overlap_are_put_under_each_other() -> None:
    (hit,) = merged([scored(0, "ends with a"), scored(1, "a begins")])
    assert hit.text == "ends with a\na begins"


def test_a_merged_hit_stays_short() -> None:
    long = "x" * (LONGEST // 2 + 1)
    assert len(merged([scored(0, long), scored(1, long + "y")])) == 2


def test_same_position_in_another_document_is_no_neighbour() -> None:
    assert len(merged([scored(0, "a", document="d"), scored(1, "b", document="e")])) == 2
    found = [scored(1, "a").found, scored(2, "b").found, scored(3, "c", document="e").found]
    assert beside(found) == {1: (None, 2), 2: (1, None), 3: (None, None)}


def test_short_passages_that_differ_in_a_number_both_stay() -> None:
    """The number is what they tell: dropping one would lose it."""
    readings = [
        scored(number, f"meter reading of month {number} was {4000 + number}", document=f"{number}") for number in range(4)
    ]
    assert distinct(readings, 9) == readings


def test_what_says_the_same_as_a_better_one_is_dropped() -> None:
    words = " ".join(f"w{number}" for number in range(30))
    ranked = [scored(1, words), scored(2, f"{words} more", document="copy"), scored(3, "other words"), scored(4, "third")]
    assert [one.found.key for one in distinct(ranked, 2)] == [1, 3]
    assert [one.found.key for one in distinct(ranked, 9)] == [1, 3, 4]
