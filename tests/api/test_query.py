"""Query parameters: what each kind takes, and that nothing wrong is passed over."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import Request

from mecum.api.query import SINCE, Parameter, between, many, read, text
from mecum.errors import InvalidRequest

ALL = (
    Parameter("limit", between(1, 1000), "…", default=100),
    Parameter("name", text(5, shortest=1), "…"),
    Parameter("state", many({"type": "string", "enum": ["ready", "failed"]}, most=3), "…"),
    Parameter("path", text(5, shortest=1), "…", required=True),
    SINCE,
)
UNKNOWN = "The address has a parameter that this route does not know. It knows limit, name, state, path, since."


def _read(query: str) -> dict[str, Any]:
    return read(Request({"type": "http", "query_string": query.encode(), "headers": []}), ALL)


def test_defaults() -> None:
    assert _read("path=x") == {"limit": 100, "name": None, "state": None, "path": "x", "since": None}


@pytest.mark.parametrize(
    ("query", "name", "value"),
    [
        ("limit=1000", "limit", 1000),
        ("name=%C3%A9%20%2F", "name", "é /"),
        ("state=ready", "state", ("ready",)),
        ("state=ready&state=failed", "state", ("ready", "failed")),
        ("since=0", "since", 0.0),
        ("since=-1.5e9", "since", -1.5e9),
        ("since=1700000000.25", "since", 1700000000.25),
    ],
)
def test_what_is_given(query: str, name: str, value: object) -> None:
    assert _read(f"path=x&{query}")[name] == value


@pytest.mark.parametrize(
    ("query", "param", "message"),
    [
        ("", "path", "path is missing: it must be a string of 1 to 5 characters."),
        ("path=", "path", "path must be a string of 1 to 5 characters."),
        ("path=123456", "path", "path must be a string of 1 to 5 characters."),
        ("path=a&path=b", "path", "path must be given once."),
        ("path=a&limit=0", "limit", "limit must be a whole number from 1 to 1000."),
        ("path=a&limit=1.0", "limit", "limit must be a whole number from 1 to 1000."),
        ("path=a&limit=1_0", "limit", "limit must be a whole number from 1 to 1000."),
        ("path=a&limit=%D9%A1", "limit", "limit must be a whole number from 1 to 1000."),
        ("path=a&limit=" + "9" * 5000, "limit", "limit must be a whole number from 1 to 1000."),
        ("path=a&limit=1&limit=1", "limit", "limit must be given once."),
        ("path=a&since=nan", "since", "since must be a number from -100000000000 to 100000000000."),
        ("path=a&since=inf", "since", "since must be a number from -100000000000 to 100000000000."),
        ("path=a&since=1e99", "since", "since must be a number from -100000000000 to 100000000000."),
        ("path=a&since=", "since", "since must be a number from -100000000000 to 100000000000."),
        ("path=a&state=done", "state", 'state must be "ready" or "failed".'),
        ("path=a" + "&state=ready" * 4, "state", 'state must be "ready" or "failed".'),
        ("path=a&secret=x", None, UNKNOWN),
    ],
)  # fmt: skip
def test_what_is_wrong(query: str, param: str | None, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        _read(query)
    assert (caught.value.param, caught.value.message) == (param, message)


def test_the_document_says_the_same() -> None:
    limit, *_, path, _ = (parameter.described() for parameter in ALL)
    assert (limit["schema"]["default"], limit["required"], path["required"]) == (100, False, True)
