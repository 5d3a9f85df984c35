import json
import os
from pathlib import Path

import pytest

from mecum.cli.config import show_config

SECRET = "sk-canary"


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MECUM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MECUM_ENGINE_API_KEY", SECRET)
    monkeypatch.setenv("MECUM_ENGINE_BASE_URL", f"http://me:{SECRET}@127.0.0.1:1/v1")
    (tmp_path / "mecum.toml").write_text("[server]\nport = 9000\nallowed_hosts = ['a.example', 'b.example']\n")


def test_each_line_has_name_value_and_origin(tmp_path, capsys):
    show_config({"home": tmp_path}, None, as_json=False)
    out = capsys.readouterr().out
    lines = {line.split()[0]: line.split(maxsplit=1)[1] for line in out.splitlines()}
    assert lines["server.port"].split(maxsplit=1) == ["9000", f"mecum.toml ({tmp_path})"]
    assert lines["server.host"].split() == ["localhost", "default"]
    assert lines["server.allowed_hosts"].startswith("a.example, b.example ")
    assert lines["home"].split() == [str(tmp_path), "flag", "--home"]
    assert lines["engine.api_key"].split() == ["**********", "MECUM_ENGINE_API_KEY"]
    assert lines["engine.base_url"].split() == ["http://***@127.0.0.1:1/v1", "MECUM_ENGINE_BASE_URL"]
    assert SECRET not in out


def test_json_is_for_programs(tmp_path, capsys):
    show_config({"home": tmp_path}, None, as_json=True)
    out = capsys.readouterr().out
    shown = json.loads(out)
    assert shown["file"] == str(tmp_path / "mecum.toml")
    assert shown["settings"]["server.port"] == {"value": 9000, "origin": f"mecum.toml ({tmp_path})"}
    assert shown["settings"]["server.allowed_hosts"]["value"] == ["a.example", "b.example"]
    assert shown["settings"]["engine.model"] == {"value": None, "origin": "default"}
    assert SECRET not in out


def test_what_is_set_for_one_model_is_shown_with_its_origin(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MECUM_ENGINE_THREADS", "1")
    template = "'''{% for m in messages %}\n{{ m.content }}{% endfor %}'''"
    table = f"[models.'Qwen3-4B']\naliases = ['a', 'b']\nthreads = 2\ntemperature = 0.7\nchat_template = {template}\n"
    (tmp_path / "mecum.toml").write_text(table)
    show_config({"home": tmp_path}, None, as_json=False)
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line.startswith("models.")]
    assert {name.removeprefix('models."qwen3-4b".'): rest.split("  ")[0] for name, rest in lines} == {
        "aliases": "a, b",
        "threads": "-",
        "temperature": "0.7",
        "chat_template": f"{{% for m in messages %}}… mecum.toml ({tmp_path})",
    }
    (threads,) = [rest for name, rest in lines if name.endswith("threads")]
    assert threads.endswith("default, because MECUM_ENGINE_THREADS sets it aside")
