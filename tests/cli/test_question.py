import pytest

from mecum.cli.client import body_of
from mecum.cli.question import Question, combined


@pytest.mark.parametrize(
    ("text", "piped", "whole"),
    [
        ("Why?", "", "Why?"),
        ("", "a text", "a text"),
        ("", "", ""),
        ("Sum up:", "one\ntwo", "Sum up:\n\n```\none\ntwo\n```"),
        ("Explain", "```sh\nls\n```", "Explain\n\n````\n```sh\nls\n```\n````"),
    ],
)
def test_what_is_piped_in_stands_fenced_after_the_question(text, piped, whole):
    assert combined(text, piped) == whole


def test_a_request_says_only_what_was_asked_for():
    assert body_of(Question(text="Hi")) == {
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "metadata": {},
    }


def test_a_request_says_all_that_was_asked_for():
    question = Question(text="Hi", system="Be brief.", model="m", role_id="r", max_tokens=5, temperature=0.0, docs=False)
    assert body_of(question) == {
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
        "stream": True,
        "metadata": {"role_id": "r", "enable_l0_retrieval": False},
        "model": "m",
        "max_tokens": 5,
        "temperature": 0.0,
    }


@pytest.mark.parametrize("documents", [True, False])
def test_the_documents_are_looked_into_if_there_are_any(documents):
    question = Question(text="Hi").settled(documents=documents)
    assert body_of(question)["metadata"] == {"enable_l0_retrieval": documents}
    assert Question(text="Hi", docs=not documents).settled(documents=documents).docs is not documents


def test_a_role_decides_on_documents_unless_the_question_does():
    assert body_of(Question(text="Hi", role_id="r").settled(documents=True))["metadata"] == {"role_id": "r"}
