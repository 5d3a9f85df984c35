"""From a question to its passages, over a real store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mecum.engine.embedder.scripted import ScriptedEmbedder
from mecum.knowledge.search import Search
from mecum.knowledge.tokens import VERSION, Tokenizer
from mecum.store.sqlite import Sqlite
from mecum.store.values import Document, Filter, NewDocument, NewPassage

ALL = Filter("local")
TOKENIZER = Tokenizer()
FACTS = (
    "Marie Curie discovered polonium and radium in Paris.",
    "The Vistula flows through Kraków and Warsaw into the Baltic Sea.",
    "Basil needs warm soil, much sun and little wind to grow well.",
    "Our boiler was repaired in March by a plumber called Otto.",
    "The train to Lisbon leaves at seven from platform nine.",
)


class Library:
    """A store with a few documents, and what searches it."""

    def __init__(self, home: Path) -> None:
        self.store = Sqlite(home)
        self.embedder = ScriptedEmbedder()
        self.search = Search(self.store, self.embedder)

    async def add(self, path: str, *texts: str, date: float | None = None, **fields: str) -> Document:
        new = NewDocument("local", path, path.encode().hex().rjust(64, "0")[-64:], "txt", date=date, **fields)  # type: ignore[arg-type]
        document = await self.store.documents.put(new)
        passages = [NewPassage(text, " ".join(TOKENIZER.tokens(text)), place={"page": 2}) for text in texts]
        indexed = await self.store.documents.index(document.id, document.content_hash, passages)
        assert indexed is not None
        return indexed

    async def embed(self) -> None:
        await self.store.vectors.use(self.embedder.identity, self.embedder.dimension)
        texts = await self.store.vectors.missing(self.embedder.identity, 1000)
        vectors = await self.embedder.embed_passages([text.embedded for text in texts])
        await self.store.vectors.stage(self.embedder.identity, [text.hash for text in texts], vectors)
        await self.store.vectors.publish(self.embedder.identity)


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    made = Library(tmp_path)
    await made.store.start()
    await made.embedder.start()
    for number, fact in enumerate(FACTS):
        await made.add(f"{number}.txt", fact, date=float(number), collection="science" if number == 0 else "default")
    await made.embed()
    await made.search.start()
    yield made
    assert await made.store.check() == ()
    await made.store.aclose()


async def test_the_passage_that_answers_comes_first_with_its_place(library: Library) -> None:
    found = await library.search.search("Who discovered radium?", ALL)
    assert (found.status, found.mode, found.k) == ("ok", "hybrid", 5)
    best = found.hits[0]
    assert (best.text, best.path, best.page, best.collection, best.date) == (FACTS[0], "0.txt", 2, "science", 0.0)
    assert 0.1 <= best.score <= 1
    assert best.chunk_id
    assert found.ms > 0


async def test_what_the_library_does_not_answer_is_empty(library: Library) -> None:
    for question in ("What is the mating season of humpback whales?", "Wie hoch ist der Eiffelturm?", "鲸鱼", "", "?!"):
        found = await library.search.search(question, ALL)
        assert (found.status, found.hits) == ("empty", ())


async def test_min_score_takes_the_floors_place(library: Library) -> None:
    every = await library.search.search("Who discovered radium?", ALL, k=5, min_score=0.0)
    assert len(every.hits) > 1
    assert (await library.search.search("Who discovered radium?", ALL, min_score=1.0)).status == "empty"


async def test_keywords_answer_before_the_vectors_are_there(library: Library) -> None:
    await library.add("new.txt", "Penguins breed on the ice of Antarctica.")
    found = await library.search.search("Where do penguins breed?", ALL)
    assert found.hits[0].path == "new.txt"


async def test_without_an_embedder_keywords_answer_and_mode_says_so(library: Library) -> None:
    for search in (Search(library.store), Search(library.store, ScriptedEmbedder(missing=True))):
        found = await search.search("Who discovered radium?", ALL)
        assert (found.mode, found.hits[0].path) == ("keyword", "0.txt")
    await library.embedder.aclose()  # it fails from now on
    found = await library.search.search("Who discovered radium?", ALL)
    assert (found.mode, found.hits[0].path) == ("keyword", "0.txt")


async def test_vectors_of_another_embedder_are_not_compared(library: Library) -> None:
    other = ScriptedEmbedder(identity="scripted-2")
    await other.start()
    assert (await Search(library.store, other).search("Who discovered radium?", ALL)).mode == "keyword"


async def test_asked_for_vectors_keywords_answer_where_there_are_none_and_mode_says_so(library: Library) -> None:
    for embedder in (None, ScriptedEmbedder(missing=True), ScriptedEmbedder(identity="scripted-2")):
        if embedder:
            await embedder.start()
        found = await Search(library.store, embedder).search("Who discovered radium?", ALL, mode="vector")
        assert (found.mode, found.hits[0].path) == ("keyword", "0.txt")


async def test_modes(library: Library) -> None:
    assert (await library.search.search("Who discovered radium?", ALL, mode="keyword")).mode == "keyword"
    found = await library.search.search("Marie Curie discovered polonium and radium in Paris", ALL, mode="vector")
    assert (found.mode, found.hits[0].path) == ("vector", "0.txt")
    ranked = [
        one.found.key
        for one in (await library.search.rank("Otto, when was the boiler repaired?", ALL, mode="vector")).passages
    ]
    assert ranked == list((await library.search.scores("Otto, when was the boiler repaired?", ALL, 50))[1])


async def test_a_deleted_or_replaced_document_answers_no_more(library: Library) -> None:
    document = await library.store.documents.find("local", "science", "0.txt")
    assert document is not None
    await library.store.documents.delete("local", [document.id])
    found = await library.search.search("Who discovered radium?", ALL, min_score=0.0)
    assert "0.txt" not in [hit.path for hit in found.hits]


async def test_filters_hold_for_both_sides(library: Library) -> None:
    async def paths(**fields: object) -> set[str]:
        found = await library.search.search("discovered radium", Filter("local", **fields), min_score=0.0)  # type: ignore[arg-type]
        return {hit.path for hit in found.hits}

    assert await paths(collections=("science",)) == {"0.txt"}
    assert await paths(path_prefix="1") == {"1.txt"}
    assert await paths(kinds=("pdf",)) == set()
    assert await paths(since=3.0) == {"3.txt", "4.txt"}
    assert await paths(until=0.0) == {"0.txt"}
    assert await library.search.search("radium", Filter("eve"), min_score=0.0) is not None
    assert (await library.search.search("radium", Filter("eve"), min_score=0.0)).hits == ()


async def test_copies_and_neighbours_make_one_hit(library: Library) -> None:
    text = "The lighthouse keeper wrote a diary about storms every single night of that winter."
    await library.add("a.txt", text, "The diary was lost when the lighthouse burned down in spring, and the keeper left.")
    await library.add("copy.txt", text)
    await library.embed()
    found = await library.search.search("What happened to the diary of the lighthouse keeper?", ALL)
    assert sum("storms every single night" in hit.text for hit in found.hits) == 1
    merged = next(hit for hit in found.hits if hit.path == "a.txt")
    assert "burned down" in merged.text


async def test_many_questions_at_once_while_documents_come_and_go(library: Library) -> None:
    async def churn() -> None:
        for number in range(10):
            document = await library.add(f"x{number}.txt", f"Passing remark number {number} about radium.")
            await library.embed()
            await library.store.documents.delete("local", [document.id])

    questions = [library.search.search("Who discovered radium?", ALL) for _ in range(20)]
    *answers, _ = await asyncio.gather(*questions, churn())
    assert all(answer.hits[0].path in {"0.txt", *(f"x{number}.txt" for number in range(10))} for answer in answers)


async def test_keywords_of_another_tokeniser_are_made_anew_at_the_start(library: Library) -> None:
    await library.store.keywords.rebuild("0", lambda _: "nothing")
    assert (await Search(library.store).search("radium", ALL)).status == "empty"
    search = Search(library.store)
    await search.start()
    assert await library.store.keywords.stamp() == VERSION
    assert (await search.search("radium", ALL)).hits[0].path == "0.txt"


@pytest.mark.parametrize("number", [1, 3])
async def test_the_smallest_libraries(tmp_path: Path, number: int) -> None:
    library = Library(tmp_path)
    await library.store.start()
    await library.embedder.start()
    assert (await library.search.search("Who discovered radium?", ALL)).status == "empty"
    for place, fact in enumerate(FACTS[:number]):
        await library.add(f"{place}.txt", fact)
    for _ in range(2):  # without vectors, then with them
        for question in ("Who discovered radium?", "radium", "Curie"):
            found = await library.search.search(question, ALL)
            assert [hit.path for hit in found.hits][:1] == ["0.txt"]
        for question in ("Hello!", "thanks", "Write me a poem about spring", "Where did I park the car?", "what"):
            assert (await library.search.search(question, ALL)).status == "empty"
        await library.embed()
    await library.store.aclose()


async def test_documents_without_vectors_yet_stand_beside_those_with_them(library: Library) -> None:
    await library.add("new.txt", "Pierre Curie shared the prize for radium, which Marie Curie discovered.")
    found = await library.search.search("Who discovered radium?", ALL)
    assert {hit.path for hit in found.hits} >= {"0.txt", "new.txt"}
    await library.add("other.txt", "The prize of the village fair went to a cow.")
    assert "other.txt" not in [hit.path for hit in (await library.search.search("Who discovered radium?", ALL)).hits]


async def test_a_page_that_is_pasted_is_searched_for_by_the_question_beside_it(library: Library) -> None:
    page = "\n".join(f"The panel number {number} flutters at supersonic speed in the tunnel." for number in range(40))
    for text in (f"Who discovered radium?\n\n{page}", f"{page}\nWho discovered radium?"):
        found = await library.search.search(text, ALL)
        assert [hit.path for hit in found.hits] == ["0.txt"]
        assert found.query == "Who discovered radium?"
    assert (await library.search.search(f"Summarise this.\n{page}", ALL)).status == "empty"
    assert (await library.search.search(page * 500, ALL)).status == "empty"


async def test_the_time_that_a_question_names_finds_what_is_of_that_time(library: Library) -> None:
    def day(year: int, month: int, number: int) -> float:
        return datetime(year, month, number, 12, tzinfo=UTC).timestamp()

    may, june = "Anna: The pottery course was great today.", "Anna: The pottery course was dull today."
    await library.add("june.txt", june, date=day(2023, 6, 20))
    await library.add("may.txt", may, date=day(2023, 5, 9))
    await library.embed()
    now = day(2023, 6, 27)
    search = Search(library.store, library.embedder, clock=lambda: now)
    for question, path in (
        ("How was the pottery course in May 2023?", "may.txt"),
        ("How was the pottery course in June 2023?", "june.txt"),
        ("How was the pottery course last week?", "june.txt"),
        ("How was the pottery course last month?", "may.txt"),
        ("Wie war the pottery course am 9. Mai?", "may.txt"),
    ):
        for mode in ("hybrid", "keyword"):
            found = await search.search(question, ALL, mode=mode)
            assert found.hits[0].path == path
    until = Filter("local", until=day(2023, 6, 1))
    assert [hit.path for hit in (await search.search("pottery course in June 2023", until)).hits] == ["may.txt"]


async def test_what_somebody_said_is_found_under_their_name(library: Library) -> None:
    await library.add(
        *("chat.txt", "Otto: What will you paint, Anna?", "Anna: A sunset by the lake, with a boat."),
        *("Otto: I cook for you, Anna.", "Anna: Wonderful."),
    )
    await library.embed()
    ranking = await library.search.rank("What will Anna paint?", ALL)
    texts = [one.found.passage.text for one in ranking.passages]
    assert texts.index("Anna: A sunset by the lake, with a boat.") < texts.index("Otto: I cook for you, Anna.")
