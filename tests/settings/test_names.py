from pathlib import Path

import pytest

from mecum.settings import names
from mecum.settings.load import load

KNOWN = names.table()


def test_every_flag_names_a_setting():
    assert set(names.FLAGS) <= set(KNOWN)


@pytest.mark.parametrize("name", KNOWN)
def test_every_setting_has_a_meaning_and_says_what_it_may_be(name):
    assert KNOWN[name].description
    assert KNOWN[name].allowed


def test_every_setting_can_be_set_in_the_environment(tmp_path: Path):
    examples = {"path": "/x", "boolean": "true", "array": "a", "integer": "256", "number": "1.5", "string": "text"}
    for name, one in KNOWN.items():
        kind = str(one.schema.get("format", one.schema["type"]))
        text = one.schema["enum"][0] if "enum" in one.schema else examples.get(kind, "http://127.0.0.1:1")
        text = "http://127.0.0.1:1" if "allowed" in one.schema else text
        text = "12 GB" if name == "engine.memory" else text
        text = "{text}" if "{text}" in one.allowed else text
        text = str(one.schema["minimum"]) if kind == "integer" and "maximum" in one.schema else text
        assert load({}, {"MECUM_HOME": str(tmp_path), one.env: text}).origins[name] == one.env


def test_names():
    assert KNOWN["engine.base_url"].env == "MECUM_ENGINE_BASE_URL"
    assert KNOWN["home"].env == "MECUM_HOME"
    assert [name for name, one in KNOWN.items() if one.secret] == ["engine.api_key", "library.embedder_key"]
