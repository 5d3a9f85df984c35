"""What a model has of its own: its template, from the settings or a file, and how it is sampled."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from mecum.engine.gguf import Header
from mecum.engine.own import MAX_TEMPLATE, sampling_of, template_fault, template_of
from mecum.errors import EngineStartError
from mecum.settings.schema import ModelSettings
from mecum.types import Sampling

TEMPLATE = "{% for m in messages %}{{ m.content }}{% endfor %}"


def header(**values: Any) -> Header:
    named = {f"general.sampling.{name}": value for name, value in values.items()}
    return Header(Path("m.gguf"), 1, 3, 0, MappingProxyType(named))


def test_the_template_itself_or_the_file_that_holds_it(tmp_path: Path) -> None:
    file = tmp_path / "t.jinja"
    file.write_text(TEMPLATE)
    assert template_of(ModelSettings(), "m") == ""
    assert template_of(ModelSettings(chat_template=TEMPLATE), "m") == TEMPLATE
    assert template_of(ModelSettings(chat_template=str(file)), "m") == TEMPLATE


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file"),
        (b"\xff\xfe{{", "is not UTF-8 text"),
        (b"chatml", "is no Jinja template"),
        (b"{{" + b"x" * MAX_TEMPLATE, "is no Jinja template"),
    ],
)
def test_a_file_that_holds_none_is_refused(tmp_path: Path, content: bytes | None, words: str) -> None:
    file = tmp_path / "t.jinja"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(EngineStartError, match=words) as refused:
        template_of(ModelSettings(chat_template=str(file)), "tiny")
    assert f"{file} of tiny" in refused.value.message


def test_settings_come_before_what_the_file_recommends() -> None:
    found = sampling_of(ModelSettings(top_p=0.5, presence_penalty=1.5), header(temp=0.6999999880790710, top_p=0.8, top_k=20))
    assert found == Sampling(temperature=0.7, top_p=0.5, top_k=20, presence_penalty=1.5)
    assert sampling_of(ModelSettings(), header(min_p=0.0, penalty_repeat=1.05)) == Sampling(min_p=0.0, repeat_penalty=1.05)


@pytest.mark.parametrize(
    "value", [{"temp": 9.0}, {"temp": float("nan")}, {"top_p": "x"}, {"top_k": True}, {"top_p": 0}, {"top_k": -1}]
)
def test_what_a_file_cannot_mean_is_passed_over(value: dict[str, Any]) -> None:
    assert sampling_of(ModelSettings(), header(**value)) == Sampling()


def test_the_fault_of_a_template_is_found_in_llama_cpps_words() -> None:
    parser = "0.1 E common_chat_templates_init: error: parser: Parser Error: Expected }} (Got })"
    general = "0.2 E srv init: init: chat template parsing error: std::exception"
    assert template_fault([parser, "...{{ m }", general]) == "Expected }} (Got })."
    assert template_fault([general, "Error: Jinja Exception: never", "Error: later"]) == "Jinja Exception: never."
    assert template_fault([general]) == "it is no Jinja that llama.cpp understands."
    assert template_fault(["E load: error: bad tensor"]) is None
