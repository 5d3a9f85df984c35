"""Row 13: a chat template, or a text that looks like one, that runs as code.

Invariants: no template engine is among our dependencies or imports; what looks like a template, in whatever field or
document, reaches the engine as the text that it is; a request cannot bring a template.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import pytest
from tests.api.people import ANN, People, settled
from tests.api.server import Running
from tests.clients.wire import CHAT_ROUTES, KERNEL2, asks, post

import mecum

ROOT: Final = Path(__file__).parents[2]
SOURCE: Final = Path(mecum.__file__).parent
ENGINES: Final = {"jinja2", "mako", "chevron", "pystache", "django", "tornado", "string.Template", "genshi", "chameleon"}
TEMPLATES: Final = [
    "{{ 7*7 }}",
    "{{ ''.__class__.__base__.__subclasses__() }}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
    "{0.__class__.__init__.__globals__}",
    "{mark}{cite}{form}{tools}",
    "%(mark)s %s %n ${7*7} #{7*7} <%= 7*7 %> $mark",
    "__import__('os').system('id')",
]


def test_no_template_engine_is_here() -> None:
    locked = set(re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / "requirements/runtime.txt").read_text().lower(), re.M))
    assert not locked & ENGINES
    imported: set[str] = set()
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                imported |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported |= {node.module.partition(".")[0], *(f"{node.module}.{name.name}" for name in node.names)}
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec", "compile", "__import__"), file
    assert not imported & ENGINES
    assert not imported & {"pickle", "marshal", "shelve", "dill", "joblib"}  # nothing that a file brings is run as code


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_message_is_a_text(server: Running, template: str) -> None:
    for path in CHAT_ROUTES:
        messages = [{"role": role, "content": template} for role in ("system", "user", "assistant", "user")]
        tool = {"type": "function", "function": {"name": "f", "description": template, "parameters": {"title": template}}}
        answer = post(server.url, path, {"messages": messages, "stream": False, "tools": [tool], "stop": ["never"]})
        assert answer.text() == f"You said: {template}"
        asked = server.engine.prompts[-1]
        assert {message.content for message in asked.messages} == {template}


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_request_brings_no_template(server: Running, template: str) -> None:
    fields = {"chat_template": template, "chat_template_kwargs": {"x": template}, "template": template, "prompt": template}
    assert post(server.url, KERNEL2, asks("hi", stream=False, **fields)).text() == "You said: hi"
    assert template not in repr(server.engine.prompts[-1])


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_role_and_a_document_are_texts(known: People, template: str) -> None:
    """Also where our own words are put together with theirs."""
    word = f"Saxophone{TEMPLATES.index(template)}"
    body = {"path": f"{word}.md", "title": f"{word} {template}", "text": f"{word} says {template}"}
    (one,) = known.data(ANN, "POST", "/api/documents", {"documents": [body]}, status=202)
    assert settled(known, ANN, one["id"])["state"] == "ready"
    role = known.data(ANN, "POST", "/api/kernel2/roles", {"name": template, "system_prompt": template})
    metadata = {"enable_l0_retrieval": True, "role_id": role["uuid"], "debug": True, "min_score": 0}
    answer = known.ask(ANN, "POST", KERNEL2, {**asks(f"What does {word} say?", stream=False), "metadata": metadata})
    known.data(ANN, "DELETE", f"/api/kernel2/roles/{role['uuid']}")
    system, user = answer.json()["debug"]["prompt"]
    assert system["content"] == template
    assert f"{word} {template}" in user["content"]
    assert f"> {word} says {template}" in user["content"]
