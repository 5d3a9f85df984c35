"""What the views' modules work out by themselves, in Node: highlighting, folders, places, the badge, durations, calls."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.web.test_static import STATIC, run


def worked_out(module: str, expression: str) -> Any:
    """What an expression over a module's exports is."""
    return json.loads(
        run(f"import * as it from {json.dumps((STATIC / module).as_uri())}; console.log(JSON.stringify({expression}))")
    )


def test_the_words_of_a_question_are_found() -> None:
    cases = [
        ("We planted the cherry trees.", "Who planted a cherry tree?", ["planted", "cherry", "trees"]),
        ("A street, a tree, TREES", "tree", ["tree", "TREES"]),  # not inside of a word
        ("我们种下了樱桃树\uff0c樱花", "樱桃树在哪里\uff1f", ["樱桃树"]),
        ("Über Straßen (c++) [x]", "straßen c++ über", ["Über", "Straßen", "c"]),
        ("שתלנו עץ דובדבן", "עץ", ["עץ"]),
        ("What is it?", "what is it", ["What", "is", "it"]),  # nothing but common words
        ("nothing", "a.*b (", []),
        ("x", "", []),
    ]
    code = "cases.map(([text, question]) => it.spans(text, question).map(([start, stop]) => text.slice(start, stop)))"
    found = worked_out("library/highlight.js", f"(() => {{ const cases = {json.dumps(cases)}; return {code}; }})()")
    assert found == [words for _, _, words in cases]


def test_an_excerpt_begins_shortly_before_the_first_word() -> None:
    long = "word " * 200 + "cherry tree\n\n\nand more"
    short, cut = worked_out(
        "library/highlight.js", f"[it.excerpt('a\\n\\n\\nb', 'x'), it.excerpt({json.dumps(long)}, 'cherry')]"
    )
    assert short == "a\nb"
    assert cut.startswith("… word ")
    assert 50 < cut.index("cherry") < 120


def test_what_is_a_document_in_a_folder() -> None:
    wanted = ["notes.md", "Makefile", "a.b.txt", "mail.eml", "keynotes.txt", "environment.md"]
    others = [".env", "x.PNG", "id_rsa", "id_ed25519.pub", "server.key", "~$report.docx", "a.tmp", "Thumbs.db"]
    assert worked_out("library/walk.js", f"{json.dumps(wanted + others)}.filter(it.isWantedFile)") == wanted
    folders = ["notes", ".git", "node_modules", "__pycache__"]
    assert worked_out("library/walk.js", f"{folders}.filter(it.isWantedFolder)") == ["notes"]


def test_places_are_told_as_far_as_they_are_known() -> None:
    places = [
        {},
        {"page": 4},
        {"page": 4, "last_page": 4},
        {"page": 4, "last_page": 6, "heading": "A > B"},
        {"sheet": "Sums", "heading": ["A", "B"]},
        {"slide": 2, "page": None},
    ]
    told = ["", "page 4", "page 4", "pages 4\u20136, § A > B", "sheet Sums, § A \u203a B", "slide 2"]
    assert worked_out("sources/place.js", f"{json.dumps(places)}.map((place) => it.placeText(place))") == told


def test_the_badge_says_how_an_answer_stands_to_the_documents() -> None:
    found = {"status": "ok", "mode": "hybrid", "query": "x", "k": 5, "ms": 1}
    answers = [
        {},
        {"retrieval": {**found, "status": "empty"}, "sources": []},
        {"retrieval": found, "sources": []},
        {"retrieval": found, "sources": [{"index": 1}]},
        {"retrieval": found, "sources": [{"index": 1}], "cited": []},
        {"retrieval": found, "sources": [{"index": 1}], "cited": [1]},
    ]
    verdicts = worked_out("sources/badge.js", f"{json.dumps(answers)}.map(it.verdict)")
    assert verdicts == [None, "empty", "full", "reading", "uncited", "grounded"]


def test_durations_are_told_in_their_two_largest_units() -> None:
    seconds = [0, 59.9, 60, 61, 3600, 3661, 90_061, 86_400 * 30]
    told = worked_out("strings/dates.js", f"{seconds}.map(it.duration)")
    assert told == ["0 sec", "59 sec", "1 min", "1 min 1 sec", "1 hr", "1 hr 1 min", "1 day 1 hr", "30 days"]


def test_a_key_stands_in_the_calls_only_where_it_is_given() -> None:
    texts = worked_out(
        "help/calls.js", "[null, it.PLACE, 'mk-secret'].map((key) => Object.values(it.calls('http://x', key)).join())"
    )
    assert ["MECUM_KEY" in text for text in texts] == [False, True, False]
    assert ["mk-secret" in text for text in texts] == [False, False, True]


@pytest.mark.parametrize("name", ["help", "library", "roles", "sources", "status"])
def test_both_languages_have_the_same_texts(name: str) -> None:
    english, chinese = (
        set(worked_out(f"strings/{language}/{name}.js", "Object.keys(it.default)")) for language in ("en", "zh")
    )
    assert english == chinese
