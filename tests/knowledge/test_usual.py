"""What is usual of an embedder, measured on texts that ship."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mecum.engine.embedder.encoder import Encoder
from mecum.engine.embedder.local import locate
from mecum.engine.embedder.scripted import ScriptedEmbedder
from mecum.knowledge.fuse import Usual
from mecum.knowledge.usual import kept, measured, of_vectors, pairs, usual_of
from mecum.store.sqlite import Sqlite


def test_only_pairs_of_one_language_that_do_not_belong_together_count() -> None:
    questions = np.eye(4, dtype=np.float32)
    passages = np.array([[1, 0.2, 9, 9], [0.4, 1, 9, 9], [9, 9, 1, 0.1], [9, 9, 0.3, 1]], np.float32).T
    usual = of_vectors(["en", "en", "de", "de"], questions, passages)
    assert usual.mean == pytest.approx(0.25)
    assert usual.deviation == pytest.approx(0.119)


def test_the_pairs_are_many_enough_and_of_several_languages() -> None:
    said = [pair.language for pair in pairs()]
    assert all(said.count(language) >= 6 for language in ("en", "de", "zh"))
    assert len({pair.passage for pair in pairs()}) == len(said)


async def test_it_is_measured_once_and_kept(tmp_path: Path) -> None:
    store = Sqlite(tmp_path)
    await store.start()
    embedder = ScriptedEmbedder(dimension=512, identity="another")
    await embedder.start()
    assert await kept("another", 512, store) is None
    usual = await usual_of(embedder, store)
    assert usual == await measured(embedder)
    await embedder.aclose()  # it embeds no more
    assert await usual_of(embedder, store) == usual
    assert await kept("another", 512, store) == usual
    await store.aclose()


@pytest.mark.real_model
def test_of_the_built_in_model_it_is_what_the_floor_was_fitted_with(tmp_path: Path) -> None:
    encoder = Encoder(locate(tmp_path), tmp_path / "a.graph")
    languages, questions, passages = zip(*pairs(), strict=True)
    usual = of_vectors(languages, encoder.embed("query", questions), encoder.embed("passage", passages))
    known = Usual.known("multilingual-e5-small-g1", 384)
    assert known
    assert usual.mean == pytest.approx(known.mean, abs=0.01)
    assert usual.deviation == pytest.approx(known.deviation, abs=0.001)
