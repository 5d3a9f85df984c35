"""The models over HTTP: lists of them, loading and unloading by hand, and chats that choose one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import jsonschema_rs
import pytest
from tests.api.server import Running
from tests.clients.wire import has_both_shapes, request
from tests.engine.fakes import ALL, ONE, children, fake_home, make, settings_of
from tests.engine.waiting import until

from mecum.app.build import build
from mecum.app.local import served
from mecum.settings.schema import LibrarySettings, ModelSettings, ServerSettings
from mecum.types import Json

T = TypeVar("T")
V1 = "/v1/chat/completions"


@pytest.fixture
def home() -> Iterator[Path]:
    with fake_home("a", "b-q4_k_m", "dead-d", "slow-e") as home:
        yield home


@dataclass
class Client:
    session: aiohttp.ClientSession
    url: str

    async def ask(self, method: str, path: str, body: Json | None = None) -> tuple[int, Any]:
        async with self.session.request(method, self.url + path, json=body) as answer:
            return answer.status, await answer.json()

    async def data(self, method: str, path: str, status: int = 200) -> Any:
        found, body = await self.ask(method, path)
        assert found == status, body
        return body["data"]

    async def chat(self, model: str | None, words: int = 1, pause: float = 0, **more: Any) -> tuple[int, Any]:
        body: Json = {"messages": [{"role": "user", "content": f"{words} {pause}"}], **more}
        return await self.ask("POST", V1, body | ({"model": model} if model else {}))

    async def model(self, name: str) -> Json:
        """What the list says of a model."""
        items = (await self.data("GET", "/api/models"))["items"]
        return next(one for one in items if one["id"] == name)

    async def ready(self) -> None:
        await self.until(lambda: self.ask("GET", "/readyz"), lambda answer: answer[0] == 200)

    async def until(self, ask: Callable[[], Awaitable[T]], met: Callable[[T], bool]) -> None:
        async with asyncio.timeout(30):
            while not met(await ask()):  # noqa: ASYNC110 -- what is waited for happens in another process
                await asyncio.sleep(0.02)


@asynccontextmanager
async def program(
    home: Path, memory: int = ALL, *, server: ServerSettings | None = None, **more: Any
) -> AsyncIterator[Client]:
    """The whole program over the models of a home, in this process: children are started from the main thread alone."""
    parts = {"library": LibrarySettings(embedder="none"), "server": server or ServerSettings()}
    app = build(settings_of(home, memory, **more).model_copy(update=parts))
    try:
        await app.start()
        async with served(app) as address:
            connector = aiohttp.UnixConnector(str(address.unix_socket))
            async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(60)) as session:
                yield Client(session, address.url)
    finally:
        await app.aclose()
    assert children() == []


async def test_the_list(home: Path) -> None:
    async with program(home, models={"b": ModelSettings(aliases=("fast",))}) as client:
        await client.ready()
        _, listing = await client.ask("GET", "/v1/models")
        rows = {one["id"]: one for one in listing["data"]}
        assert listing["data"][0]["id"] == "a", "the default is the first"
        assert {"a", "b", "dead-d", "slow-e"} <= set(rows)
        assert (rows["a"]["loaded"], rows["b"]["loaded"], rows["b"]["context_length"]) == (True, False, 512)
        assert rows["b"]["size"] == (home / "models" / "b-q4_k_m.gguf").stat().st_size
        for name in ("b", "fast", "b-q4_k_m", "B-Q4_K_M.gguf"):
            assert (await client.ask("GET", f"/v1/models/{name}"))[1] == rows["b"]
        found = await client.data("GET", "/api/models")
        one = await client.model("b")
        known = {
            name: one[name] for name in ("state", "default", "aliases", "file", "quantisation", "users", "architecture")
        }
        assert known == {
            "state": "unloaded",
            "default": False,
            "aliases": ["fast"],
            "file": "b-q4_k_m.gguf",
            "quantisation": "Q4_K_M",
            "users": 0,
            "architecture": "llama",
        }
        assert found["items"][0]["default"] is True
        assert found["memory"]["budget"] == ALL
        assert found["memory"]["taken"] == found["items"][0]["memory"]


async def test_the_bodies_are_as_described(home: Path) -> None:
    async with program(home) as client:
        await client.ready()
        _, document = await client.ask("GET", "/openapi.json")
        for method, path, schema in (
            ("GET", "/api/models", "Shelf"),
            ("POST", "/api/models/b/load", "InstalledAnswer"),
            ("GET", "/v1/models", "ModelList"),
            ("GET", "/api/kernel2/health", "Health"),
        ):
            _, body = await client.ask(method, path)
            whole = {"$ref": f"#/components/schemas/{schema}", "components": document["components"]}
            jsonschema_rs.Draft202012Validator(whole).validate(body)


async def test_a_chat_chooses_its_model(home: Path) -> None:
    async with program(home, models={"b": ModelSettings(aliases=("fast",))}) as client:
        for asked, name, said in (
            (None, "a", "a "),
            ("fast", "b", "b-q4_k_m "),
            ("mecum", "a", "a "),
            ("b", "b", "b-q4_k_m "),
        ):
            status, body = await client.chat(asked)
            assert (status, body["model"], body["choices"][0]["message"]["content"]) == (200, name, said)
        _, body = await client.ask("POST", "/api/kernel2/chat", {
            "messages": [{"role": "user", "content": "1 0"}], "model": "gpt-3.5-turbo", "stream": False,
        })  # fmt: skip
        assert body["model"] == "a"
        status, body = await client.chat("gpt-3.5-turbo")
        assert (status, body["error"]["code"]) == (404, "model_not_found")
        assert "a, b, dead-d, slow-e" in body["message"]


async def test_a_model_whose_file_is_called_mecum_takes_that_name_from_nobody(home: Path) -> None:
    (home / "models" / "b-q4_k_m.gguf").rename(home / "models" / "mecum.gguf")
    async with program(home) as client:
        assert (await client.chat("mecum"))[1]["model"] == "a"
        assert (await client.ask("GET", "/v1/models/mecum"))[1]["id"] == "a"
        assert (await client.chat("mecum.gguf"))[1]["model"] == "mecum"


async def test_a_role_names_its_model(home: Path) -> None:
    async with program(home) as client:
        role = {"name": "Bee", "system_prompt": "You are a bee.", "model": "b", "enable_l0_retrieval": False}
        _, made = await client.ask("POST", "/api/kernel2/roles", role)
        metadata = {"role_id": made["data"]["uuid"]}
        assert (await client.chat(None, metadata=metadata))[1]["model"] == "b"
        assert (await client.chat("mecum", metadata=metadata))[1]["model"] == "b"
        assert (await client.chat("a", metadata=metadata))[1]["model"] == "a"


async def test_a_stream_has_comments_while_its_model_loads(home: Path) -> None:
    async with program(home, server=ServerSettings(header_wait=0.1, keepalive=0.1)) as client:
        await client.ready()
        body: Json = {"messages": [{"role": "user", "content": "2 0"}], "model": "slow-e", "stream": True}
        async with client.session.post(client.url + V1, json=body) as answer:
            assert answer.status == 200
            text = (await answer.read()).decode()
    comments, _, events = text.partition("data: ")
    assert comments.count(":") >= 3
    assert events.count("slow-e ") == 2
    assert events.endswith("data: [DONE]\n\n")


async def test_another_choice_of_the_default_holds_at_once(home: Path) -> None:
    chosen = home / "models" / "default"
    chosen.write_text("a.gguf\n")
    async with program(home, model=str(home / "models" / "a.gguf")) as client:
        assert (await client.chat(None))[1]["model"] == "a"
        fresh = chosen.with_name(".fresh")  # as the command writes it
        fresh.write_text("b-q4_k_m.gguf\n")
        fresh.replace(chosen)
        assert (await client.chat(None))[1]["model"] == "b"
        assert (await client.ask("GET", "/v1/models"))[1]["data"][0]["id"] == "b"


async def test_a_model_that_the_settings_name_stays_the_default(home: Path) -> None:
    async with program(home, model="a") as client:
        (home / "models" / "default").write_text("b-q4_k_m.gguf\n")
        assert (await client.chat(None))[1]["model"] == "a"


async def test_loading_and_unloading(home: Path) -> None:
    async with program(home) as client:
        await client.ready()
        assert (await client.data("POST", "/api/models/slow-e/load", 202))["state"] == "loading"
        health = await client.data("GET", "/api/kernel2/health")
        assert {one["id"]: one["state"] for one in health["models"]}["slow-e"] == "loading"
        await client.until(lambda: client.model("slow-e"), lambda model: model["state"] == "loaded")
        assert (await client.data("POST", "/api/models/slow-e/load"))["state"] == "loaded"
        assert (await client.data("POST", "/api/models/slow-e/unload"))["state"] == "unloaded"
        assert (await client.data("POST", "/api/models/mecum/unload"))["state"] == "unloaded", "the default, too"
        assert (await client.ask("GET", "/readyz"))[0] == 200
        assert (await client.chat(None))[1]["model"] == "a"


async def test_how_far_a_model_is_while_it_loads(home: Path) -> None:
    async with program(home) as client:
        await client.ready()
        assert [(await client.model("a"))[key] for key in ("progress", "loading_seconds")] == [None, None]
        begun = await client.data("POST", "/api/models/slow-e/load", 202)
        told = []
        while (model := await client.model("slow-e"))["state"] == "loading":
            health = await client.data("GET", "/api/kernel2/health")
            told += [one for one in (model, health["models"][-1]) if one["id"] == "slow-e"]
            await asyncio.sleep(0.05)
        assert begun["state"] == "loading"
        assert [model[key] for key in ("state", "progress", "loading_seconds")] == ["loaded", None, None]
        shares = [one["progress"] for one in told if one["progress"] is not None]
        seconds = [one["loading_seconds"] for one in told if one["loading_seconds"] is not None]
        assert shares == sorted(shares)
        assert 0 < shares[-1] < 1
        assert seconds == sorted(seconds)
        assert 0.5 < seconds[-1] < 30


async def test_a_second_quantisation_takes_no_name_from_the_first(home: Path) -> None:
    first = home / "models" / "b-q4_k_m.gguf"
    os.utime(first, (1_000, 1_000))
    async with program(home) as client:
        assert (await client.chat("b"))[1]["choices"][0]["message"]["content"] == "b-q4_k_m "
        make(home, "b-q8_0")
        (home / "models" / "default").write_text("b-q8_0.gguf\n")
        for name, content in (("b", "b-q4_k_m "), ("b-q4_k_m", "b-q4_k_m "), ("b-q8_0", "b-q8_0 ")):
            assert (await client.chat(name))[1]["choices"][0]["message"]["content"] == content
        first.unlink()
        answer = (await client.chat("b"))[1]
        assert (answer["model"], answer["choices"][0]["message"]["content"]) == ("b", "b-q8_0 ")
        assert (await client.chat("b-q8_0"))[1]["choices"][0]["message"]["content"] == "b-q8_0 "


async def test_what_answers_is_not_unloaded(home: Path) -> None:
    async with program(home) as client:
        answering = asyncio.create_task(client.chat("b", 60, 0.02))
        await client.until(lambda: client.model("b"), lambda model: model["users"] == 1)
        status, body = await client.ask("POST", "/api/models/b/unload")
        assert (status, body["error"]["code"], body["code"]) == (409, "model_in_use", 409)
        assert (await answering)[1]["choices"][0]["message"]["content"] == "b-q4_k_m " * 60


async def test_one_that_cannot_be_loaded(home: Path) -> None:
    async with program(home) as client:
        await client.ready()
        for _ in range(2):
            status, body = await client.chat("dead-d")
            assert (status, body["error"]["code"]) == (503, "engine_error")
            assert "dead-d cannot be loaded" in body["message"]
            assert "made of cheese" in body["message"]
        health = await client.data("GET", "/api/kernel2/health")
        failed = next(one for one in health["models"] if one["id"] == "dead-d")
        assert failed["state"] == "failed"
        assert "made of cheese" in failed["reason"]
        assert health["status"] == "ok"
        assert (await client.chat("a"))[0] == 200


async def test_many_at_once_in_the_room_of_one(home: Path) -> None:
    async with program(home, ONE) as client:
        names = ["a", "b"] * 15
        answers = await asyncio.gather(*(client.chat(name, 5, 0.01) for name in names))
        assert [body["message"] for status, body in answers if status != 200] == []
        assert [body["model"] for _, body in answers] == names


async def test_a_model_that_is_put_into_the_folder_is_there(home: Path) -> None:
    async with program(home) as client:
        await client.ready()
        make(home, "new")
        assert (await client.chat("new"))[1]["model"] == "new"
        (home / "models" / "new.gguf").unlink()
        assert (await client.chat("new"))[0] == 404
        assert "new" not in [one["id"] for one in (await client.data("GET", "/api/models"))["items"]]
        await until(lambda: len(children()) == 1)


@pytest.mark.parametrize("what", ["load", "unload"])
def test_a_model_that_is_not_there(server: Running, what: str) -> None:
    for name in ("nobody", "..", "%2e%2e%2fdefault", "x" * 3000):
        error = has_both_shapes(request(server.url, "POST", f"/api/models/{name}/{what}"), 404)
        assert len(error["message"]) < 400


def test_an_engine_that_keeps_its_models(server: Running) -> None:
    assert request(server.url, "POST", "/api/models/scripted/load").json()["data"]["state"] == "loaded"
    error = has_both_shapes(request(server.url, "POST", "/api/models/scripted/unload"), 400)
    assert error["code"] == "unsupported_parameter"
    items = request(server.url, "GET", "/api/models").json()["data"]["items"]
    assert [(one["id"], one["default"], one["file"], one["state"]) for one in items] == [("scripted", True, None, "loaded")]
