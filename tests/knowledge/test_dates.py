"""The times that texts name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mecum.knowledge.dates import OLDEST, named, tells

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)  # a Friday


def days(text: str) -> list[tuple[str, str]]:
    found = named(text, NOW.timestamp())
    periods = found.periods if found else ()
    return [(day(period.since), day(period.until - 1)) for period in periods]


def day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("What did we do on 8 May 2023?", "2023-05-08", "2023-05-08"),
        ("on May 8th, 2023", "2023-05-08", "2023-05-08"),
        ("am 8. Mai 2023", "2023-05-08", "2023-05-08"),
        ("el 8 de mayo de 2023", "2023-05-08", "2023-05-08"),
        ("since 2023-05-08", "2023-05-08", "2023-05-08"),
        ("2023年5月8日", "2023-05-08", "2023-05-08"),
        ("What happened in October 2023?", "2023-10-01", "2023-10-31"),
        ("im März 2024", "2024-03-01", "2024-03-31"),
        ("2023年5月", "2023-05-01", "2023-05-31"),
        ("in 2023", "2023-01-01", "2023-12-31"),
        ("im Jahr 2023", "2023-01-01", "2023-12-31"),
        ("in the summer of 2021", "2021-06-01", "2021-08-31"),
        ("winter 2021", "2021-12-01", "2022-02-28"),
        ("last summer", "2026-06-01", "2026-08-31"),
        ("this autumn", "2026-09-01", "2026-11-30"),
        ("today", "2026-11-27", "2026-11-27"),
        ("Was hat sie gestern gesagt?", "2026-11-26", "2026-11-26"),
        ("昨天", "2026-11-26", "2026-11-26"),
        ("last night", "2026-11-26", "2026-11-26"),
        ("last week", "2026-11-16", "2026-11-22"),
        ("this week", "2026-11-23", "2026-11-29"),
        ("letzte Woche", "2026-11-16", "2026-11-22"),
        ("la semana pasada", "2026-11-16", "2026-11-22"),
        ("la semaine dernière", "2026-11-16", "2026-11-22"),
        ("上周我做了什么?", "2026-11-16", "2026-11-22"),
        ("last weekend", "2026-11-21", "2026-11-22"),
        ("last month", "2026-10-01", "2026-10-31"),
        ("上个月", "2026-10-01", "2026-10-31"),
        ("last year", "2025-01-01", "2025-12-31"),
        ("去年", "2025-01-01", "2025-12-31"),
        ("two weeks ago", "2026-11-09", "2026-11-15"),
        ("vor drei Tagen", "2026-11-24", "2026-11-24"),
        ("il y a 3 jours", "2026-11-24", "2026-11-24"),
        ("三天前", "2026-11-24", "2026-11-24"),
        ("12 months ago", "2025-11-01", "2025-11-30"),
        ("in the last 10 days", "2026-11-17", "2026-11-27"),
        ("last Friday", "2026-11-20", "2026-11-20"),
        ("am Montag", "2026-11-23", "2026-11-23"),
    ],
)
def test_what_is_meant(text: str, first: str, last: str) -> None:
    assert days(text) == [(first, last)]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "May I ask?",
            "They march on.",
            "Cyberpunk 2077",
            "the 1980s",
            "Was steht hier?",
            "room 12",
            "",
        ),
        *("999999999999 days ago", "last 99999 years", "99/99/2023", "2023-13-45", "2023年13月", "in five minutes"),
    ],
)
def test_what_names_no_time(text: str) -> None:
    assert days(text) == []


def test_without_a_year_each_may_be_meant_and_a_date_may_be_read_in_two_ways() -> None:
    june = days("When did they go camping in June?")
    assert ("2026-06-01", "2026-06-30") in june
    assert ("2001-06-01", "2001-06-30") in june
    assert june[0][0] >= f"{OLDEST}"
    assert ("2020-02-29", "2020-02-29") in days("on 29 February")
    assert sorted(days("8/5/2023")) == [("2023-05-08", "2023-05-08"), ("2023-08-05", "2023-08-05")]
    assert days("in May 2023 and in June 2024") == [("2023-05-01", "2023-05-31"), ("2024-06-01", "2024-06-30")]


def test_it_says_which_words_name_the_time() -> None:
    found = named("What did Maria plan in May 2023 with John?", NOW.timestamp())
    assert found is not None
    assert found.words == "may 2023"


def test_people_speak_of_things_after_they_happened_not_before() -> None:
    found = named("yesterday", NOW.timestamp())
    assert found is not None
    strengths = [found.strength((NOW - timedelta(days)).timestamp()) for days in (2, 1, 0, -1, -9)]
    assert strengths[0] == strengths[4] == 0.0
    assert 1.0 == strengths[1] > strengths[2] > strengths[3] > 0.0
    assert found.strength(None) == 0.0


@pytest.mark.parametrize(
    "text",
    [
        *("I went there yesterday.", "Built in 1066.", "Am Montag kam er.", "他在1990年出生", "on 3 May", "next month"),
        *("We met 2 days ago.", "vor drei Tagen", "8.5.2023", "It was last summer"),
    ],
)
def test_texts_that_tell_a_time(text: str) -> None:
    assert tells(text)


@pytest.mark.parametrize("text", ["It has 5 rooms.", "You may ask.", "The march was long.", "Good day!", "", "v1.2.3"])
def test_texts_that_tell_none(text: str) -> None:
    assert not tells(text)
