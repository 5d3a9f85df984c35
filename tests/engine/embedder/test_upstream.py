"""A server elsewhere as the embedder: right, wrong, down and back again."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import struct
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from tests.engine.embedder.vectors import Embedding, embedding, letters
from tests.engine.waiting import until

from mecum.engine.embedder.upstream import SHORTEST, UpstreamEmbedder
from mecum.errors import EngineDown, InvalidRequest
from mecum.settings.schema import LibrarySettings


def settings(url: str, **fields: Any) -> LibrarySettings:
    return LibrarySettings(embedder_url=f"{url}/v1", **fields)


@contextlib.asynccontextmanager
async def started(given: LibrarySettings) -> AsyncIterator[UpstreamEmbedder]:
    embedder = UpstreamEmbedder(given, retry=0.05)
    await embedder.start()
    try:
        yield embedder
    finally:
        await embedder.aclose()


@pytest.fixture
async def both() -> AsyncIterator[tuple[UpstreamEmbedder, Embedding]]:
    async with embedding() as (where, server), started(settings(where.url)) as embedder:
        yield embedder, server


def unit(text: str) -> np.ndarray:
    vector = np.array(letters(text), np.float32)
    return vector / np.linalg.norm(vector)


async def test_questions_passages_and_their_tokens(both: tuple[UpstreamEmbedder, Embedding]) -> None:
    embedder, _ = both
    assert embedder.status().ready
    assert (embedder.name, embedder.dimension) == ("letters", 16)
    assert np.allclose(await embedder.embed_query("abba"), unit("abba"), atol=1e-6)
    texts = [f"text {'a' * number}" for number in range(70)]
    passages = await embedder.embed_passages(texts)
    assert np.allclose(passages, np.stack([unit(text) for text in texts]), atol=1e-6)
    found = await embedder.embed(["one two", "three"], "query")
    assert (sum(found.tokens), len(found.tokens), found.cut) == (3, 2, ())
    assert (await embedder.embed_passages([])).shape == (0, 16)
    await embedder.embed_query("a\ud800b")


async def test_packed_vectors_are_read_too() -> None:
    def packed(text: str) -> str:
        return base64.b64encode(struct.pack("<16f", *letters(text))).decode()

    async with embedding(vector=packed) as (where, _), started(settings(where.url)) as embedder:
        assert np.allclose(await embedder.embed_query("abba"), unit("abba"), atol=1e-6)


async def test_the_model_s_own_forms_or_ours_stand_around_texts() -> None:
    async with embedding(models=["nomic-embed-text:v1.5"]) as (where, server):
        async with started(settings(where.url)) as embedder:
            usual = embedder.identity
            await embedder.embed_query("fox")
            await embedder.embed_passages(["den"])
            assert server.texts[-2:] == ["search_query: fox", "search_document: den"]
        async with started(settings(where.url, embedder_query="Q {text}?")) as embedder:
            await embedder.embed_query("fox")
            await embedder.embed_passages(["den"])
            assert server.texts[-2:] == ["Q fox?", "search_document: den"]
            assert embedder.identity != usual


async def test_whatever_changes_vectors_changes_the_identity() -> None:
    async with embedding(models=["a"]) as (one, server), embedding(models=["a"]) as (other, _):
        seen = []
        for given in (settings(one.url), settings(other.url), settings(one.url, embedder_passage="p {text}")):
            async with started(given) as embedder:
                seen.append(embedder.identity)
        async with started(settings(one.url, embedder_key="k")) as embedder:
            assert embedder.identity == seen[0]  # the key changes no vector
        server.vector = lambda text: letters(text)[:8]
        async with started(settings(one.url)) as embedder:
            seen.append(embedder.identity)
        server.models = ["b"]
        async with started(settings(one.url)) as embedder:
            seen.append(embedder.identity)
        assert len(set(seen)) == 5


@pytest.mark.parametrize(
    ("how", "fields", "reason"),
    [
        ({"key": "right"}, {"embedder_key": "wrong"}, "refuses our key. Check library.embedder_key"),
        ({"key": "right"}, {}, "refuses our key"),
        ({}, {"embedder_model": "other"}, "does not have the model other. Check library.embedder_model"),
        ({"models": ["a", "b"]}, {}, "lists 2 models (a, b). Set library.embedder_model"),
        ({"models": []}, {}, "lists no models. Set library.embedder_model"),
        ({"vector": lambda _: []}, {}, "no vectors. Is the model an embedding model?"),
        ({"vector": lambda _: [0.0, 0.0]}, {}, "no vectors"),
        ({"vector": lambda _: [1e39, 1.0]}, {}, "no vectors"),
        ({"vector": lambda _: "no base64!"}, {}, "no vectors"),
        ({"vector": lambda _: {"a": 1}}, {}, "no vectors"),
        ({"body": b"<html>"}, {}, "not a JSON object"),
        ({"body": b"[]"}, {"embedder_model": "x"}, "not a JSON object"),
        ({"body": b'{"data": []}'}, {"embedder_model": "x"}, "does not hold as many vectors"),
        ({"status": 500}, {}, "failed with status 500"),
        ({"status": 404, "body": b"{}"}, {"embedder_model": "x"}, "has no /v1/embeddings. Check library.embedder_url"),
    ],
)
async def test_what_is_wrong_is_told(how: dict[str, Any], fields: dict[str, Any], reason: str) -> None:
    async with embedding(**how) as (where, _), started(settings(where.url, **fields)) as embedder:
        status = embedder.status()
        assert status.state == "failed"
        assert reason in (status.reason or "")
        assert where.url in (status.reason or "")
        assert embedder.identity == ""
        with pytest.raises(EngineDown):
            await embedder.embed_query("fox")


async def test_a_server_that_was_never_there_and_comes() -> None:
    async with embedding() as (where, _):
        port, url = where.port, where.url
    async with started(settings(url)) as embedder:
        assert "cannot be reached" in (embedder.status().reason or "")
        with pytest.raises(EngineDown):
            await embedder.embed_passages(["a"])
        waiting = asyncio.create_task(embedder.usable())
        await asyncio.sleep(0.1)
        assert not waiting.done()
        async with embedding(port=port):
            await asyncio.wait_for(waiting, 10)
            assert (await embedder.embed_passages(["a"])).shape == (1, 16)


async def test_a_server_that_goes_and_comes_back() -> None:
    gone = contextlib.AsyncExitStack()
    where, _ = await gone.enter_async_context(embedding())
    async with started(settings(where.url)) as embedder:
        before = embedder.identity
        await gone.aclose()
        with pytest.raises(EngineDown, match="cannot be reached"):
            await embedder.embed_query("fox")
        assert embedder.identity == before
        async with embedding(port=where.port):
            await asyncio.wait_for(embedder.usable(), 10)
            assert (await embedder.embed_query("fox")).shape == (16,)
            assert embedder.identity == before


async def test_another_dimension_than_before_is_refused_until_a_restart(
    both: tuple[UpstreamEmbedder, Embedding],
) -> None:
    embedder, server = both
    identity = embedder.identity
    server.vector = lambda text: letters(text)[:8]
    with pytest.raises(EngineDown, match=r"vectors of 8 numbers now, and gave 16 before.*restart mecum"):
        await embedder.embed_query("fox")
    await asyncio.sleep(0.2)  # it is looked at again meanwhile
    assert "8 numbers now" in (embedder.status().reason or "")
    assert embedder.identity == identity
    server.vector = letters
    await asyncio.wait_for(embedder.usable(), 10)
    await embedder.embed_query("fox")


async def test_another_model_than_before_is_refused_until_a_restart() -> None:
    gone = contextlib.AsyncExitStack()
    where, _ = await gone.enter_async_context(embedding())
    async with started(settings(where.url)) as embedder:
        before = embedder.identity
        await gone.aclose()
        with pytest.raises(EngineDown):
            await embedder.embed_query("fox")
        async with embedding(port=where.port, models=["numbers"]) as (_, server):
            await until(lambda: "model numbers now, and had letters" in (embedder.status().reason or ""))
            assert embedder.identity == before
            server.models = ["letters"]
            await asyncio.wait_for(embedder.usable(), 10)


@pytest.mark.parametrize(
    "error",
    [
        {"error": {"code": 500, "message": "input (901 tokens) is too large to process. increase the physical batch size"}},
        {"error": {"code": 400, "message": "This model's maximum context length is 512 tokens", "type": "invalid"}},
        {"error": {"code": 413, "message": "payload too large"}},
    ],
)
async def test_a_text_that_is_too_long_is_shortened_and_holds_up_no_other(error: dict[str, Any]) -> None:
    async with embedding(longest=300, too_long=error) as (where, _), started(settings(where.url)) as embedder:
        texts = ["abc", "d" * 1000, "e" * 250]
        rows = await embedder.embed_passages(texts)
        assert np.allclose(rows, np.stack([unit("abc"), unit("d" * 250), unit("e" * 250)]), atol=1e-6)
        assert np.allclose(await embedder.embed_query("f" * 500), unit("f" * 250), atol=1e-6)
        assert embedder.status().ready
        with pytest.raises(InvalidRequest) as refused:
            await embedder.embed(["d" * 1000], "query")
        assert refused.value.param == "input"
        assert embedder.status().ready


async def test_a_text_that_is_never_taken_costs_its_own_row(caplog: pytest.LogCaptureFixture) -> None:
    refusal = {"error": {"code": 400, "message": "I will not have ffff", "type": "invalid"}}
    async with embedding(longest=20, too_long=refusal) as (where, _), started(settings(where.url)) as embedder:
        rows = await embedder.embed_passages(["abc", "f" * SHORTEST])
        assert np.allclose(rows[0], unit("abc"), atol=1e-6)
        assert not rows[1].any()
    assert "ffff" not in caplog.text


async def test_a_server_that_quotes_what_it_was_sent_is_quoted_to_who_sent_it_alone(
    both: tuple[UpstreamEmbedder, Embedding], caplog: pytest.LogCaptureFixture
) -> None:
    embedder, server = both
    server.longest, server.too_long = 5, {"error": {"code": 500, "message": "no vector of 'my secret'", "type": "x"}}
    with pytest.raises(EngineDown, match="my secret"):
        await embedder.embed_query("my secret")
    assert "failed with status 500" in (embedder.status().reason or "")
    assert "my secret" not in (embedder.status().reason or "") + caplog.text


async def test_a_server_that_takes_nothing_is_down_and_costs_no_row(both: tuple[UpstreamEmbedder, Embedding]) -> None:
    embedder, server = both
    server.longest, server.too_long = 0, {"error": {"code": 400, "message": "quota used up", "type": "invalid"}}
    with pytest.raises(EngineDown, match="quota used up"):
        await embedder.embed_passages(["a", "b"])
    assert embedder.status().state == "failed"
    server.longest = 100
    await asyncio.wait_for(embedder.usable(), 10)


async def test_what_was_asked_when_it_is_closed_ends() -> None:
    async with embedding() as (where, _), started(settings(where.url)) as embedder:
        await embedder.aclose()
        assert embedder.status().state == "stopped"
        with pytest.raises(EngineDown):
            await embedder.embed_query("fox")
