"""The routes of roles, and chats that speak as one, over HTTP."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.api.program import Program, running
from tests.clients.server import serving
from tests.clients.wire import CHAT_ROUTES, KERNEL2, V1, Answer, asks, has_both_shapes, post, request

from mecum.api.personas import MAX_PROMPT
from mecum.types import Json

PATH = "/api/kernel2/roles"
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
SECOND_MES = {
    "id", "uuid", "name", "description", "system_prompt", "icon", "is_active", "enable_l0_retrieval", "enable_l1_retrieval",
    "create_time", "update_time",
}  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def program(home: Path) -> Iterator[Program]:
    with running(home) as program:
        yield program


@pytest.fixture
def server(program: Program) -> Iterator[Program]:
    """The program, without any roles."""
    for role in data(request(program.url, "GET", PATH)):
        request(program.url, "DELETE", f"{PATH}/{role['uuid']}")
    program.engine.prompts.clear()
    return program


def data(answer: Answer) -> Any:
    assert answer.status == 200, answer.body
    body = answer.json()
    assert {name: body[name] for name in ("success", "code", "message")} == {
        "success": True,
        "code": 0,
        "message": "success",
    }
    return body["data"]


def send(server: Program, method: str, path: str, body: Any) -> Answer:
    return request(server.url, method, path, json.dumps(body).encode(), {"Content-Type": "application/json"})


def make(server: Program, name: str = "Guide", **fields: Any) -> Json:
    role: Json = data(send(server, "POST", PATH, {"name": name, **fields}))
    return role


# ---- making, reading, changing, deleting


def test_second_mes_own_calls(server: Program) -> None:
    """As its client sends them: all fields, then a PUT with some, then DELETE."""
    body = {"name": "Guide", "description": "d", "system_prompt": "You guide.", "icon": "compass"}
    made = make(server, **body, enable_l0_retrieval=True, enable_l1_retrieval=False)
    assert set(made) > SECOND_MES
    assert made | body == made
    assert (made["id"], made["is_active"], made["enable_l1_retrieval"]) == (1, True, False)
    assert TIME.fullmatch(made["create_time"])
    assert made["update_time"] == made["create_time"]
    one = f"{PATH}/{made['uuid']}"
    changed = data(send(server, "PUT", one, {"name": None, "description": "new", "icon": None, "is_active": False}))
    assert changed == {**made, "description": "new", "is_active": False, "update_time": changed["update_time"]}
    assert data(request(server.url, "GET", one)) == changed
    assert data(request(server.url, "GET", PATH)) == [changed]
    assert data(request(server.url, "DELETE", one)) == changed
    assert has_both_shapes(request(server.url, "GET", one), 404)["code"] == "role_not_found"


def test_a_name_is_enough(server: Program) -> None:
    made = make(server, "  A  ")
    assert made == {
        "id": made["id"], "uuid": made["uuid"], "name": "A", "description": "", "system_prompt": "", "icon": "",
        "is_active": True, "enable_l0_retrieval": True, "enable_l1_retrieval": True, "collections": [], "model": None,
        "temperature": None, "create_time": made["create_time"], "update_time": made["update_time"],
    }  # fmt: skip


def test_an_id_may_come_along(server: Program) -> None:
    assert make(server, uuid="role_a1b2c3")["uuid"] == "role_a1b2c3"
    error = has_both_shapes(send(server, "POST", PATH, {"name": "B", "uuid": "role_a1b2c3"}), 409)
    assert (error["code"], error["param"]) == ("name_taken", "uuid")
    made = data(send(server, "PUT", f"{PATH}/role_a1b2c3", {"uuid": "other"}))
    assert made["uuid"] == "role_a1b2c3"  # an id is never changed


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_change_touches_what_it_names(server: Program, method: str) -> None:
    made = make(server, collections=["a", "b", "a"], model="m", temperature=1, icon="i")
    assert (made["collections"], made["temperature"]) == (["a", "b"], 1.0)
    one = f"{PATH}/{made['uuid']}"
    time.sleep(1.1)  # `update_time` is in whole seconds
    changed = data(send(server, method, one, {"temperature": 0.5, "system_prompt": ""}))
    assert changed == {**made, "temperature": 0.5, "update_time": changed["update_time"]}
    assert changed["update_time"] > made["update_time"]
    reset = data(send(server, method, one, {"collections": None, "model": None, "temperature": None, "name": None}))
    assert (reset["collections"], reset["model"], reset["temperature"], reset["name"]) == ([], None, None, "Guide")
    assert data(send(server, method, one, {}))["icon"] == "i"


def test_a_name_is_taken_once(server: Program) -> None:
    make(server, "A")
    other = make(server, "B")
    for answer in (
        send(server, "POST", PATH, {"name": " A "}),
        send(server, "PUT", f"{PATH}/{other['uuid']}", {"name": "A"}),
        send(server, "PATCH", f"{PATH}/{other['uuid']}", {"name": "A"}),
    ):
        error = has_both_shapes(answer, 409)
        assert (error["code"], error["param"]) == ("name_taken", "name")
    assert data(send(server, "PUT", f"{PATH}/{other['uuid']}", {"name": "B"}))["name"] == "B"


@pytest.mark.parametrize("uuid", ["nobody", "role_000000", "%2e%2e", "a%2Fb", "%00", "x" * 3000, "'%20OR%201=1--"])
def test_an_unknown_role_is_404(server: Program, uuid: str) -> None:
    for answer in (
        request(server.url, "GET", f"{PATH}/{uuid}"),
        request(server.url, "DELETE", f"{PATH}/{uuid}"),
        send(server, "PUT", f"{PATH}/{uuid}", {}),
        send(server, "PATCH", f"{PATH}/{uuid}", {"name": "A"}),
    ):
        assert has_both_shapes(answer, 404)["code"] in ("role_not_found", "not_found")


FAULTS: list[tuple[Json, str, str]] = [
    ({}, "name", "name is missing: it must be a string of 1 to 100 characters"),
    ({"name": ""}, "name", "name must be a string of 1 to 100 characters"),
    ({"name": " \t"}, "name", "not all blank"),
    ({"name": "x" * 101}, "name", "name must be a string of 1 to 100 characters"),
    ({"name": 5}, "name", "name must be a string"),
    ({"name": None}, "name", "name must be a string"),
    ({"name": "A", "system_prompt": "x" * (MAX_PROMPT + 1)}, "system_prompt", "at most 32768 characters"),
    ({"name": "A", "description": ["x"]}, "description", "a string of at most 2000 characters"),
    ({"name": "A", "icon": "x" * 8193}, "icon", "a string of at most 8192 characters"),
    ({"name": "A", "is_active": "maybe"}, "is_active", "true or false"),
    ({"name": "A", "enable_l0_retrieval": 2}, "enable_l0_retrieval", "true or false"),
    ({"name": "A", "collections": "a"}, "collections", "a list of at most 64 names of collections"),
    ({"name": "A", "collections": ["a"] * 65}, "collections", "a list of at most 64 names of collections"),
    ({"name": "A", "collections": [""]}, "collections.0", "a string of 1 to 128 characters"),
    ({"name": "A", "model": 5}, "model", "a string of at most 256 characters"),
    ({"name": "A", "temperature": 2.1}, "temperature", "a number from 0"),
    ({"name": "A", "temperature": "hot"}, "temperature", "a number from 0"),
    ({"name": "A", "uuid": "a b"}, "uuid", "an id of 1 to 128 letters"),
    ({"name": "A", "uuid": "../x"}, "uuid", "an id of 1 to 128 letters"),
]


@pytest.mark.parametrize(("body", "param", "message"), FAULTS)
def test_what_is_wrong_is_named(server: Program, body: Json, param: str, message: str) -> None:
    error = has_both_shapes(send(server, "POST", PATH, body), 400)
    assert error["param"] == param
    assert message in error["message"]
    assert data(request(server.url, "GET", PATH)) == []


def test_flags_may_be_strings_and_numbers(server: Program) -> None:
    made = make(server, is_active="false", enable_l0_retrieval=0, enable_l1_retrieval="1")
    assert (made["is_active"], made["enable_l0_retrieval"], made["enable_l1_retrieval"]) == (False, False, True)


def test_bodies_are_held_to_what_all_bodies_are(server: Program) -> None:
    assert has_both_shapes(request(server.url, "POST", PATH, b"{}", {"Content-Type": "text/plain"}), 415)
    assert has_both_shapes(post(server.url, PATH, b"{"), 400)
    assert has_both_shapes(post(server.url, PATH, b"[]"), 400)
    assert has_both_shapes(post(server.url, PATH, b" " * (4 * 1024 * 1024 + 1)), 413)
    for method, path, allowed in (("PUT", PATH, "GET, POST"), ("POST", f"{PATH}/x", "DELETE, GET, PATCH, PUT")):
        answer = request(server.url, method, path)
        assert has_both_shapes(answer, 405)
        assert answer.headers["allow"] == allowed
    for path in (PATH + "/", f"{PATH}/a/b"):
        assert has_both_shapes(request(server.url, "GET", path), 404)


# ---- chats


@pytest.mark.parametrize("path", CHAT_ROUTES)
def test_a_chat_speaks_as_the_role(server: Program, path: str) -> None:
    made = make(server, system_prompt="You guide.", temperature=0.75, enable_l0_retrieval=False)
    body = {
        "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "hi"}],
        "metadata": {"role_id": made["uuid"]},
        "stream": False,
    }
    assert post(server.url, path, body).text() == "You said: hi"
    (prompt,) = server.engine.prompts
    assert str(prompt.messages[0].content).startswith("You guide.")
    assert "Be short." in str(prompt.messages[0].content)
    assert prompt.sampling.temperature == 0.75
    post(server.url, path, {**body, "temperature": 0.25})
    assert server.engine.prompts[-1].sampling.temperature == 0.25


@pytest.mark.parametrize("path", [KERNEL2, V1])
def test_inactive_deleted_and_unknown_roles_are_404(server: Program, path: str) -> None:
    made = make(server)
    chat = asks("hi", metadata={"role_id": made["uuid"]})
    assert post(server.url, path, chat).status == 200
    data(send(server, "PATCH", f"{PATH}/{made['uuid']}", {"is_active": False}))
    inactive = has_both_shapes(post(server.url, path, chat), 404)
    data(send(server, "PATCH", f"{PATH}/{made['uuid']}", {"is_active": True}))
    assert post(server.url, path, chat).status == 200
    request(server.url, "DELETE", f"{PATH}/{made['uuid']}")
    deleted = has_both_shapes(post(server.url, path, chat), 404)
    unknown = has_both_shapes(post(server.url, path, asks("hi", metadata={"role_id": "x"})), 404)
    assert inactive == deleted == unknown
    assert unknown["code"] == "role_not_found"


def test_the_roles_own_retrieval_counts_unless_the_request_says(server: Program) -> None:
    on, off = make(server, "On"), make(server, "Off", enable_l0_retrieval=False)

    def looked(role: Json, **metadata: Any) -> bool:
        body = asks("hi", metadata={"role_id": role["uuid"], **metadata}, stream=False)
        return "retrieval" in post(server.url, KERNEL2, body).json()

    assert looked(on)
    assert not looked(off)
    assert not looked(on, enable_l0_retrieval=False)
    assert looked(off, enable_l0_retrieval=True)


def test_a_role_looks_into_its_collections_alone(tmp_path: Path) -> None:
    documents = [
        {"path": name, "collection": name, "text": f"The ketch Aurora, as {name} has it."} for name in ("work", "home")
    ]
    with serving(tmp_path, "--demo", env={"MECUM_LIBRARY_EMBEDDER": "none"}) as server:
        post(server.url, "/api/documents?wait=searchable", {"documents": documents})
        role = data(post(server.url, PATH, {"name": "A", "collections": ["work", "nowhere"]}))

        def found(**metadata: Any) -> set[str]:
            body = asks("Where is the ketch Aurora?", metadata={"role_id": role["uuid"], **metadata}, stream=False)
            answer = post(server.url, KERNEL2, body).json()
            assert answer["retrieval"]["status"] == ("ok" if answer["sources"] else "empty")
            return {source["path"] for source in answer["sources"]}

        assert found() == {"work"}
        assert found(collections=["work", "home"]) == {"work"}
        assert found(collections=["home"]) == set()


def test_the_first_roles_are_there_once(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        first = data(request(program.url, "GET", PATH))
        assert [role["name"] for role in first] == ["Librarian", "Editor", "Tutor"]
        for role in first:
            answer = post(program.url, KERNEL2, asks("hi", metadata={"role_id": role["uuid"]}, stream=False))
            assert answer.text() == "You said: hi"
            data(request(program.url, "DELETE", f"{PATH}/{role['uuid']}"))
    with running(tmp_path) as program:
        assert data(request(program.url, "GET", PATH)) == []


# ---- whatever is sent

_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=3),
    max_leaves=5,
)
_FIELDS = ["name", "uuid", "description", "system_prompt", "icon", "is_active", "collections", "model", "temperature", "x"]


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(_FIELDS), _json, max_size=4), st.sampled_from(["POST", "PUT"]))
def test_any_json(program: Program, body: Json, method: str) -> None:
    answer = send(program, method, PATH if method == "POST" else f"{PATH}/x", body)
    if answer.status != 200:
        assert answer.status in (400, 404, 409)
        has_both_shapes(answer, answer.status)
    elif method == "POST":
        one = f"{PATH}/{data(answer)['uuid']}"
        assert data(request(program.url, "GET", one)) == data(answer)
        data(request(program.url, "DELETE", one))


def test_what_the_document_promises(program: Program, tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{program.url}/openapi.json", "--no-color", "--warnings", "off",
        "--include-path-regex", f"^{PATH}", "--phases", "examples,coverage,fuzzing", "--exclude-checks",
        "positive_data_acceptance", "--continue-on-failure", "--no-shrink", "--generation-deterministic", "--max-examples",
        "10", "--request-timeout", "10",
    ]  # fmt: skip
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr
    assert "Tested: 6" in run.stdout


def test_answers_fit_the_document(server: Program) -> None:
    document = request(server.url, "GET", "/openapi.json").json()
    assert set(document["paths"][PATH]) == {"get", "post"}
    assert set(document["paths"][PATH + "/{uuid}"]) == {"get", "put", "patch", "delete"}

    def validator(name: str) -> Any:
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        return jsonschema_rs.Draft202012Validator(schema)

    for body in ({"name": "A"}, {"name": "A", "collections": ["c"], "model": "m", "temperature": 0.5, "is_active": "true"}):
        validator("RoleBody").validate(body)
    validator("RoleAnswer").validate(send(server, "POST", PATH, {"name": "A"}).json())
    validator("RoleListAnswer").validate(request(server.url, "GET", PATH).json())
    for wrong, _, message in FAULTS:
        if "blank" not in message:
            assert not validator("RoleBody").is_valid(wrong), message
