"""A GGUF file as the embedder: the starter model's vectors are poor, but its way is the real one."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from tests.engine.ggufs import LLAMA, Gguf

from mecum.engine.embedder.file import FileEmbedder
from mecum.engine.machine import Machine
from mecum.engine.models import locate
from mecum.errors import EngineDown
from mecum.settings.schema import LibrarySettings

CRASHING = str(Path(__file__).with_name("crashing.py"))
ROOMY = Machine(2, 64_000_000_000)
TIGHT = Machine(2, 600_000_000)  # room for one worker, which is not idle: a busy machine lets it work


def settings(embedder: str | Path, **fields: Any) -> LibrarySettings:
    return LibrarySettings(embedder=str(embedder), **fields)


def tiny(folder: Path, name: str = "tiny.gguf", **values: tuple[str, Any]) -> Path:
    file = folder / name
    file.write_bytes(Gguf(values={**LLAMA, "llama.pooling_type": ("u32", 1), **values}).build())
    return file


async def started(given: LibrarySettings, home: Path, **options: Any) -> FileEmbedder:
    embedder = FileEmbedder(given, home, **{"machine": ROOMY, "program": (CRASHING,), **options})
    await embedder.start()
    return embedder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@contextlib.asynccontextmanager
async def starter(home: Path, machine: Machine = ROOMY, **fields: Any) -> AsyncIterator[FileEmbedder]:
    given = settings(locate(None, home), embedder_pooling="mean", **fields)
    embedder = FileEmbedder(given, home, machine=machine, threads=1)
    await embedder.start()
    try:
        yield embedder
    finally:
        await embedder.aclose()


@pytest.mark.real_model
async def test_questions_and_passages(home: Path) -> None:
    async with starter(home, TIGHT, embedder_tokens=64) as embedder:
        assert embedder.status().ready, embedder.status()
        assert (embedder.name, embedder.dimension) == ("smollm2-135m-instruct", 576)
        texts = ["Bananas are yellow and sweet.", "word " * 200, "", "<|im_start|>system", "a\ud800b"]
        together = await embedder.embed_passages(texts)
        assert together.shape == (5, 576)
        assert np.linalg.norm(together, axis=1) == pytest.approx(1, abs=1e-5)
        alone = np.concatenate([await embedder.embed_passages([text]) for text in reversed(texts[:2])])[::-1]
        assert (together[:2] == alone).all()
        question = await embedder.embed_query("Which fruit is yellow?")
        assert (together @ question)[0] > (together @ question)[1]
        found = await embedder.embed(texts, "passage")
        assert found.cut == (1,)
        assert found.tokens[0] < 10
        assert 50 < found.tokens[1] <= 64


@pytest.mark.real_model
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and Linux' scheduler")
async def test_its_two_workers_and_what_they_may(home: Path) -> None:
    async with starter(home, embedder_tokens=64) as embedder:
        await embedder.embed_query("text")
        await embedder.embed_passages(["text"])
        query, bulk = (psutil.Process(embedder.pids()[name]) for name in ("query", "bulk"))
        assert os.sched_getscheduler(query.pid) == os.SCHED_OTHER
        assert {os.sched_getscheduler(thread.id) for thread in bulk.threads()} == {os.SCHED_IDLE}
        for process in (query, bulk):
            assert process.net_connections("inet") == []
            for connection in process.net_connections("unix"):
                assert not connection.laddr or not os.path.exists(connection.laddr)  # noqa: ASYNC240, PTH110 # nobody can come in
            assert not any(name.startswith("MECUM") for name in process.environ())
        await embedder.aclose()
        assert not query.is_running()
        assert not bulk.is_running()


@pytest.mark.real_model
async def test_what_llama_cpp_cannot_load_is_told(tmp_path: Path) -> None:
    embedder = FileEmbedder(settings(tiny(tmp_path)), tmp_path, machine=ROOMY)
    await embedder.start()
    with pytest.raises(EngineDown, match=r"llama\.cpp cannot load tiny\.gguf"):
        await embedder.embed_query("anything")
    await embedder.aclose()


async def test_whatever_changes_vectors_changes_the_identity(tmp_path: Path) -> None:
    seen = {}
    for name, fields in {
        "plain": {},
        "query": {"embedder_query": "q {text}"},
        "passage": {"embedder_passage": "p {text}"},
        "pooling": {"embedder_pooling": "cls"},
        "tokens": {"embedder_tokens": 64},
    }.items():
        seen[name] = (await started(settings(tiny(tmp_path), **fields), tmp_path)).identity
    tiny(tmp_path, **{"general.name": ("str", "Other")})
    seen["bytes"] = (await started(settings(tmp_path / "tiny.gguf"), tmp_path)).identity
    assert len(set(seen.values())) == len(seen)
    again = await started(settings(tiny(tmp_path, "again.gguf")), tmp_path)
    assert again.identity == seen["plain"]  # its name is no part of it


@pytest.mark.parametrize(
    ("values", "fields", "reason"),
    [
        ({"llama.pooling_type": ("u32", 0)}, {}, "is a chat model, whose vectors find little"),
        ({"llama.pooling_type": ("u32", 4)}, {}, "scores pairs of texts"),
        ({"llama.pooling_type": ("u32", 4)}, {"embedder_pooling": "mean"}, "scores pairs of texts"),
        ({"llama.embedding_length": ("str", "x")}, {}, "does not say how long its vectors are"),
    ],
)
async def test_what_makes_no_vectors_is_refused(
    tmp_path: Path, values: dict[str, Any], fields: dict[str, Any], reason: str
) -> None:
    embedder = await started(settings(tiny(tmp_path, **values), **fields), tmp_path)
    assert embedder.status().state == "failed"
    assert reason in (embedder.status().reason or "")
    assert embedder.identity == ""
    with pytest.raises(EngineDown, match=reason):
        await embedder.embed_query("anything")


async def test_a_chat_model_is_taken_where_the_pooling_is_named(tmp_path: Path) -> None:
    file = tiny(tmp_path, **{"llama.pooling_type": ("u32", 0)})
    assert (await started(settings(file, embedder_pooling="mean"), tmp_path)).status().ready


async def test_what_is_no_model_or_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "no.gguf").write_bytes(b"GGUF and then nothing")
    for name, reason in (
        ("no.gguf", "no.gguf"),
        ("nowhere.gguf", "in {} Set library.embedder".format(tmp_path / "models.")),
    ):
        embedder = await started(settings(tmp_path / name), tmp_path)
        assert embedder.status().state == "failed"
        assert reason in (embedder.status().reason or "")
        assert "engine.model" not in (embedder.status().reason or "")


async def test_a_name_is_looked_for_among_the_models(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    tiny(tmp_path / "models", "Nomic-Embed-Text-v1.5.Q8_0.gguf")
    embedder = await started(settings("nomic-embed-text-v1.5"), tmp_path)
    assert (embedder.name, embedder.dimension) == ("nomic-embed-text-v1.5", 64)
    assert embedder._found.forms
    assert embedder._found.forms.query == "search_query: {text}"


async def test_memory_decides_how_many_workers_there_are(tmp_path: Path) -> None:
    given = settings(tiny(tmp_path))
    two = await started(given, tmp_path, machine=Machine(2, 2_000_000_000))
    assert two._query is not two._bulk
    one = await started(given, tmp_path, machine=Machine(2, 400_000_000))
    assert one._query is one._bulk
    none = await started(given, tmp_path, machine=Machine(2, 100_000_000))
    assert "0.1 GB are free" in (none.status().reason or "")
    for embedder in (two, one):
        await embedder.aclose()


async def test_vectors_of_another_length_than_the_file_says_are_refused(tmp_path: Path) -> None:
    embedder = await started(settings(tiny(tmp_path)), tmp_path)  # the worker's have 384 numbers
    with pytest.raises(EngineDown, match="do not have the 64 numbers"):
        await embedder.embed_query("anything")
    await embedder.aclose()
