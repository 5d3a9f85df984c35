"""The role speaks first, the caller's system message after it, and both stay the same from turn to turn."""

from __future__ import annotations

from mecum.chat.prompt import assemble, complete
from mecum.engine.base import Traits
from mecum.types import Message, Prompt, Role, Sampling

ROLE = Role(uuid="r", name="R", system_prompt="You are R.")
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}


def test_the_role_comes_first() -> None:
    chat = (Message("system", "Be short."), Message("user", "Hi."))
    assert assemble(ROLE, chat, Traits()) == (Message("system", "You are R.\n\nBe short."), Message("user", "Hi."))
    assert assemble(ROLE, chat[1:], Traits()) == (Message("system", "You are R."), Message("user", "Hi."))


def test_without_a_role_or_its_prompt_nothing_is_added() -> None:
    chat = (Message("user", "Hi."),)
    assert assemble(None, chat, Traits()) == chat
    assert assemble(Role(uuid="r", name="R", system_prompt=""), chat, Traits()) == chat


def test_a_longer_chat_begins_as_the_shorter_one_did() -> None:
    """So that the engine's prompt cache holds."""
    chat = [Message("system", "Be short."), Message("user", "1"), Message("assistant", "2"), Message("user", "3")]
    later = [*chat, Message("assistant", "4"), Message("user", "5")]
    for traits in (Traits(), Traits(system_role=False), Traits(alternation=True, system_role=False, tools=False)):
        short, long = (
            complete(Prompt("m", assemble(ROLE, tuple(turns), traits), Sampling()), traits).messages
            for turns in (chat, later)
        )
        assert long[: len(short)] == short


def test_past_calls_become_text_where_the_template_knows_no_tools() -> None:
    chat = (Message("user", "a"), Message("assistant", "Wait.", tool_calls=(CALL,)), Message("tool", "5", tool_call_id="c"))
    prompt = Prompt("m", assemble(None, chat, Traits(tools=False)), Sampling())
    assert prompt.messages == chat, "what shortens a chat still sees them"
    assert complete(prompt, Traits()) == prompt
    assert complete(prompt, Traits(tools=False)).messages == (
        Message("user", "a"),
        Message("assistant", 'Wait.\n\n{"name": "f", "arguments": {"x": 1}}'),
        Message("user", "The tool's result:\n5"),
    )


def test_a_result_and_what_the_user_says_to_it_are_one_turn_where_turns_must_alternate() -> None:
    chat = (
        Message("user", "a"),
        Message("assistant", None, tool_calls=(CALL,)),
        Message("tool", "5", tool_call_id="c"),
        Message("user", "So?"),
    )
    traits = Traits(tools=False, alternation=True)
    messages = complete(Prompt("m", assemble(None, chat, traits), Sampling()), traits).messages
    assert [turn.role for turn in messages] == ["user", "assistant", "user"]
    assert messages[-1].content == "The tool's result:\n5\n\nSo?"


def test_the_system_message_is_folded_in_last() -> None:
    traits = Traits(system_role=False)
    prompt = Prompt("m", assemble(ROLE, (Message("user", "Hi."),), traits), Sampling())
    assert [turn.role for turn in prompt.messages] == ["system", "user"]
    assert complete(prompt, traits).messages == (Message("user", "You are R.\n\nHi."),)
    assert complete(prompt, Traits()) == prompt
