"""The numbers of an adding, told news in any order. Times are given, so nothing waits."""

import random

import pytest

from mecum.cli.progress import words
from mecum.cli.tally import Tally


def document(name: str, state: str, *, updated: float = 1, passages: int = 0, size: int = 100) -> dict:
    return {"id": name, "state": state, "updated": updated, "passages": passages, "size": size, "container_id": None}


def counts(passages: int, without: int, embedder: str = "ready") -> dict:
    return {"passages": passages, "without_vector": without, "embedder": {"state": embedder}}


def test_a_document_is_done_when_its_vectors_are_there():
    tally = Tally("ready", began=0)
    tally.expect(2, 200)
    for name in ("a", "b"):
        tally.mine(document(name, "queued"))
    assert (tally.stored, tally.done, sorted(tally.waiting)) == (2, 0, ["a", "b"])
    tally.hear("a", document("a", "searchable", updated=2, passages=3))
    assert (tally.done, tally.passages) == (0, 3)
    tally.hear("a", document("a", "ready", updated=3, passages=3))
    tally.hear("b", document("b", "failed", updated=2))
    assert (tally.done, tally.waiting) == (2, ())


def test_without_an_embedder_searchable_is_as_far_as_it_goes():
    tally = Tally("ready", began=0)
    tally.expect(1, 100)
    tally.mine(document("a", "searchable"))
    assert tally.waiting
    tally.vectors(counts(5, 5, "missing"), 1)
    assert (tally.goal, tally.done, tally.waiting) == ("searchable", 1, ())


def test_news_that_come_before_the_answer_are_kept_and_old_ones_are_not():
    tally = Tally("ready", began=0)
    tally.expect(2, 200)
    tally.hear("a", document("a", "ready", updated=5, passages=2))
    tally.mine(document("a", "queued", updated=1))
    assert tally.done == 1
    tally.hear("b", document("b", "ready", updated=1))  # of its former content
    tally.mine(document("b", "queued", updated=4))
    assert tally.waiting == ("b",)


def test_a_document_that_is_removed_meanwhile_is_waited_for_no_longer():
    tally = Tally("ready", began=0)
    tally.expect(1, 100)
    tally.mine(document("a", "queued"))
    tally.hear("a", None)
    assert tally.waiting == ()


def test_files_that_did_not_go_in_are_done():
    tally = Tally("ready", began=0)
    tally.expect(3, 300)
    tally.lose(3)
    assert (tally.stored, tally.done) == (3, 3)


@pytest.mark.parametrize("seed", range(20))
def test_in_whatever_order_the_news_come_all_is_done_in_the_end(seed):
    dice = random.Random(seed)
    tally = Tally("ready", began=0)
    tally.expect(5, 500)
    news = []
    for name in "abcde":
        life = [
            document(name, state, updated=at) for at, state in enumerate(("queued", "processing", "searchable", "ready"))
        ]
        news.append([("mine", life[0]), *(("hear", one) for one in life[dice.randrange(1, 4) :])])
        if dice.random() < 0.5:  # the answer is late
            news[-1].append(news[-1].pop(0))
    while any(news):
        kind, one = dice.choice([queue for queue in news if queue]).pop(0)
        tally.mine(one) if kind == "mine" else tally.hear(one["id"], one)
    assert (tally.done, tally.waiting) == (5, ())


def test_the_time_left_is_judged_by_the_vectors_made_and_the_files_read():
    tally = Tally("ready", began=0)
    tally.expect(4, 400)
    tally.vectors(counts(1000, 0), 0)  # a library that was there before
    assert tally.left(0) is None
    tally.mine(document("a", "searchable", passages=100))
    tally.mine(document("b", "queued"))
    tally.vectors(counts(1100, 60), 10)  # 40 made in 10 s, 60 are missing, 300 come with what is not read yet
    assert tally.rate(10) == pytest.approx(4)
    assert tally.left(10) == pytest.approx((60 + 300) / 4)


def test_by_keywords_the_time_left_is_judged_by_the_files_read():
    tally = Tally("searchable", began=0)
    tally.expect(4, 400)
    tally.mine(document("a", "searchable", passages=50))
    assert tally.rate(0.5) is None
    assert (tally.rate(5), tally.left(5)) == (10, 15)


def test_the_line_says_what_is_known():
    tally = Tally("searchable", began=0)
    tally.expect(4, 400)
    assert words(tally, 0) == "0 of 4 files, 0 passages"
    tally.mine(document("a", "searchable", passages=50))
    assert words(tally, 5) == "1 of 4 files, 50 passages, 10/s, 15 s left"
    tally = Tally("ready", began=0)
    tally.expect(1, 100)
    tally.mine(document("a", "searchable", passages=50))
    tally.vectors(counts(0, 0), 0)
    tally.vectors(counts(50, 45), 10)
    assert words(tally, 10) == "0 of 1 file, 50 passages, 45 without a vector, 30/min, 1 min 30 s left"
