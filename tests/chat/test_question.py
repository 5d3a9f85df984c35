"""What is searched for: the last thing that the user said, with what came before, within what role and request allow."""

from __future__ import annotations

import pytest
from tests.chat.rooms import asks

from mecum.chat.question import LONGEST, may_search, query_of
from mecum.types import Message, Query, Role

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}


def text(value: str) -> dict[str, str]:
    return {"type": "text", "text": value}


def test_the_last_user_turn_and_those_before_it() -> None:
    chat = ("first?", Message("assistant", "yes"), "second?", "third?", Message("assistant", "hm"), Message("tool", "x"))
    query = query_of(asks(*chat, top_k=3, min_score=0.2), None)
    assert query == Query(text="third?", before=("first?", "second?"), k=3, min_score=0.2)


def test_only_the_text_of_parts() -> None:
    query = query_of(asks(Message("user", (IMAGE,)), Message("user", (text("What is"), IMAGE, text("this? ")))), None)
    assert query == Query(text="What is\nthis?")


def test_a_long_turn_is_searched_for_by_its_ends() -> None:
    query = query_of(asks("x" * 9000, f"begin{'x' * 9000}end"), None)
    for searched in (query.text, *query.before):
        assert len(searched) == LONGEST + 1
    assert query.text.startswith("begin")
    assert query.text.endswith("end")


@pytest.mark.parametrize("messages", [(Message("system", "x"),), (" \n",), (Message("user", (IMAGE,)),)])
def test_where_there_is_no_question_nothing_is_searched(messages: tuple[Message | str, ...]) -> None:
    request = asks(*messages)
    assert not may_search(query_of(request, None), request)


@pytest.mark.parametrize(
    ("asked", "allowed", "searched"),
    [
        ((), (), ()),
        (("a", "b"), (), ("a", "b")),
        ((), ("a", "b"), ("a", "b")),
        (("c", "b", "a"), ("a", "b"), ("b", "a")),
        (("c",), ("a", "b"), None),
        (("Mu\u0308ller",), ("M\u00fcller",), ("Mu\u0308ller",)),
    ],
)
def test_collections(asked: tuple[str, ...], allowed: tuple[str, ...], searched: tuple[str, ...] | None) -> None:
    request = asks("why?", collections=asked)
    query = query_of(request, Role("r", "R", "", collections=allowed))
    assert may_search(query, request) == (searched is not None)
    assert query.collections == (searched or ())
