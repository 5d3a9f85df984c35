"""Vectors in memory: what is found is exact, and follows the rows."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mecum.knowledge.matrix import Matrix, _floats
from mecum.store.values import Changes

DIMENSION = 96


def rows(number: int, seed: int = 0, dimension: int = DIMENSION) -> NDArray[np.float32]:
    array = np.random.default_rng(seed).standard_normal((number, dimension)).astype(np.float32) + 0.5
    return array / np.linalg.norm(array, axis=1, keepdims=True)


def changes(
    vectors: NDArray[np.float32],
    *,
    seq: int = 1,
    first: int = 1,
    whole: bool = True,
    dropped: tuple[int, ...] = (),
    owner: str = "ann",
) -> Changes:
    """Rows numbered from `first`, ten to a document, a day apart."""
    keys = np.arange(first, first + len(vectors))
    owners = (owner,) * len(keys)
    return Changes(seq, "toy", whole, dropped, keys, keys // 10, keys * 86_400.0, owners, vectors.astype(np.float16))


def filled(vectors: NDArray[np.float32]) -> Matrix:
    matrix = Matrix()
    matrix.apply(changes(vectors))
    return matrix


def truth(vectors: NDArray[np.float32], question: NDArray[np.float32], k: int) -> list[int]:
    return (np.argsort(-(vectors.astype(np.float16).astype(np.float32) @ question))[:k] + 1).tolist()


@pytest.mark.parametrize("number", [1, 7, 2000])
def test_few_vectors_are_all_compared(number: int) -> None:
    vectors, question = rows(number), rows(1, seed=1)[0]
    nearest = filled(vectors).nearest(question, 10)
    assert nearest.passages.tolist() == truth(vectors, question, 10)
    assert np.allclose(nearest.scores, np.sort(vectors @ question)[::-1][:10], atol=1e-3)


def test_the_quick_look_loses_next_to_nothing() -> None:
    vectors = rows(10_000, dimension=384)
    matrix = filled(vectors)
    found = wanted = 0
    for question in rows(10, seed=2, dimension=384):
        found += len({*matrix.nearest(question, 10).passages.tolist()} & {*truth(vectors, question, 10)})
        wanted += 10
    assert found / wanted >= 0.99


def test_filters_by_document_and_date() -> None:
    vectors, question = rows(5000), rows(1, seed=1)[0]
    matrix = filled(vectors)
    keys = matrix.nearest(question, 50, documents=np.array([3, 400])).passages
    assert {*keys.tolist()} == {*range(30, 40), *range(4000, 4010)}
    keys = matrix.nearest(question, 50, since=100 * 86_400.0, until=109 * 86_400.0).passages
    assert {*keys.tolist()} == {*range(100, 110)}
    most = matrix.nearest(question, 10, documents=np.arange(100, 500)).passages  # enough for the quick look
    allowed = vectors.copy()
    allowed[:999] = -1
    assert most.tolist() == truth(allowed, question, 10)


def test_rows_come_and_go_with_their_documents() -> None:
    vectors, question = rows(3000), rows(1, seed=1)[0]
    matrix = Matrix()
    matrix.apply(changes(vectors[:50]))
    for first in range(50, 3000, 450):
        part = vectors[first : first + 450]
        matrix.apply(changes(part, first=first + 1, whole=False, seq=first))
    assert matrix.nearest(question, 20).passages.tolist() == truth(vectors, question, 20)
    gone = matrix.nearest(question, 1).passages[0] // 10
    matrix.apply(changes(rows(0), seq=9999, whole=False, dropped=(int(gone),)))
    assert gone not in matrix.nearest(question, 100).passages // 10
    assert (len(matrix), matrix.seq) == (2990 if gone else 2991, 9999)
    fresh = filled(vectors)
    fresh.apply(changes(rows(0), whole=False, dropped=(int(gone),)))
    assert matrix.nearest(question, 50).passages.tolist() == fresh.nearest(question, 50).passages.tolist()


def test_a_replaced_document_has_its_new_rows_alone() -> None:
    vectors = rows(40)
    matrix = filled(vectors)
    new = rows(1, seed=5)
    row = (np.array([900]), np.array([2]), np.array([np.nan]), ("ann",), new.astype(np.float16))
    matrix.apply(Changes(2, "toy", False, (2,), *row))
    assert matrix.nearest(new[0], 1).passages.tolist() == [900]
    assert len(matrix) == 31
    assert not {*range(20, 30)} & {*matrix.nearest(new[0], 50).passages.tolist()}


def test_another_embedders_rows_replace_all() -> None:
    matrix = filled(rows(40))
    matrix.apply(changes(rows(5, dimension=16), seq=2))
    assert len(matrix) == 5
    assert matrix.nearest(rows(1, seed=1, dimension=16)[0], 9).passages.size == 5


def test_mean_and_deviation_are_those_of_a_scan() -> None:
    vectors, question = rows(3000), rows(1, seed=1)[0]
    matrix = filled(vectors)
    matrix.apply(changes(rows(0), whole=False, dropped=(1, 2), seq=2))
    scan = np.delete(vectors, slice(9, 29), axis=0) @ question
    assert matrix.moments(question, "ann") == pytest.approx((2980, scan.mean(), scan.std()), abs=1e-4)
    assert Matrix().moments(np.zeros(0, np.float32), "ann") == (0, 0.0, 0.0)


def test_every_owner_has_moments_of_their_own() -> None:
    vectors, question = rows(200), rows(1, seed=1)[0]
    matrix = filled(vectors)
    before = matrix.moments(question, "ann")
    matrix.apply(changes(-rows(500, seed=9), first=1001, whole=False, seq=2, owner="ben"))
    assert matrix.moments(question, "ann") == before
    passages, mean, _ = matrix.moments(question, "ben")
    assert (passages, mean < 0 < before.mean) == (500, True)
    matrix.apply(changes(rows(0), whole=False, seq=3, dropped=tuple(range(100, 151))))
    assert matrix.moments(question, "ben") == (0, 0.0, 0.0)
    assert (matrix.moments(question, "ann"), len(matrix)) == (before, 200)


def test_scores_of_certain_passages() -> None:
    vectors, question = rows(100), rows(1, seed=1)[0]
    scores = filled(vectors).scores(question, np.array([7, 5000, 1]))
    assert scores[[0, 2]] == pytest.approx((vectors @ question)[[6, 0]], abs=1e-3)
    assert np.isnan(scores[1])
    assert filled(rows(0)).scores(question, np.array([7])).tolist() == pytest.approx([np.nan], nan_ok=True)


def test_halves_become_floats_exactly() -> None:
    every = np.arange(65_536, dtype=np.uint16).view(np.float16)
    finite = every[np.isfinite(every)]
    assert (_floats(finite) == finite.astype(np.float32)).all()
