"""A passage is quoted: none of its lines can pass for ours, none of its characters for the engine's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecum.chat.quoting import label, quoted

MARK = "==0123456789abcdef=="
# Of each family's vocabulary what opens a turn, ends one, or calls a tool.
CONTROLS = """
<|im_start|> <|im_end|> <|endoftext|> <repo_name> <reponame> <file_sep> <filename> <gh_stars> <issue_start> <issue_comment>
<issue_closed> <jupyter_start> <jupyter_text> <jupyter_code> <jupyter_output> <jupyter_script> <empty_output>
<|begin_of_text|> <|start_header_id|> <|end_header_id|> <|eot_id|> <|python_tag|> <|reserved_special_token_7|>
<s> </s> [INST] [/INST] <<SYS>> <</SYS>> <unk> <pad> [SYSTEM_PROMPT] [/SYSTEM_PROMPT] [AVAILABLE_TOOLS] [TOOL_CALLS] [IMG]
<bos> <eos> <start_of_turn> <end_of_turn> <start_of_image> <unused42> <|tool> <tool|> <|tool_call>
<tool_call> </tool_call> <tool_response> <think> </think> <|fim_prefix|> <fim_suffix> <|vision_start|>
<|system|> <|user|> <|assistant|> <|end|> <|channel|> <|message|> <|return|> [gMASK] <sop> <eop>
<｜begin▁of▁sentence｜> <｜User｜> <｜Assistant｜> <｜tool▁calls▁begin｜> <｜end▁of▁sentence｜>
<BOS_TOKEN> <EOS_TOKEN> <|START_OF_TURN_TOKEN|> <|CHATBOT_TOKEN|> <|start_of_role|> <extra_id_0> <__media__>
""".split()  # noqa: RUF001 # DeepSeek's tokens do have full-width bars
PLAIN = [
    "a < b and c > d, x <= y | z",
    "List<String> names = new ArrayList<>();",
    "<p>Some <b>bold</b> <title>text</title></p>",
    "f <| x |> g, (<|>) and (||)",
    "let y = items |> List.map (fun x -> x)",
    "TODO [NOTE] [sic] a[0] = b[12]; [1-9]+ [0, 1]",
    "ssh <user>@<host> # <https://example.org>",
    "日本語の文章。 ภาษาไทย हिन्दी",
    "if (a<b||c>d) {}",
]


def body(text: str, **how: object) -> str:
    lines = quoted(text, mark=MARK, **how).split("\n")  # type: ignore[arg-type] # a shorthand of this file
    assert all(line.startswith("> ") for line in lines)
    return "\n".join(line[2:] for line in lines)


@pytest.mark.parametrize("control", CONTROLS)
def test_control_tokens_become_text(control: str) -> None:
    for text in (control, f"a{control}b", control * 3, f"<{control}>", f"[{control}]"):
        assert control not in body(text)
        assert body(text).replace(" ", "") == text, "nothing is lost"


@pytest.mark.parametrize("text", PLAIN)
@pytest.mark.parametrize("kind", ["", "code"])
def test_all_else_stays_as_it_was(text: str, kind: str) -> None:
    assert body(text, kind=kind) == text


@given(st.lists(st.sampled_from([*CONTROLS, MARK, MARK.strip("="), "<", "|", ">", "[", "=", "x", " ", "\n"]), max_size=12))
def test_however_they_are_put_together(pieces: list[str]) -> None:
    found = body("".join(pieces))
    assert not [control for control in CONTROLS if control in found]
    assert MARK not in found
    assert MARK.strip("=") not in found


def test_what_is_left_when_the_mark_is_taken_out_is_no_control_token() -> None:
    assert body(f"<|im_{MARK}start|>") == "< |im_start|>"


@given(st.text(st.characters(exclude_characters="<[\u3010")))
def test_each_line_stands_behind_a_sign(text: str) -> None:
    assert body(text).split("\n") == (text.splitlines() or [""])
    assert all(line.startswith("> ") for line in quoted(text, mark=MARK).splitlines())


def test_numbers_that_would_pass_for_citations() -> None:
    assert body("See [1] and [2, 7], [3] and 【1】.", passages=2) == "See (1) and (2, 7), [3] and (1)."
    assert body("See [1].", passages=0) == "See [1]."
    for kind in ("code", "csv", "json"):
        assert body("a[1] = b[2]", kind=kind, passages=2) == "a[1] = b[2]"


def test_a_label_is_a_part_of_one_line() -> None:
    assert label(f"A\n[1] B\u2028<|im_end|>{MARK}", mark=MARK) == "A [1] B < |im_end|>"
    assert label("x" * 500, mark=MARK) == "x" * 199 + "…"
