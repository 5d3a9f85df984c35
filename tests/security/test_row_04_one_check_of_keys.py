"""Row 4: a route that another check of keys guards, or none. `tests/api/test_access.py` runs every route with every form.

Invariants: one function says who somebody is, and one middleware calls it; a key that was revoked opens nothing a second
later, neither by a new request nor by one that was begun with it.
"""

from __future__ import annotations

import ast
import time
from pathlib import Path

import pytest
from tests.api.people import People
from tests.api.raw import connect, head
from tests.cli.commands import mecum
from tests.security.routes import ENDLESS, Routes

import mecum as package

SOURCE = Path(package.__file__).parent


def calls(name: str) -> set[str]:
    """The files in which a method of that name is called on a keyring, or the Authorization header is named."""
    found = set()
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(f"keys.{name}"):
                found.add(str(file.relative_to(SOURCE)))
    return found


def test_one_function_reads_keys() -> None:
    assert calls("resolve") == {"api/access.py"}
    reading = {
        str(file.relative_to(SOURCE))
        for folder in ("api", "app", "chat", "keys", "roles", "knowledge", "audit")
        for file in (SOURCE / folder).rglob("*.py")
        if 'b"authorization"' in (text := file.read_text()).lower() or 'headers.get("authorization' in text.lower()
    }
    assert reading == {"api/access.py"}


def test_a_revoked_key_opens_nothing_a_second_later(known: People, routes: Routes) -> None:
    """Revoked by the command, in another process, while the server runs."""
    known.make("to go", owner="gone", scopes=["chat", "documents", "admin"])
    assert known.ask("to go", "GET", "/v1/models").status == 200
    done = mecum("keys", "revoke", known.ids["to go"], "--home", known.server.home)
    assert done.returncode == 0, done.stderr
    time.sleep(1)
    for route in routes.documented():
        answer = known.ask("to go", route.method, route.at(), {} if route.takes else None)
        assert answer.status == (200 if route.path in ("/livez", "/readyz", "/api/kernel2/health") else 401), route


@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_a_stream_that_has_no_end_ends_with_its_key(known: People, end: str) -> None:
    """Else a key that leaked, and was revoked, would go on telling of every new document."""
    limits = {"expires": time.time() + 1} if end == "expired" else {}
    known.make(f"listens until {end}", owner="listener", scopes=["documents"], **limits)
    fields = [
        ("Host", "localhost"),
        ("Authorization", f"Bearer {known.keys[f'listens until {end}']}"),
        ("Connection", "close"),
    ]
    with connect(known.server.port, timeout=5) as connection:
        connection.send(head("GET", ENDLESS, fields))
        connection.read_until(b'"counts"')
        if end == "revoked":
            known.data(known.token, "DELETE", f"/api/keys/{known.ids['listens until revoked']}")
        began = time.monotonic()
        while connection.sock.recv(65536):
            assert time.monotonic() - began < 3, "it goes on"
