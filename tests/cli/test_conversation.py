import json

import pytest

from mecum.cli.client import body_of
from mecum.cli.conversation import Conversation, command, is_open, rendered, unquoted
from mecum.cli.question import Question


def talked(*exchanges: tuple[str, str]) -> Conversation:
    conversation = Conversation()
    for question, answer in exchanges:
        conversation.ask(question)
        conversation.keep(answer)
    return conversation


def said(conversation: Conversation) -> list[str]:
    return [turn["content"] for turn in conversation.turns]


def test_turns_are_whole_exchanges():
    conversation = talked(("a", "A"), ("b", "B"))
    assert [turn["role"] for turn in conversation.turns] == ["user", "assistant"] * 2
    conversation.ask("lost")
    assert said(conversation) == ["a", "A", "b", "B"]


def test_again_takes_the_last_exchange_back():
    conversation = talked(("a", "A"), ("b", "B"))
    assert conversation.again() == "b"
    assert said(conversation) == ["a", "A"]


def test_again_after_a_failure_leaves_the_exchange_before_it():
    conversation = talked(("a", "A"))
    conversation.ask("lost")
    assert conversation.again() == "lost"
    assert said(conversation) == ["a", "A"]


def test_again_after_the_same_question_failed_leaves_its_earlier_answer():
    conversation = talked(("a", "A"))
    conversation.ask("a")
    assert conversation.again() == "a"
    assert said(conversation) == ["a", "A"]


def test_cleared_there_is_nothing_to_ask_again():
    conversation = talked(("a", "A"))
    conversation.clear()
    assert (conversation.turns, conversation.again()) == ((), None)


def test_what_was_said_stands_between_the_system_message_and_the_question():
    question = Question(text="c", system="s", history=talked(("a", "A")).turns, truncate=True)
    body = body_of(question)
    assert [message["content"] for message in body["messages"]] == ["s", "a", "A", "c"]
    assert body["metadata"]["truncation"] == "auto"
    assert "truncation" not in body_of(Question(text="c"))["metadata"]


def test_a_file_for_programs_and_one_for_people():
    turns = talked(("ä?", "Ä.\n")).turns
    assert [message["role"] for message in json.loads(rendered(turns, "s", "x.JSON"))] == ["system", "user", "assistant"]
    assert rendered(turns, None, "x.md") == "## user\n\nä?\n\n## assistant\n\nÄ.\n"


@pytest.mark.parametrize(
    ("text", "open_", "meant"),
    [
        ("one", False, "one"),
        ('"""', True, '"""'),
        ('"""one', True, '"""one'),
        ('"""one\ntwo"""', False, "one\ntwo"),
        ('"""\none\n\ntwo\n""" ', False, "one\n\ntwo"),
        ('/system """\none\n"""', False, "/system one"),
        ('/system """one', True, '/system """one'),
        ('what is """ in Python?', False, 'what is """ in Python?'),
    ],
)
def test_triple_quotes_hold_several_lines(text, open_, meant):
    assert is_open(text) == open_
    assert unquoted(text) == meant


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/new", ("/new", "")),
        ("/system  be\nbrief ", ("/system", "be\nbrief")),
        ("/", ("/", "")),
        ("/etc/hosts is what?", None),
        (" /new", None),
        ("what about /new?", None),
    ],
)
def test_what_is_a_command(text, found):
    assert command(text) == found
