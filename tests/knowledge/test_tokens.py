"""Words in every script: what passages and questions have in common."""
# ruff: noqa: RUF001 -- letters of other scripts look like those of Latin

from __future__ import annotations

import unicodedata

import pytest

from mecum.knowledge.languages import is_little, language_of
from mecum.knowledge.tokens import LONGEST, Tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer()


@pytest.mark.parametrize(
    ("passage", "word"),
    [
        ("The runners were running in the park", "run"),
        ("Die Häuser der Stadt und die Bäume sind alt", "Haus"),
        ("Les chevaux étaient dans la prairie avec les vaches", "cheval"),
        ("Los niños jugaban en la plaza de la ciudad", "niño"),
        ("Она читала книги в библиотеке", "книга"),
        ("Οι άνθρωποι ζουν στις πόλεις", "άνθρωπος"),
        ("لقد قرأ الطلاب الكتب في المكتبة", "كتب"),
        ("भारत की राजधानी दिल्ली है", "राजधानी"),
        ("ประเทศไทยมีกรุงเทพเป็นเมืองหลวง", "เมืองหลวง"),
        ("北京是中华人民共和国的首都", "首都"),
        ("東京は日本の首都です", "日本"),
        ("서울은 대한민국의 수도이다", "수도"),
        ("ＦＵＬＬ　ＷＩＤＴＨ", "full"),
        ("the year ١٩٨٤ in other digits", "1984"),
        ("CAFÉ crème", "cafe"),
        ("STRASSE", "straße"),
        ("第3章 iPhone手机的说明", "手机"),
        ("snake_case_name", "case"),
    ],
)
def test_a_question_finds_the_word_in_the_passage(tokenizer: Tokenizer, passage: str, word: str) -> None:
    held = set(tokenizer.tokens(passage))
    assert all(held.intersection(forms) for forms in tokenizer.alternatives(word))


@pytest.mark.parametrize(
    "text", ["naïve café", "क्षत्रिय राजा", "ไทย", "北京 2008", "e\u0301te\u0301 \u0301", "\x00\ud800 _ ٪"]
)
def test_tokens_hold_letters_marks_and_digits_alone(tokenizer: Tokenizer, text: str) -> None:
    assert all(unicodedata.category(char)[0] in "LMN" for token in tokenizer.tokens(text) for char in token)


def test_vowel_signs_stay_in_their_words(tokenizer: Tokenizer) -> None:
    assert len(tokenizer.tokens("हिन्दी विकिपीडिया")) == 2


def test_vietnamese_keeps_its_marks(tokenizer: Tokenizer) -> None:
    assert {"mã", "mạ", "ma"} <= set(tokenizer.tokens("mã và mạ của ma là những từ không có trong"))


def test_a_word_without_end_is_cut(tokenizer: Tokenizer) -> None:
    assert max(map(len, tokenizer.tokens("x" * 10_000 + " é" + "y" * 10_000))) <= LONGEST


def test_nothing_gives_nothing(tokenizer: Tokenizer) -> None:
    assert tokenizer.read(" \n…!? ") == ([], None)
    assert tokenizer.alternatives("") == []


def test_each_word_of_a_question_stands_once_in_order(tokenizer: Tokenizer) -> None:
    groups = tokenizer.alternatives("zebra apple zebra")
    assert [group[0] for group in groups] == ["zebra", "apple"]
    assert "appl" in groups[1]


@pytest.mark.parametrize(
    ("text", "tongue"),
    [
        ("What is the name of the dog?", "english"),
        ("Wie heißt der Hund von nebenan?", "german"),
        ("Как зовут собаку?", "russian"),
        ("狗叫什么名字", "pairs"),
        ("1984", None),
    ],
)
def test_what_a_text_is_in(tokenizer: Tokenizer, text: str, tongue: str | None) -> None:
    assert tokenizer.read(text)[1] == tongue


def test_little_words_vote_for_their_language_and_a_draw_tells_nothing() -> None:
    assert language_of(["der", "hund", "und", "the"]) == "german"
    assert language_of(["in"]) is None
    assert is_little("the")
    assert not is_little("hund")
