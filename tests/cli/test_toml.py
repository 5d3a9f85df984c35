from __future__ import annotations

import tomllib

from hypothesis import example, given
from hypothesis import strategies as st

from mecum.cli.toml import Value, toml

_texts = st.text(st.characters(exclude_categories=["Cs"])) | st.text('a"\\\n\r\t\x00\x1f\x7f\x85\u2028', max_size=12)
_numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
_values = st.dictionaries(_texts, _texts | st.booleans() | _numbers | st.lists(_texts, max_size=4), max_size=6)


@given(_values)
@example({"a": 'ends with "'})
@example({"a": 'lines\nthat end with "'})
@example({"a": '"""\n"""""\n\\'})
@example({"a": "\n"})
@example({"a": "\r\n\n"})
@example({"": "", "a b": ["", '"']})
@example({"a": 1e-07, "b": 1e22, "c": float("inf"), "d": -0.0})
def test_what_is_read_is_what_was_written(values: dict[str, Value]) -> None:
    assert tomllib.loads(toml(values)) == values


def test_it_is_made_to_be_read_and_edited() -> None:
    text = toml({"name": 'A "B"', "prompt": 'Say "hi".\n\n- One\\two', "on": True, "t": 0.5, "c": ["x", "y"]})
    assert text == ('name = "A \\"B\\""\nprompt = """\nSay "hi".\n\n- One\\\\two"""\non = true\nt = 0.5\nc = ["x", "y"]\n')
