"""So often in a minute, so much at once: exact at every boundary."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecum.errors import RateLimited
from mecum.keys.limits import WINDOW, Limit


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def lets_in(limit: Limit) -> bool:
    try:
        with limit:
            return True
    except RateLimited:
        return False


def told_to_wait(limit: Limit) -> int:
    try:
        with limit:
            return 0
    except RateLimited as refused:
        return refused.retry_after


def test_the_boundary_of_a_minute_is_exact() -> None:
    clock = Clock()
    limit = Limit(3, None, clock)
    assert [lets_in(limit) for _ in range(4)] == [True, True, True, False]
    clock.now += WINDOW - 0.001
    assert not lets_in(limit)
    clock.now += 0.001
    assert [lets_in(limit) for _ in range(4)] == [True, True, True, False]


def test_refusals_cost_nothing() -> None:
    clock = Clock()
    limit = Limit(1, None, clock)
    assert lets_in(limit)
    for _ in range(59):
        clock.now += 1
        assert not lets_in(limit)
    clock.now += 1
    assert lets_in(limit)


def test_it_says_how_it_stands() -> None:
    clock = Clock()
    limit = Limit(2, None, clock)
    names = [f"x-ratelimit-{name}-requests" for name in ("limit", "remaining", "reset")]
    assert [limit.headers()[name] for name in names] == ["2", "2", "0s"]
    assert lets_in(limit)
    clock.now += 10.25
    assert [limit.headers()[name] for name in names] == ["2", "1", "49.75s"]
    assert lets_in(limit)
    with pytest.raises(RateLimited, match="2 requests a minute") as caught, limit:
        pass
    assert caught.value.retry_after == 50
    clock.now += 49.75
    assert [limit.headers()[name] for name in names] == ["2", "1", "10.25s"]
    assert Limit(None, 1, clock).headers() == {}


def test_so_many_at_once() -> None:
    limit = Limit(None, 2)
    with limit:
        with limit:
            with pytest.raises(RateLimited, match="2 requests at work at once") as caught, limit:
                pass
            assert caught.value.retry_after == 1
        assert lets_in(limit)
    with pytest.raises(ZeroDivisionError), limit:
        1 / 0  # noqa: B018
    with limit, limit:
        assert not lets_in(limit)


def test_one_too_many_at_once_is_not_counted_for_the_minute() -> None:
    limit = Limit(2, 1)
    with limit:
        assert not lets_in(limit)
    assert lets_in(limit)
    assert not lets_in(limit)


@given(st.integers(1, 5), st.lists(st.floats(0, 40), max_size=60))
def test_in_no_minute_are_more_let_in(rate: int, steps: list[float]) -> None:
    clock = Clock()
    limit = Limit(rate, None, clock)
    let_in: list[float] = []
    for step in steps:
        clock.now += step
        recent = [when for when in let_in if when + WINDOW > clock.now]
        expected = len(recent) < rate
        assert lets_in(limit) == expected
        if expected:
            let_in.append(clock.now)
    for when in let_in:
        assert sum(when <= other < when + WINDOW for other in let_in) <= rate


@given(st.integers(1, 3), st.lists(st.floats(0, 40), max_size=30))
def test_who_waits_as_long_as_was_said_is_let_in(rate: int, steps: list[float]) -> None:
    clock = Clock()
    limit = Limit(rate, None, clock)
    for step in steps:
        clock.now += step
        wait = told_to_wait(limit)
        assert 0 <= wait <= math.ceil(WINDOW)
        clock.now += wait
        assert not wait or lets_in(limit)
