from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecum.engine.embedder.local import locate
from mecum.engine.embedder.pieces import Pieces
from mecum.engine.embedder.weights import read
from mecum.knowledge.chunk import CHAT, CONTEXT, PROSE, REST, chunk, estimate
from mecum.knowledge.extract.base import Block, Part, Place
from mecum.knowledge.extract.chats import Turn, conversation
from mecum.knowledge.extract.plain import markdown_blocks, numbered

WORDS = "the boat left harbour at noon with seven people and a dog because wind had turned and nobody wanted to wait".split()


def sentence(rng: random.Random) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randint(4, 25))).capitalize() + "."


def prose(rng: random.Random, paragraphs: int) -> list[str]:
    return [" ".join(sentence(rng) for _ in range(rng.randint(1, 9))) for _ in range(paragraphs)]


def document(paragraphs: list[str], **more: str) -> Part:
    return Part.of("text", [Block(text) for text in paragraphs], **more)


def talk(rng: random.Random, turns: int) -> Part:
    said = [Turn(rng.choice(("Ada", "Bo")), sentence(rng), 1.7e9 + 3600 * number) for number in range(turns)]
    return conversation("whatsapp", said)


def bare(text: str) -> str:
    return "".join(text.split())


blocks = st.lists(
    st.builds(
        Block,
        st.one_of(
            st.text(max_size=60),
            st.integers(0, 10**6).map(lambda seed: " ".join(sentence(random.Random(seed)) for _ in range(seed % 40))),
            st.integers(0, 10**6).map(lambda seed: "字" * (seed % 900) + "。"),
        ),
        st.sampled_from(["text", "heading", "turn", "row", "code"]),
        level=st.integers(1, 3),
    ),
    max_size=12,
)


@given(blocks)
def test_every_character_is_in_a_passage_at_its_place(found):
    part = Part.of("text", found)
    covered = [False] * len(part.text)
    for passage in chunk(part):
        assert passage.text == part.text[passage.start : passage.stop]
        assert passage.text.strip()
        assert (passage.place["start"], passage.place["stop"]) == (passage.start, passage.stop)
        covered[passage.start : passage.stop] = [True] * (passage.stop - passage.start)
    assert all(there or char.isspace() for there, char in zip(covered, part.text, strict=True))
    assert chunk(part) == chunk(part)


@given(blocks)
def test_no_passage_is_larger_than_it_may_be(found):
    for passage in chunk(Part.of("text", found)):
        assert estimate(passage.text) <= PROSE.most + REST + 1
        assert estimate(passage.context) <= CONTEXT


@given(blocks)
def test_only_a_new_section_begins_with_less_than_a_passage(found):
    """Whatever a passage adds to the one before it is worth a passage, or is of another section."""
    part = Part.of("text", found)
    headings = {block.start for block in part.blocks if block.kind == "heading"}
    for one, two in pairwise(chunk(part)):
        added = part.text[one.stop : two.stop]
        assert added.strip()
        assert estimate(added) >= REST or headings.intersection(range(one.stop, two.stop)), (one, two)


FULL = " ".join(["word"] * PROSE.most)


def test_a_word_that_is_left_over_goes_with_the_passage_before_it():
    assert [passage.text for passage in chunk(document([f"{FULL} have."]))] == [f"{FULL} have."]
    assert [passage.text for passage in chunk(document([FULL, "Even.", FULL]))] == [f"{FULL}\n\nEven.", FULL]
    assert [passage.text for passage in chunk(document(["Even.", FULL, FULL]))] == [
        "Even.",
        FULL,
        FULL,
    ]  # nothing is before it


def test_what_is_left_over_stays_in_its_section_and_says_where_it_ends():
    (passage,) = chunk(pages(FULL, "The end."))
    assert (passage.place["page"], passage.place["last_page"]) == (1, 2)
    for places in ([Place(sheet="A"), Place(sheet="B")], [Place(slide=1), Place(slide=2)], [Place(("A",)), Place(("B",))]):
        found = chunk(Part.of("x", [Block(FULL, place=places[0]), Block("The end.", place=places[1])]))
        assert [passage.text for passage in found] == [FULL, "The end."]


def test_a_turn_that_comes_again_is_no_passage_by_itself():
    said = ["word " * 200, "All right.", "word " * 245, "Fine."]
    first, second = chunk(conversation("whatsapp", [Turn("Ada", text) for text in said]))
    assert first.text.endswith("\nAda: All right.")
    assert second.text.endswith("\nAda: Fine.")
    assert "All right." not in second.text  # there was no room for it


def test_prose_is_of_the_right_size_and_ends_with_a_sentence():
    rng = random.Random(1)
    part = document(prose(rng, 60))
    passages = chunk(part)
    assert all(PROSE.least <= estimate(passage.text) <= PROSE.most for passage in passages[:-1])
    assert all(passage.text.endswith(".") for passage in passages)
    ends = sum(part.text[passage.stop : passage.stop + 2] in ("\n\n", "") for passage in passages)
    assert ends > 0.9 * len(passages)  # of a paragraph, wherever one is near


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("change", ["insert", "delete", "word"])
def test_a_small_change_changes_few_passages(seed, change):
    """The number of new passages does not grow with the document, and most changes cost two or three."""
    rng = random.Random(seed)
    before = prose(rng, 200)
    after, place = list(before), rng.randrange(5, 150)
    if change == "insert":
        after.insert(place, " ".join(sentence(rng) for _ in range(6)))
    elif change == "delete":
        del after[place]
    else:
        after[place] = after[place].replace(" ", " really ", 1)
    old = {passage.text for passage in chunk(document(before))}
    new = [passage for passage in chunk(document(after)) if passage.text not in old]
    assert len(old) > 60
    assert len(new) <= 8


def test_turns_are_whole_and_the_last_comes_again():
    part = talk(random.Random(2), 80)
    passages = chunk(part)
    starts = {block.start for block in part.blocks}
    assert all(passage.start in starts for passage in passages)
    same_day = [(one, two) for one, two in pairwise(passages) if not two.text.split("\n")[0].endswith("2023")]
    again = [two.start < one.stop for one, two in same_day]
    assert again
    assert all(again)
    assert all(estimate(passage.text) <= CHAT.most for passage in passages)


def test_the_day_stands_in_front_of_every_passage_of_a_chat():
    for passage in chunk(talk(random.Random(3), 80)):
        assert " 2023" in passage.context or " 2023" in passage.text.splitlines()[0]
        assert passage.date is not None


def test_a_long_turn_keeps_its_speaker():
    said = " ".join(sentence(random.Random(4)) for _ in range(60))
    passages = chunk(conversation("chatgpt", [Turn("Ada", "Hi"), Turn("Bo", said)], title="Boats"))
    assert len(passages) > 3
    assert all(passage.context == "Boats > Bo goes on" for passage in passages[2:])


def test_headings_go_with_what_follows_and_stand_above_the_rest():
    rng = random.Random(5)
    long = "\n\n".join(prose(rng, 12))
    text = f"# Harbour\n\n{long}\n\n## Boats\n\nSmall.\n\n## Tides\n\n{long}"
    passages = chunk(Part.of("markdown", markdown_blocks(numbered(text)), title="Guide"))
    assert passages[0].text.startswith("Harbour\n\n")
    assert (passages[0].context, passages[1].context) == ("Guide", "Guide > Harbour")
    assert passages[1].place["heading"] == ["Harbour"]
    boats = next(passage for passage in passages if passage.text.startswith("Boats"))
    assert boats.context == "Guide > Harbour"
    assert "Tides" in boats.text  # too small a section to stand alone
    assert not any(passage.text.endswith(("Tides", "Boats", "Harbour")) for passage in passages)


def test_places_are_those_of_the_first_block():
    found = [Block(text, "row", Place(sheet="S", line=number)) for number, text in enumerate(prose(random.Random(6), 30), 1)]
    passages = chunk(Part.of("xlsx", found))
    assert [passage.place["sheet"] for passage in passages] == ["S"] * len(passages)
    assert passages[1].place["line"] > 1


def pages(*texts: str) -> Part:
    return Part.of("pdf", [Block(text, place=Place(page=number)) for number, text in enumerate(texts, 1)])


def spans(part: Part) -> list[tuple[int, int]]:
    return [(one.place["page"], one.place.get("last_page", one.place["page"])) for one in chunk(part)]


def test_a_passage_ends_with_its_page():
    rng = random.Random(8)
    found = spans(pages(*(" ".join(prose(rng, 4)) for _ in range(20))))
    assert [first for first, last in found if first != last] == []
    assert {first for first, _ in found} == set(range(1, 21))


def test_a_sentence_that_goes_over_the_page_stays_whole():
    rng = random.Random(9)
    full = " ".join(sentence(rng) for _ in range(8))
    part = pages(f"{full} The boat went over", f"the bar at dawn. {full}", full)
    first, second, third = chunk(part)
    assert first.text.endswith("The boat went over\n\nthe bar at dawn.")
    assert second.text == third.text == full
    assert spans(part) == [(1, 2), (2, 2), (3, 3)]


def test_pages_with_little_on_them_share_a_passage_that_says_so():
    part = pages("A title.", "A motto.", " ".join(sentence(random.Random(10)) for _ in range(5)))
    assert spans(part) == [(1, 3)]


def test_where_nothing_ends_a_sentence_pages_still_part():
    """Thai, tables of figures: the first line of a page may go along, no more."""
    lines = ["ข่าวจากท่าเรือวันนี้ " * 4] * 3
    assert spans(Part.of("pdf", [Block(text, place=Place(page=n)) for n in (1, 2) for text in lines])) == [(1, 2), (2, 2)]


@pytest.mark.parametrize("title", ["", "word " * 400, "Ünïcode"])
def test_a_context_never_crowds_out_the_text(title):
    (passage,) = chunk(document(["Short."], title=title))
    assert estimate(passage.context) <= CONTEXT


def test_nothing_gives_nothing():
    assert chunk(document([])) == ()


@pytest.mark.real_model
def test_passages_fit_the_embedder(tmp_path):
    """Texts of many kinds, each as one long block, which are the hardest to cut."""
    rng = random.Random(7)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    texts = [
        " ".join(prose(rng, 60)),
        "Die Donaudampfschifffahrtsgesellschaft beschließt Geschwindigkeitsbegrenzungen. " * 60,
        "Следующее заседание комиссии начнётся во вторник в три часа дня. " * 60,
        "次の会議は火曜日の午後三時に始まります。" * 100,
        "下一次会议将于星期二下午三点举行。" * 100,
        "การประชุมครั้งต่อไปจะเริ่มเวลาบ่ายสามโมง " * 60,
        "अगले मंगलवार को बैठक दोपहर तीन बजे शुरू होगी। " * 60,
        "".join(rng.choices(alphabet, k=8000)),
        " ".join(f"{rng.random():.6f};{rng.randrange(10**6)}" for _ in range(500)),
        "-=+*/#@!?;: 😀👍🎉" * 300,
        Path(__file__).read_text(encoding="utf-8"),
        "THE NEXT MEETING BEGINS ON TUESDAY AT THREE. " * 80,
    ]
    pieces = Pieces(read(locate(tmp_path)))
    for text in texts:
        title = text[:2000]
        for passage in chunk(document([text], title=title)):
            assert len(pieces.encode(f"passage: {passage.context}\n{passage.text}", 10_000)) <= 512
