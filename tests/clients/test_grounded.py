"""Answers from a document, through the whole program: on the wire, and as openai-python's users see them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam
from tests.clients.conftest import ADA
from tests.clients.server import Server
from tests.clients.wire import CHAT_ROUTES, V1, asks, deltas, post

SAID = "Ada Lovelace wrote the first program [1]."
MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": f"!say {SAID}"}]
RETRIEVAL: dict[str, Any] = {"metadata": {"enable_l0_retrieval": True}}
SOURCE = {"index", "document_id", "title", "path", "page", "last_page", "heading", "chunk_id", "score", "snippet", "url"}


@pytest.fixture
def client(documented: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{documented.url}/v1", api_key="none", max_retries=0, timeout=30) as made:
        yield made


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize("stream", [True, False])
def test_on_the_wire(documented: Server, path: str, stream: bool) -> None:
    answer = post(documented.url, path, asks(f"!say {SAID}", stream=stream, **RETRIEVAL))
    assert answer.text() == SAID
    first = answer.chunks()[0] if stream else answer.json()
    (source,) = first["sources"]
    assert source.keys() == SOURCE
    assert (source["index"], source["title"], source["path"], source["snippet"]) == (1, "Ada", "ada.md", ADA)
    assert 0 < source["score"] <= 1
    assert source["url"] == f"{documented.url}/#/d/{source['document_id']}/{source['chunk_id']}"
    assert first["retrieval"]["status"] == "ok"
    told = deltas(answer.chunks())[-1] if stream else answer.json()["choices"][0]["message"]
    (annotation,) = told["annotations"]
    citation = annotation["url_citation"]
    assert SAID[citation["start_index"] : citation["end_index"]] == "[1]"
    assert (citation["title"], citation["url"]) == ("Ada", source["url"])


@pytest.mark.parametrize(
    ("metadata", "status"),
    [
        ({"collections": "default, other", "top_k": "1", "min_score": "0.01"}, "ok"),
        ({"collections": ["other"]}, "empty"),
        ({"min_score": 1}, "empty"),
    ],
)
def test_parameters(documented: Server, metadata: dict[str, Any], status: str) -> None:
    body = asks(f"!say {SAID}", metadata={"enable_l0_retrieval": "true", **metadata})
    found = post(documented.url, V1, body).json()
    assert found["retrieval"]["status"] == status
    assert len(found["sources"]) == (status == "ok")


def test_a_question_that_the_document_does_not_answer(documented: Server) -> None:
    found = post(documented.url, V1, asks("How do I bake sourdough bread?", **RETRIEVAL)).json()
    assert (found["sources"], found["retrieval"]["status"]) == ([], "empty")
    assert found["choices"][0]["message"]["content"] == "You said: How do I bake sourdough bread?"


def test_openai_python(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="mecum", messages=MESSAGES, extra_body=RETRIEVAL)
    assert answer.model_extra
    (source,) = answer.model_extra["sources"]
    (annotation,) = answer.choices[0].message.annotations or ()
    span = annotation.url_citation
    assert SAID[span.start_index : span.end_index] == "[1]"
    assert span.url == source["url"]


def test_openai_python_streamed(client: OpenAI) -> None:
    stream = client.chat.completions.create(model="mecum", messages=MESSAGES, extra_body=RETRIEVAL, stream=True)
    first, *_, last = stream
    assert first.model_extra
    assert [source["title"] for source in first.model_extra["sources"]] == ["Ada"]
    assert last.choices[0].delta.model_extra
    assert len(last.choices[0].delta.model_extra["annotations"]) == 1


def test_openai_pythons_stream_helper(client: OpenAI) -> None:
    with client.chat.completions.stream(model="mecum", messages=MESSAGES, extra_body=RETRIEVAL) as stream:
        message = stream.get_final_completion().choices[0].message
    assert message.content == SAID
    (annotation,) = message.annotations or ()
    assert annotation.url_citation.title == "Ada"
