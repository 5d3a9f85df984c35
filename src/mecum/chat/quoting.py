"""Foreign text made fit to stand in a prompt. Pure.

Chat templates are text, and engines read their control tokens wherever they stand: llama.cpp takes `<|im_start|>` inside a
message for the begin of another (`tests/chat/test_real_grounding.py` shows it). So what looks like a control token gets a
space, which makes it a text like any other.

Invariants (`tests/chat/test_quoting.py`): no line of what comes out stands at the left margin, so none can look like a line
of ours; it holds no control token of a known family and no copy of the fence's mark; all else, save the kind of its line
ends, is as it was.
"""

from __future__ import annotations

import re
from typing import Final

from mecum.chat.citations import MARKER, numbers_of

_SIGN: Final = "> "  # in front of each line
_CODE: Final = frozenset(("code", "json", "jsonl", "csv", "ipynb"))  # kinds in which `[1]` means something else
_TITLE: Final = 200  # characters of a title that are shown
# The words of the vocabularies of Llama, Mistral, Gemma, Qwen, DeepSeek, Phi, Command R, StarCoder, SmolLM, T5 and the like.
_TAGS: Final = (
    r"s|sop|eop|bos|eos|pad|unk|mask|cls|sep|eot|eod|think(?:ing)?|tools?|repo_?name|file_?name|file_sep|gh_stars|empty_output|"
    r"(?:begin|start|end)_\w+|(?:fim|issue|jupyter|commit)_\w+|pr(?:_\w+)?|(?:image|audio|video|vision)_\w+|__\w+__|"
    r"extra_id_\d+|(?:reserved|unused|special)_?\w*\d+|tool_(?:call|response|result|output)s?|"
    r"function_(?:calls?|responses?|results?)|(?:bos|eos|pad|unk|cls|sep|mask|eop)_token"
)
_WORDS: Final = (
    "INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|CALL_ID|ARGS|IMG|IMG_BREAK|IMG_END|AUDIO|"
    "BEGIN_AUDIO|PREFIX|MIDDLE|SUFFIX|BOS|EOS|PAD|UNK|CLS|SEP|MASK|gMASK|sMASK|THINK|MODEL_SETTINGS"
)
# Two expressions, each with one character to look for: twenty times as quick as one.
_ANGLED: Final = re.compile(
    r"<(?="
    r"[|\uff5c][^\s<>]{1,80}>"  # <|im_start|>, <|tool>, and DeepSeek's with full-width bars
    r"|[^\s<>|\uff5c]{1,80}[|\uff5c]>"  # <tool|>
    rf"|/?(?i:{_TAGS})>"
    r"|</?SYS>>"
    r")"
)
_BRACKETED: Final = re.compile(rf"\[(?=/?(?:{_WORDS})\])")


def quoted(text: str, *, mark: str, kind: str = "", passages: int = 0) -> str:
    """Return a passage's text, each line behind a "> ".

    `mark` is what it must not hold. `[1]` becomes `(1)` where there is a passage of that number: the model would copy it,
    and it would pass for a citation. In code and data it stays.
    """
    bare = _harmless(text, mark)
    if kind not in _CODE:
        bare = MARKER.sub(lambda marker: _in_parentheses(marker, passages), bare)
    return "\n".join(_SIGN + line for line in bare.splitlines() or ("",))


def label(text: str, *, mark: str) -> str:
    """Return a title, a path or a heading as part of one line of ours."""
    line = " ".join(_harmless(text, mark).split())
    return line if len(line) <= _TITLE else line[: _TITLE - 1] + "…"


def _harmless(text: str, mark: str) -> str:
    # First the mark: what taking it out leaves could be a control token.
    bare = text.replace(mark, "").replace(mark.strip("="), "")
    return _BRACKETED.sub("[ ", _ANGLED.sub("< ", bare))


def _in_parentheses(marker: re.Match[str], passages: int) -> str:
    if not any(0 < number <= passages for number, _ in numbers_of(marker)):
        return marker[0]
    return f"({marker[0][1:-1]})"
