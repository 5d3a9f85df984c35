"""`[models."NAME"]`: what is read, what is refused and in which words, and what follows for the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mecum.errors import SettingsError
from mecum.settings.load import Loaded, load
from mecum.settings.models import engine_for, name_for, settings_for

TEXT = """
[engine]
threads = 2
batch = 64

[models."Qwen2.5-7B-Instruct"]
aliases = ["gpt-4o", "Small"]
context = 8192
threads = 8
temperature = 0.7

[models.tiny]
chat_template = "tiny.jinja"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mecum.toml"


def loaded(file: Path, text: str = TEXT, environ: dict[str, str] | None = None, **flags: Any) -> Loaded:
    file.write_text(text)
    return load({name.replace("_", ".", 1): value for name, value in flags.items()} | {"home": file.parent}, environ or {})


def test_a_models_own_settings_stand_over_the_engines(file: Path) -> None:
    settings = loaded(file).settings
    engine = engine_for(settings, "qwen2.5-7b-instruct")
    assert (engine.context, engine.threads, engine.batch) == (8192, 8, 64)
    assert engine_for(settings, "another") == settings.engine
    assert settings_for(settings, "QWEN2.5-7b-instruct").temperature == 0.7
    assert settings_for(settings, "another").temperature is None


def test_an_alias_leads_to_its_model(file: Path) -> None:
    settings = loaded(file).settings
    assert [name_for(settings, asked) for asked in ("gpt-4o", "GPT-4o", "small", "tiny", "Other")] == [
        "qwen2.5-7b-instruct",
        "qwen2.5-7b-instruct",
        "qwen2.5-7b-instruct",
        "tiny",
        "Other",
    ]


def test_each_has_an_origin(file: Path) -> None:
    found = loaded(file)
    assert found.origins['models."qwen2.5-7b-instruct".context'] == f"mecum.toml ({file.parent})"
    assert 'models."tiny".context' not in found.origins


def test_the_command_line_and_the_environment_hold_for_every_model(file: Path) -> None:
    found = loaded(file, environ={"MECUM_ENGINE_THREADS": "1"}, engine_context=4096)
    engine = engine_for(found.settings, "qwen2.5-7b-instruct")
    assert (engine.context, engine.threads) == (4096, 1)
    assert settings_for(found.settings, "qwen2.5-7b-instruct").temperature == 0.7
    assert found.origins['models."qwen2.5-7b-instruct".context'] == "default, because --context sets it aside"
    assert found.origins['models."qwen2.5-7b-instruct".threads'] == "default, because MECUM_ENGINE_THREADS sets it aside"


def test_a_templates_file_lies_beside_the_settings_file(file: Path) -> None:
    assert settings_for(loaded(file).settings, "tiny").chat_template == str(file.parent / "tiny.jinja")
    whole = '[models.tiny]\nchat_template = "{% for m in messages %}{{ m.content }}{% endfor %}"\n'
    assert (settings_for(loaded(file, whole).settings, "tiny").chat_template or "").startswith("{% for")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("models = 1\n", 'models in {file} must hold a table for each model: [models."NAME"].'),
        ("[models]\nx = 1\n", 'models in {file} must hold a table for each model: [models."NAME"].'),
        (
            "[models.a]\ncontext = 5\n",
            'models."a".context in {file} is 5, but must be a whole number, at least 256.',
        ),
        ("[models.a]\ntop_k = true\n", 'models."a".top_k in {file} is True, but must be a whole number from 0 to 100000.'),
        (
            "[models.a]\naliases = 'x'\n",
            "models.\"a\".aliases in {file} is 'x', but must be a list of names without spaces.",
        ),
        (
            "[models.a]\naliases = ['x y']\n",
            "models.\"a\".aliases in {file} is ['x y'], but must be a list of names without spaces.",
        ),
        (
            "[models.a]\nmin_p = inf\n",
            'models."a".min_p in {file} is inf, but must be a number from 0 to 1.',
        ),
        ("[models.a]\ncontxt = 512\n", 'models."a".contxt in {file} is not a setting of mecum. Did you mean context?'),
        (
            "[models.qwen2.5.1-7b]\ncontext = 512\n",
            '[models.qwen2.5.1-7b] in {file} must have the model\'s name in quotes: [models."qwen2.5.1-7b"].',
        ),
        (
            "[models.a]\ncontext = 512\n[models.A]\ncontext = 256\n",
            "The model A has more than one table in {file}. Put them together.",
        ),
        (
            "[models.a]\naliases = ['x']\n[models.b]\naliases = ['X']\n",
            "models.\"b\".aliases in {file} has 'X', which is an alias of a too. Choose another alias.",
        ),
        (
            "[models.a]\naliases = ['B']\n[models.b]\nslots = 1\n",
            "models.\"a\".aliases in {file} has 'B', which is the name of b too. Choose another alias.",
        ),
        (
            "[models.a]\naliases = ['mecum']\n",
            "models.\"a\".aliases in {file} has 'mecum', which has a meaning of its own. Choose another alias.",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(file: Path, text: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as refused:
        loaded(file, text)
    assert refused.value.message == sentence.format(file=file)
