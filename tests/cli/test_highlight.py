import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecum.cli.highlight import snippet, spans
from mecum.knowledge.tokens import Tokenizer

TOKENIZER = Tokenizer()


@pytest.mark.parametrize(
    ("text", "question", "marked"),
    [
        ("The crew walked home.", "who was walking?", ["walked"]),
        ("Die Häuser am See", "welches Haus", ["Häuser"]),
        ("It is the end.", "is it", ["It", "is"]),
        ("It is the end of the journey.", "the journey", ["journey"]),
        ("红色的船在黎明出航", "船在哪里", ["船在"]),
        ("nothing of it", "something else", []),
        ("", "words", []),
    ],
)
def test_the_words_that_were_asked_for_are_marked_in_every_form(text, question, marked):
    assert [text[start:stop] for start, stop in spans(text, question, TOKENIZER)] == marked


def test_the_stretch_with_most_of_the_words_is_shown():
    text = f"boat {'x ' * 300}the red boat sails {'y ' * 300}"
    shown, marked = snippet(text, spans(text, "red boat sails", TOKENIZER), 60)
    assert shown.startswith("… ")
    assert shown.endswith(" …")
    assert [shown[start:stop] for start, stop in marked] == ["boat", "sails"]


@given(st.text(), st.text(), st.integers(20, 200))
def test_whatever_the_text_is_the_marks_stand_in_it(text, question, length):
    marked = spans(text, question, TOKENIZER)
    assert all(0 <= start < stop <= len(text) for start, stop in marked)
    shown, inside = snippet(text, marked, length)
    assert len(shown) <= length + 4
    words = [text[start:stop] for start, stop in marked]
    assert all(shown[start:stop] in words for start, stop in inside)
