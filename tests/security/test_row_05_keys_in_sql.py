"""Row 5: SQL in a key. `tests/api/test_access.py` fuzzes the header, `tests/keys/test_ring.py` proves what is kept of a key.

Invariants: no text of SQL in the program has a value in it that somebody sent; whatever stands in the header, on whatever
route, is 401, and the keys are still there; a key's text is shown once.
"""

from __future__ import annotations

import ast
import re
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from tests.api.people import ANN, People
from tests.api.raw import exchange, head
from tests.clients.wire import has_both_shapes
from tests.security.routes import Routes

import mecum

SOURCE = Path(mecum.__file__).parent
INJECTED = [
    "mk-' OR '1'='1",
    "mk-' UNION SELECT hash FROM keys --",
    "mk-'; DROP TABLE keys; --",
    'mk-" OR ""="',
    "mk-%' OR hash LIKE '%",
    "mk-x'/**/OR/**/1=1#",
    "mk-1) OR (1=1",
    "mk-" + "A" * 65_536,
]


@pytest.mark.parametrize("key", INJECTED, ids=lambda key: key[:24])
def test_every_route(known: People, routes: Routes, key: str) -> None:
    for route in routes.documented():
        answer = known.ask(key, route.method, route.at(), {} if route.takes else None)
        if route.path not in ("/livez", "/readyz", "/api/kernel2/health"):
            has_both_shapes(answer, 401)
            assert "sql" not in answer.body.decode().lower(), route
    assert known.ask(ANN, "GET", "/v1/models").status == 200


@pytest.mark.parametrize("value", [b"Bearer mk-\x00", b"Bearer mk-\x01", b"Bearer \xff\xfe", b"Basic YTpi", b"\t"])
def test_bytes_that_no_client_sends(known: People, value: bytes) -> None:
    fields = head("GET", "/v1/models", [("Host", "localhost"), ("Connection", "close")])[:-2]
    answer = exchange(known.server.port, fields + b"Authorization: " + value + b"\r\n\r\n")
    assert answer.status in (400, 401)  # 400: a NUL is no HTTP


def test_names_and_ids_are_bound_too(known: People) -> None:
    """The same in everything else of a key's routes."""
    for name in INJECTED[:4]:
        made = known.data(known.token, "POST", "/api/keys", {"name": name, "owner": "ann"})
        assert made["name"] == name
        assert known.ask(known.token, "DELETE", f"/api/keys/{'%27%20OR%20%271%27=%271'}").status == 404
        known.data(known.token, "DELETE", f"/api/keys/{made['id']}")
    assert known.ask(ANN, "GET", "/v1/models").status == 200


def test_a_keys_text_is_shown_once_and_kept_hashed(known: People) -> None:
    text = known.make("shown once", owner="ann")
    for path in ("/api/keys", "/api/audit", "/api/kernel2/health", "/openapi.json", "/v1/models"):
        body = known.ask(known.token, "GET", path).body.decode()
        assert text not in body
        assert text[3:-4] not in body
    with closing(apsw.Connection(str(known.server.home / "mecum.db"), flags=apsw.SQLITE_OPEN_READONLY)) as database:
        (row,) = database.execute("SELECT * FROM keys WHERE name = 'shown once'").fetchall()
    assert text not in str(row)
    assert sum(isinstance(one, bytes) and len(one) == 32 for one in row) == 1  # its SHA-256


OURS = re.compile(r"_?[A-Z_]+|marks\(.+\)|', '\.join\(_?[A-Z_]+\)|matching|columns?|table|number")


def test_no_sql_is_made_of_what_is_sent() -> None:
    """What an f-string puts into a statement is a constant, question marks, or a name that our own code chose (`rows`)."""
    made: set[tuple[str, str]] = set()
    for file in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.JoinedStr) and _is_sql(node):
                names = {ast.unparse(one.value) for one in node.values if isinstance(one, ast.FormattedValue)}
                made |= {(file.name, name) for name in names if not OURS.fullmatch(name)}
            elif (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and _is_sql(node.left)) or (
                isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "format" and _is_sql(node.func)
            ):
                made.add((file.name, ast.unparse(node)))
    assert made == set()


def _is_sql(node: ast.AST) -> bool:
    texts = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return bool(re.search(r"\b(SELECT|INSERT|UPDATE|DELETE|PRAGMA|WHERE|IN) ", " ".join(texts)))
