"""What a chat is searched for. Pure; proof: `tests/chat/test_question.py`."""

from __future__ import annotations

from typing import Final

from mecum.chat.grounding import last_user
from mecum.chat.messages import text_of
from mecum.chat.request import ChatRequest
from mecum.types import Message, Query, Role, spelt

LONGEST: Final = 4000  # characters of a turn that are searched for: what a question is stands at its begin or its end


def query_of(request: ChatRequest, role: Role | None) -> Query:
    """Return the last user turn's text, together with the turns it may follow up, within what the request asks for."""
    last = last_user(request.messages)
    earlier = request.messages[: last or 0]
    return Query(
        text=_searched(request.messages[last]) if last is not None else "",
        before=tuple(text for turn in earlier if turn.role == "user" and (text := _searched(turn))),
        k=request.top_k,
        min_score=request.min_score,
        collections=_collections(request.collections, role.collections if role else ()),
    )


def may_search(query: Query, request: ChatRequest) -> bool:
    """Return whether there is a question, and a collection that it may be answered from."""
    return bool(query.text) and (bool(query.collections) or not request.collections)


def _collections(asked: tuple[str, ...], allowed: tuple[str, ...]) -> tuple[str, ...]:
    """Return what the request names within what the role allows (`rulings.md` 4); nothing named means all."""
    if not asked or not allowed:
        return asked or allowed
    names = {spelt(name) for name in allowed}
    return tuple(name for name in asked if spelt(name) in names)


def _searched(turn: Message) -> str:
    text = text_of(turn).strip()
    half = LONGEST // 2
    return text if len(text) <= LONGEST else f"{text[:half]}\n{text[-half:]}"
