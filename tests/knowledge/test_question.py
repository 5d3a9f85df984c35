"""What a question's words are worth, and which are looked up."""

from __future__ import annotations

from datetime import UTC, datetime

from mecum.knowledge.question import ENDS, LONG, POSTINGS, asked, in_context, parts, question
from mecum.knowledge.tokens import Tokenizer

TOKENIZER = Tokenizer()


def test_rare_words_weigh_more_and_little_words_nothing_even_in_a_tiny_library() -> None:
    asked = question([("the",), ("zebra",), ("apple",)], {"the": 3, "zebra": 1, "apple": 3}, 3)
    the, zebra, apple = asked.weights
    assert zebra > apple > 4 * the
    assert asked.coverage({"the"}) < 0.1
    assert asked.coverage({"the", "zebra", "apple", "more"}) == 1.0
    assert asked.coverage(set()) == 0.0
    assert question([], {}, 0).coverage({"x"}) == 0.0


def test_any_form_of_a_word_covers_it() -> None:
    asked = question([("haus", "hau"), ("alt",)], {"haus": 1, "alt": 1}, 10)
    assert asked.coverage({"hau"}) == asked.coverage({"haus"}) > 0.4


def test_the_commonest_words_are_left_out_where_others_remain() -> None:
    often = POSTINGS - 10
    asked = question([("often",), ("rare",), ("absent",), ("also",)], {"often": often, "rare": 5, "also": 100}, 100_000)
    assert set(asked.lookup) == {"rare", "also", "often"} - ({"often"} if often + 105 > POSTINGS else set())
    assert asked.lookup == ("rare", "also")
    assert question([("often",)], {"often": 90_000}, 100_000).lookup == ("often",)
    assert question([("absent",)], {}, 100_000).lookup == ()


def test_a_follow_up_is_searched_with_the_question_it_follows() -> None:
    before = ["Who painted the ceiling of the Sistine Chapel?"]
    assert in_context("And when was that?", before, TOKENIZER) == f"{before[0]}\nAnd when was that?"
    assert in_context("那是什么时候?", ["谁画了天花板?"], TOKENIZER).startswith("谁画了")
    alone = "Which river flows through Warsaw and Gdańsk?"
    assert in_context(alone, before, TOKENIZER) == alone
    assert in_context("And when?", [], TOKENIZER) == "And when?"


def test_a_passage_of_the_named_time_holds_the_words_that_name_it() -> None:
    may, august = (datetime(2023, month, 9, tzinfo=UTC).timestamp() for month in (5, 8))
    query = asked("What did Maria plan in May 2023?", TOKENIZER, {"maria": 5, "plan": 5}, 100, now=august)
    words = set(TOKENIZER.tokens("Maria has a plan"))
    assert query.coverage(words, date=may) > query.coverage(words, date=august) + 0.2
    assert query.coverage(words) == query.coverage(words, date=august)
    assert query.coverage({*words, *TOKENIZER.tokens("May 2023")}) == query.coverage(words, date=may)
    assert asked("Who discovered radium?", TOKENIZER, {}, 100, now=august).time is None
    assert asked("Wann war das?", TOKENIZER, {}, 100, now=august).asks_when


def test_the_meaning_of_a_question_is_in_its_words_that_mean_something() -> None:
    assert {"maria", "plan"} <= asked("What did Maria plan?", TOKENIZER, {}, 100, now=0.0).meaning
    assert not {"what", "did"} & asked("What did Maria plan?", TOKENIZER, {}, 100, now=0.0).meaning


def test_how_much_a_question_says() -> None:
    def sense(text: str) -> float:
        return asked(text, TOKENIZER, {"thank": 300, "hello": 100}, 1000, now=0.0).sense

    assert sense("") == 0.0
    assert (
        sense("Thanks!")
        < sense("Hello!")
        < 0.5
        < sense("Where do penguins breed?")
        < sense("Where do emperor penguins breed?")
        < 1
    )


def test_a_word_is_little_as_it_stands_not_as_another_language_cuts_it() -> None:
    assert "water" in asked("water", TOKENIZER, {}, 100, now=0.0).meaning  # Dutch would cut it to a word for "what"
    assert asked("water", TOKENIZER, {}, 100, now=0.0).sense > 2 * asked("what", TOKENIZER, {}, 100, now=0.0).sense


def test_a_long_text_is_searched_for_by_its_ends_too() -> None:
    page = "The panel flutters. " * 60
    asks = "Who discovered radium?"
    assert parts(asks) == (asks,)
    assert parts(f"{asks}\n\n{page}") == (f"{asks}\n\n{page}", asks)
    assert parts(f"{page}\n{asks}") == (f"{page}\n{asks}", asks)
    assert parts(f"{page}{asks}")[1:] == ("The panel flutters.", asks)
    assert parts("x" * 2 * LONG) == ("x" * 2 * LONG,)
    endless = parts("word\n" * 1_000_000 + asks)
    assert len(endless[0]) == 2 * ENDS + 1
    assert endless[1:] == ("word", asks)
    assert parts("") == ("",)
    assert parts("\n" * 2 * LONG) == ("\n" * 2 * LONG,)


def test_follow_ups_of_follow_ups_are_searched_with_what_they_all_follow() -> None:
    first, second = "Who painted the ceiling of the Sistine Chapel?", "And when was that?"
    assert in_context("And where?", [first, second], TOKENIZER) == f"{first}\n{second}\nAnd where?"
    assert in_context(
        "And where?", ["A much earlier question about boats and harbours", first, second], TOKENIZER
    ).startswith(first)
    assert in_context("And why?", [first, "And who?", second, "And where?"], TOKENIZER).count("\n") == 2


def test_thanks_and_greetings_are_no_follow_up_and_nothing_follows_them() -> None:
    before = ["Who painted the ceiling of the Sistine Chapel?"]
    for text in (
        "Thanks!",
        "Thank you very much",
        "Ok, great",
        "Hello",
        "Vielen Dank",
        "Merci beaucoup",
        "谢谢",
        "你好",
        "早上好",
    ):
        assert in_context(text, before, TOKENIZER) == text
        assert in_context("And when?", [*before, text], TOKENIZER) == f"{before[0]}\nAnd when?"
    assert in_context("Yes", before, TOKENIZER) == f"{before[0]}\nYes"
    assert in_context("Why?", before, TOKENIZER) == f"{before[0]}\nWhy?"
