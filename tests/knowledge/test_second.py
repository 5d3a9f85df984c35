"""What the second look makes of passages that are alike at the first."""

from __future__ import annotations

from mecum.knowledge.fuse import First
from mecum.knowledge.second import Seen, second_look

ALIKE = First(2.0, 0.5)
WORDS = frozenset({"river", "house"})


def looked(*seen: Seen, asking: dict[int, float] | None = None, trust: float = 1.0, alone: bool = False) -> dict[int, float]:
    by_key = dict(enumerate(seen))
    firsts = {key: one.first for key, one in by_key.items()}
    return second_look(by_key, firsts, asking or {}, meaning=frozenset({"river"}), trust=trust, alone=alone)


def test_each_clue_counts() -> None:
    plain = Seen(ALIKE, WORDS, 0.5)
    better = (
        Seen(ALIKE, WORDS, 0.9),
        Seen(ALIKE, WORDS, 0.5, label=1.0),
        Seen(ALIKE, WORDS, 0.5, date=1.0),
        Seen(ALIKE, WORDS, 0.5, tells_time=True),
        Seen(First(3.0, 0.5), WORDS, 0.5),
        Seen(First(2.0, 0.9), WORDS, 0.5),
    )
    scores = looked(plain, *better)
    assert all(scores[key] > scores[0] for key in range(1, len(better) + 1))
    assert looked(plain, Seen(ALIKE, WORDS, 0.5, asks=1.0))[1] < looked(plain)[0]


def test_words_that_are_not_trusted_do_not_count() -> None:
    scores = looked(Seen(ALIKE, WORDS, 0.9), Seen(ALIKE, WORDS, 0.1), trust=0.0)
    assert scores[0] == scores[1]


def test_a_good_neighbour_lifts_and_what_follows_a_question_more() -> None:
    good, poor = First(6.0, 1.0), First(0.0, 0.0)
    alone, after, before = (Seen(poor, WORDS, 0.0, before=b, after=a) for b, a in ((None, None), (3, None), (None, 3)))
    scores = looked(alone, after, before, Seen(good, WORDS, 1.0))
    assert scores[1] == scores[2] > scores[0]
    answered = looked(alone, after, before, Seen(good, WORDS, 1.0), asking={3: 1.0})
    assert answered[1] > answered[2] == scores[2]
    assert looked(alone, after, Seen(First(-9.0, 0.0), WORDS, 0.0), Seen(First(-9.0, 0.0), WORDS, 0.0))[1] == scores[0]


def test_the_words_of_the_first_passages_are_looked_for_in_the_others() -> None:
    told = frozenset({"adoption", "agency", "river"})
    first = [Seen(First(6.0, 1.0), told, 1.0) for _ in range(5)]
    rest = [Seen(ALIKE, frozenset({f"w{number}"}), 0.2) for number in range(20)]
    scores = looked(*first, *rest, Seen(ALIKE, frozenset({"adoption", "fee"}), 0.2), Seen(ALIKE, frozenset({"river"}), 0.2))
    assert scores[25] > scores[5] == scores[26]  # what the question says itself is counted already


def test_nothing_in_nothing_out() -> None:
    assert looked() == {}
