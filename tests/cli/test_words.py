from datetime import datetime

import pytest

from mecum.cli import words
from mecum.cli.terminal import one_line, plain
from mecum.errors import InvalidRequest


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1_234_567, "1.2 MB"),
        (99_960_000, "100 MB"),
        (5e12, "5.0 TB"),
        (5e16, "50000 TB"),
    ],
)
def test_a_size(number, said):
    assert words.size(number) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (59, "59 s"), (3600, "1 h"), (3725, "1 h 2 min"), (200_000, "2 d 7 h")]
)
def test_a_span_of_time(seconds, said):
    assert words.span(seconds) == said


def test_dates_are_whole_days_where_this_machine_is():
    since, until = words.moment("2024-05-31", "--since", end=False), words.moment("2024-05-31", "--until", end=True)
    assert since == datetime(2024, 5, 31).astimezone().timestamp()
    assert until - since == pytest.approx(86_400, abs=0.01)
    assert words.moment("2024-05-31T12:00+00:00", "--until", end=True) == 1_717_156_800
    assert words.day(since) == words.day(until) == "2024-05-31"
    assert words.day(None) == words.day(1e30) == ""


@pytest.mark.parametrize("text", ["yesterday", "31.5.2024", "", "2024-13-01"])
def test_what_is_no_date_is_told(text):
    with pytest.raises(InvalidRequest, match=r"--since is .* but must be a date such as 2024-05-31"):
        words.moment(text, "--since", end=False)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"title": "report.pdf", "page": 4, "heading": "Results"}, "report.pdf, page 4, § Results"),
        ({"title": "report.pdf", "page": 4, "last_page": 4}, "report.pdf, page 4"),
        ({"title": "report.pdf", "page": 4, "last_page": 5}, "report.pdf, pages 4-5"),
        ({"title": "", "path": "/a.md", "page": None, "heading": None}, "/a.md"),
        ({"title": "a", "heading": ["One", "Two"]}, "a, § One, Two"),
    ],
)
def test_where_a_passage_stands(found, said):
    assert words.place(found) == said


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"documents": {"ready": 0}, "passages": 0, "without_vector": 0}, "no documents yet"),
        (
            {"documents": {"failed": 1, "ready": 1200, "no_text": 2}, "passages": 1, "without_vector": 3},
            "1,203 documents (1,200 ready, 2 no text, 1 failed), 1 passage, 3 without a vector",
        ),
    ],
)
def test_how_far_a_library_is(counts, said):
    assert words.library(counts) == said


@pytest.mark.parametrize(
    ("embedder", "said"),
    [
        ({"state": "ready"}, "bge, ready"),
        (
            {"state": "ready", "rebuilding": True},
            "bge, 1,200 of 5,000 passages embedded; the former index answers meanwhile",
        ),
        ({"state": "failed", "reason": "It is down."}, "failed: It is down."),
        ({"state": "failed"}, "failed: no reason given"),
    ],
)
def test_how_the_embedder_does(embedder, said):
    told = {"model": "bge", "reason": None, "rebuilding": False, **embedder}
    assert words.embedder({"passages": 5000, "without_vector": 3800, "embedder": told}) == said


def test_no_text_can_steer_the_terminal():
    assert plain("a\x1b[31mb\x07\x9bc\ud800\n\td") == "a[31mbc\n\td"
    assert (
        one_line("a\nb\tc\u2028d \u202egpj.exe\x1b]0;x\x07")
        == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c\N{REPLACEMENT CHARACTER}d gpj.exe]0;x"
    )
