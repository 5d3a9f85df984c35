"""However an answer's bytes are cut, and however alike its events are, it is read as each event by itself would be."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.chunks import USAGE, chunk, say
from tests.engine.servers import event

from mecum.engine import stream as module
from mecum.engine.codec import Decoder
from mecum.engine.events import EventParser
from mecum.engine.repeats import Pattern
from mecum.engine.stream import FEW, PATIENCE, Stream
from mecum.errors import MecumError
from mecum.types import Delta

WORDS = st.text(max_size=4) | st.sampled_from(['"', "\\", "\n\n", "data: ", '{"content":"x"}', "\u2028", "🙂"])
TEXT = WORDS.map(lambda text: event(say(text)))
NEXT_SECOND = WORDS.map(lambda text: event(say(text, created=1)))
OTHER = st.sampled_from(
    [
        event(chunk({"role": "assistant", "content": None})),
        event(chunk({"reasoning_content": "hm"})),
        event(chunk({"content": "a", "reasoning_content": "b"})),
        event(chunk({}, "stop")),
        event(say("x", "length")),
        event(say("y", index=1)),
        event({"choices": [], "usage": USAGE}),
        event(say("z", usage=USAGE)),
        event({"error": {"code": 500, "message": "no"}}),
        event(b"[DONE]"),
        event(b'{"choices": ['),
        event(say("a")).replace(b'"a"', b'"a","b"'),
        event(say("a")).replace(b'"a"', b'"a'),
        event(say("a")).replace(b'"a"', b'"\xff"'),
        event(say("a")).replace(b'"a"', b"7"),
        event(say("a")).replace(b"\n", b"\r\n"),
        b": keep-alive\n\n",
        b"\n",
        b"data:",
    ]
)
ANSWER = st.lists(st.one_of(TEXT, TEXT, TEXT, NEXT_SECOND, OTHER), max_size=40).map(b"".join)


def plainly(answer: bytes, choices: int = 1) -> tuple[list[Delta], type[MecumError] | None]:
    """Return what an answer gives when its events are read one by one, and how it fails."""
    parser, decoder = EventParser(), Decoder(choices)
    payloads = parser.feed(answer) + parser.end()
    deltas: list[Delta] = []
    try:
        for payload in payloads:
            if not decoder.done:
                deltas += decoder.feed([payload])
        deltas += decoder.end()
    except MecumError as error:
        return deltas, type(error)
    return deltas, None


def in_pieces(pieces: list[bytes], choices: int = 1) -> tuple[list[Delta], type[MecumError] | None]:
    stream = Stream(choices)
    deltas: list[Delta] = []
    try:
        for piece in [*filter(None, pieces), b""]:
            if stream.failure:
                raise stream.failure
            deltas += stream.feed(piece)
            if stream.ended:
                break
        if stream.failure:
            raise stream.failure
    except MecumError as error:
        return deltas, type(error)
    assert stream.ended
    return deltas, None


@settings(max_examples=400)
@given(
    answer=ANSWER,
    cuts=st.lists(st.integers(0, 10_000), max_size=6),
    choices=st.integers(1, 2),
    few=st.sampled_from([0, 300, FEW]),
)
def test_it_is_read_as_event_by_event(answer: bytes, cuts: list[int], choices: int, few: int) -> None:
    places = [0, *sorted(cut % (len(answer) + 1) for cut in cuts), len(answer)]
    pieces = [answer[a:b] for a, b in itertools.pairwise(places)]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "FEW", few)
        assert in_pieces(pieces, choices) == plainly(answer, choices)


@settings(max_examples=60)
@given(answer=ANSWER)
def test_byte_by_byte(answer: bytes) -> None:
    assert in_pieces([bytes([byte]) for byte in answer]) == plainly(answer)


def test_like_events_are_read_at_once() -> None:
    stream = Stream()
    assert stream.feed(event(say("a"))) == [Delta("a")]
    assert stream.feed(event(say("b"))) == [Delta("b")]
    pattern = stream._pattern
    assert pattern
    run = b"".join(event(say(str(number))) for number in range(1000))
    assert stream.feed(run + event(chunk({}, "stop")) + event(b"[DONE]")) == [
        *(Delta(str(number)) for number in range(1000)),
        Delta(finish_reason="stop"),
    ]
    assert stream._pattern is pattern  # no event of the run was read by itself
    assert stream.ended


def test_a_run_is_found_in_the_first_read() -> None:
    begin = event(chunk({"role": "assistant", "content": None}))
    run = b"".join(event(say(str(number))) for number in range(1000))
    deltas = Stream().feed(begin + run + event(say("x", created=1)) + event(chunk({}, "stop")))
    assert deltas == [*(Delta(str(number)) for number in range(1000)), Delta("x"), Delta(finish_reason="stop")]


def test_events_that_all_differ_are_not_studied_for_ever() -> None:
    stream = Stream()
    for number in range(3 * PATIENCE):
        assert stream.feed(event(say("a", created=number))) == [Delta("a")]
    last = stream._pattern
    assert last is not None
    assert stream.feed(event(say("a", created=-1))) == [Delta("a")]
    assert stream._pattern is last
    assert Pattern.of(event(say("a", created=-1))[:-2]) != last
