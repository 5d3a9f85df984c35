from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecum.api.personas import RoleBody
from mecum.cli.rolefile import DEFAULTS, FIELDS, read, written
from mecum.errors import InvalidRequest
from mecum.store.values import NewRole
from mecum.types import Json

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_roles = st.fixed_dictionaries(
    {
        "name": st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
        "uuid": st.just("role_a1b2c3"),
        **dict.fromkeys(("description", "system_prompt", "icon"), _texts),
        **dict.fromkeys(("is_active", "enable_l0_retrieval", "enable_l1_retrieval"), st.booleans()),
        "collections": st.lists(_texts, max_size=3),
        "model": st.none() | _texts,
        "temperature": st.none() | st.floats(0, 2),
    }
)


@given(_roles, st.booleans())
def test_a_file_gives_back_its_role(role: Json, as_json: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / ("role.json" if as_json else "role.toml")
        file.write_bytes(written(role, as_json=as_json).encode())
        assert read(file) == role


def test_the_fields_are_the_apis() -> None:
    assert set(FIELDS) == set(RoleBody.model_fields)
    plain = NewRole(name="A")
    assert {name: tuple(value) if isinstance(value, list) else value for name, value in DEFAULTS.items()} == {
        name: getattr(plain, name) for name in DEFAULTS
    }


def test_a_name_is_enough(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('name = "A"\n')
    assert read(tmp_path / "a.toml") == {**DEFAULTS, "name": "A"}


def test_an_answer_of_the_api_is_a_role_file(tmp_path: Path) -> None:
    answer = {**DEFAULTS, "name": "A", "uuid": "u", "id": 3, "create_time": "2025-01-01 00:00:00", "update_time": "x"}
    (tmp_path / "a.JSON").write_text(json.dumps(answer))
    assert read(tmp_path / "a.JSON") == {**DEFAULTS, "name": "A", "uuid": "u"}


def test_a_windows_editors_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b'\xef\xbb\xbfname = "A"\r\nsystem_prompt = """\r\none\r\ntwo"""\r\n')
    assert read(tmp_path / "a.toml")["system_prompt"] == "one\ntwo"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.toml", b"name = ", "not valid TOML"),
        ("a.json", b"{", "not valid JSON"),
        ("a.json", b"[" * 100_000, "not valid JSON"),
        ("a.json", b"[]", "holds no role"),
        ("a.toml", b'system_prompt = "x"', "name is missing"),
        ("a.toml", b'name = "A"\nsystem_promt = "x"', "no field 'system_promt'"),
        ("a.toml", b"\xff\xfe", "not UTF-8"),
        ("a.toml", b'name = "A"\ntemperature = 99999999999999999999', "no role may have"),
        ("a.json", b'{"name": "\\ud800"}', "no role may have"),
        ("a.toml", b"#" * 1024 * 1024 + b"\n", "larger than 1 MiB"),
    ],
)
def test_what_is_no_role_is_said(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidRequest, match=message):
        read(tmp_path / name)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    for file in (tmp_path, tmp_path / "nothing.toml"):
        with pytest.raises(InvalidRequest, match="cannot be read"):
            read(file)
