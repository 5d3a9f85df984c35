"""Search with the real embedder, over a few notes: what it is asked all day, sense and nonsense."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mecum.engine.embedder.local import LocalEmbedder
from mecum.knowledge.search import Search
from mecum.knowledge.tokens import VERSION, Tokenizer
from mecum.store.sqlite import Sqlite
from mecum.store.values import Filter, NewDocument, NewPassage

ALL = Filter("local")
BOILER = (
    "Our boiler was repaired in March 2024 by a plumber called Otto Kranz. The invoice was 240 euros and he said that the "
    "valve will last ten years."
)
BASIL = "Basil needs warm soil and much sun. Water it in the morning, never on the leaves, and cut the flowers off."
DIARY = """The harvest of 1987 was bad because of the frost in May. We lost two thirds of the apples. Aunt Vera sold the old
press to Kurt Hahn for 400 marks.

In 1988 it was a good year: 2,400 kilos of apples, and cider until March."""
TRAIN = "Train to Lisbon: leaves at seven from platform nine on 14 June. Seats 41 and 42. Anna has the tickets."


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("embedder")


@pytest.fixture
async def search(home: Path, tmp_path: Path) -> AsyncIterator[Search]:
    embedder, store, tokenizer = LocalEmbedder(home), Sqlite(tmp_path), Tokenizer()
    await embedder.start()
    await store.start()
    await store.keywords.rebuild(VERSION, lambda text: text)
    await store.vectors.use(embedder.identity, embedder.dimension)
    for name, text in (("boiler", BOILER), ("basil", BASIL), ("train", TRAIN)):
        document = await store.documents.put(NewDocument("local", name, f"{len(text):064x}", "txt"))
        passage = NewPassage(text, " ".join(tokenizer.tokens(text)))
        await store.documents.index(document.id, document.content_hash, [passage])
        vector = (await embedder.embed([text], "passage")).vectors
        await store.vectors.stage(embedder.identity, [passage.hash], vector)
        await store.vectors.publish(embedder.identity, [passage.hash])
    yield Search(store, embedder)
    await embedder.aclose()
    await store.aclose()


async def test_questions_and_single_words_find_their_note_and_small_talk_finds_nothing(search: Search) -> None:
    await search.start()
    for question, path in (
        ("Who repaired the boiler?", "boiler"),
        ("What did the plumber cost?", "boiler"),
        ("How do I water basil?", "basil"),
        ("When does the train leave?", "train"),
        ("Quand part le train pour Lisbonne ?", "train"),
        ("Otto", "boiler"),
        ("boiler", "boiler"),
        ("Lisbon", "train"),
        ("Write a letter that thanks Otto for repairing the boiler", "boiler"),  # tasks, but the notes are needed for them
        ("Summarise what Anna has to know for the train to Lisbon", "train"),
        ("Tell me how to care for basil", "basil"),
    ):
        found = await search.search(question, ALL)
        assert (question, found.mode, found.hits[0].path) == (question, "hybrid", path)
    for question in (
        *("Hello!", "thanks", "Thank you very much", "How are you?", "Tell me a joke", "Write me a poem about spring"),
        *("Could you say this again?", "Bist du ein Mensch?", "Raconte une blague", "讲个笑话"),
        *(
            "What is the capital of Mongolia?",
            "How do I center a div in CSS?",
            "Hallo",
            "谢谢",
            "你好",
            "Bonjour",
            "?!",
            "ok",
        ),
        *("Who is the president of France?", "Where did I park the car?", "When is my dentist appointment?"),
    ):
        assert (question, (await search.search(question, ALL)).status) == (question, "empty")


async def test_a_line_of_a_note_about_several_things_is_found_in_other_words(home: Path, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    embedder, store, tokenizer = LocalEmbedder(home), Sqlite(tmp_path / "store"), Tokenizer()
    await embedder.start()
    await store.start()
    await store.keywords.rebuild(VERSION, lambda text: text)
    await store.vectors.use(embedder.identity, embedder.dimension)
    document = await store.documents.put(NewDocument("local", "diary", "1" * 64, "md"))
    passage = NewPassage(DIARY, " ".join(tokenizer.tokens(DIARY)))
    await store.documents.index(document.id, document.content_hash, [passage])
    await store.vectors.stage(embedder.identity, [passage.hash], (await embedder.embed([DIARY], "passage")).vectors)
    await store.vectors.publish(embedder.identity)
    search = Search(store, embedder)
    await search.start()
    for question in (
        "who bought the press",
        "Who bought the old press?",
        "How much did Kurt pay for the press?",
        "What did Vera sell?",
        "why were there so few apples in 1987",
    ):
        assert (question, (await search.search(question, ALL)).status) == (question, "ok")
    for question in ("who bought the car", "What did Otto sell?", "who is the president of the apple company", "thanks"):
        assert (question, (await search.search(question, ALL)).status) == (question, "empty")
    await embedder.aclose()
    await store.aclose()
