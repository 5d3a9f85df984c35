"""Which models are loaded and unloaded: the decision by itself, and any order of requests, answers, loads and unloads."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from mecum.engine.memory import Phase, Tenant, Verdict, decide, victims

NAMES = ("a", "b", "c", "d")


def out(name: str, size: int, waits: int | None = None, *, least: int = 0) -> Tenant:
    return Tenant(name, size, least or size, waits=waits)


def loaded(name: str, size: int, *, used: float = 0, busy: bool = False, waits: int | None = None) -> Tenant:
    return Tenant(name, size, size, "in", busy=busy, used=used, waits=waits)


def test_nobody_waits() -> None:
    assert decide([out("a", 5), loaded("b", 5)], 3) == Verdict()


def test_who_waits_for_what_is_loaded_begins() -> None:
    assert decide([loaded("a", 5, waits=1, busy=True)], 5) == Verdict(admit=["a"])


def test_what_fits_is_loaded_beside_the_others() -> None:
    assert decide([out("a", 4, 2), loaded("b", 4), out("c", 2, 1)], 10) == Verdict(load={"c": 2, "a": 4})


def test_the_longest_unused_goes_and_no_more_than_needed() -> None:
    others = [loaded("b", 3, used=5), loaded("c", 3, used=2), loaded("d", 3, used=9)]
    assert decide([out("a", 3, 1), *others], 10) == Verdict(unload=["c"])
    assert decide([out("a", 5, 1), *others], 10) == Verdict(unload=["c", "b"])
    large = [loaded("b", 8, used=5), loaded("c", 1, used=2)]
    assert decide([out("a", 5, 1), *large], 10) == Verdict(unload=["b"]), "c alone would not do, and with b is not needed"


def test_idle_ones_go_before_busy_ones() -> None:
    assert decide([out("a", 4, 1), loaded("b", 4, used=1, busy=True), loaded("c", 4, used=9)], 10) == Verdict(unload=["c"])


def test_a_busy_one_ends_its_answers_and_takes_no_later_request() -> None:
    waiting = out("a", 8, 5)
    assert decide([waiting, loaded("b", 8, busy=True)], 10) == Verdict()
    assert decide([waiting, loaded("b", 8, busy=True, waits=6)], 10) == Verdict()
    assert decide([waiting, loaded("b", 8, busy=True, waits=4)], 10) == Verdict(admit=["b"])
    assert decide([waiting, loaded("b", 8, waits=6)], 10) == Verdict(unload=["b"])


def test_others_go_on_while_one_waits_for_room() -> None:
    tenants = [out("a", 6, 1), loaded("b", 6, busy=True, used=1), loaded("c", 3, busy=True, used=2, waits=9)]
    assert decide(tenants, 10) == Verdict(admit=["c"])


def test_who_comes_later_does_not_take_the_room_that_another_waits_for() -> None:
    first, busy = out("a", 8, 1), loaded("b", 6, busy=True)
    assert decide([first, busy, out("c", 4, 2)], 10) == Verdict()
    assert decide([first, busy, out("c", 2, 2)], 10) == Verdict(load={"c": 2}), "there is room for both"


def test_what_is_on_its_way_is_waited_for() -> None:
    going, coming = replace(loaded("b", 8), phase="going"), replace(loaded("b", 8), phase="coming")
    assert decide([out("a", 8, 1), going], 10) == Verdict()
    assert decide([out("a", 8, 1), coming], 10) == Verdict()
    assert decide([replace(coming, waits=1)], 10) == Verdict()


def test_less_is_enough_before_another_is_unloaded() -> None:
    assert decide([out("a", 8, 1, least=5), loaded("b", 4)], 10) == Verdict(load={"a": 6})
    assert decide([out("a", 8, 1, least=7), loaded("b", 4)], 10) == Verdict(unload=["b"])
    assert decide([out("a", 12, 1, least=7)], 10) == Verdict(load={"a": 10})


def test_what_does_not_fit_even_alone() -> None:
    assert decide([out("a", 11, 1), loaded("b", 4), out("c", 6, 2)], 10) == Verdict(refuse=["a"], load={"c": 6})


@pytest.mark.parametrize("missing", [0, -3])
def test_nothing_is_missing(missing: int) -> None:
    assert victims([loaded("a", 3)], missing) == []


@dataclass
class Place:
    """A model as `several` would keep it. `waiting` are numbers of requests."""

    size: int
    least: int
    phase: Phase = "out"
    memory: int = 0
    used: int = 0
    at_work: int = 0
    waiting: list[int] = field(default_factory=list)

    def tenant(self, name: str) -> Tenant:
        size, least = (self.size, self.least) if self.phase == "out" else (self.memory, self.memory)
        waits = min(self.waiting, default=None)
        return Tenant(name, size, least, self.phase, busy=self.at_work > 0, used=self.used, waits=waits)


class Life(RuleBasedStateMachine):
    """Requests come and leave; loads and unloads end, at any time, in any order."""

    @initialize(
        budget=st.integers(5, 20),
        sizes=st.lists(st.tuples(st.integers(1, 22), st.integers(0, 6)), min_size=len(NAMES), max_size=len(NAMES)),
    )
    def begin(self, budget: int, sizes: list[tuple[int, int]]) -> None:
        self.budget = budget
        self.places = {name: Place(size, max(1, size - less)) for name, (size, less) in zip(NAMES, sizes, strict=True)}
        self.clock = 0

    @rule(name=st.sampled_from(NAMES))
    def come(self, name: str) -> None:
        self.places[name].waiting.append(self._tick())
        self._settle()

    @precondition(lambda self: any(place.waiting for place in self.places.values()))
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        place = data.draw(st.sampled_from([place for place in self.places.values() if place.waiting]))
        place.waiting.remove(data.draw(st.sampled_from(place.waiting)))
        self._settle()

    @precondition(lambda self: any(place.at_work for place in self.places.values()))
    @rule(data=st.data())
    def end_an_answer(self, data: st.DataObject) -> None:
        self._end(data.draw(st.sampled_from([place for place in self.places.values() if place.at_work])))

    @precondition(lambda self: any(place.phase in ("coming", "going") for place in self.places.values()))
    @rule(data=st.data(), fails=st.booleans())
    def arrive(self, data: st.DataObject, fails: bool) -> None:
        place = data.draw(st.sampled_from([place for place in self.places.values() if place.phase in ("coming", "going")]))
        self._arrive(place, fails=fails)

    def _end(self, place: Place) -> None:
        place.at_work -= 1
        place.used = self._tick()
        self._settle()

    def _arrive(self, place: Place, *, fails: bool = False) -> None:
        if place.phase == "coming" and not fails:
            place.phase, place.used = "in", self._tick()
        elif place.phase == "coming":
            place.phase = "going"
            place.waiting.clear()
        else:
            place.phase, place.memory = "out", 0
        self._settle()

    def _tick(self) -> int:
        self.clock += 1
        return self.clock

    def _settle(self) -> None:
        before = {name: place.tenant(name) for name, place in self.places.items()}
        verdict = decide(list(before.values()), self.budget)
        named = [*verdict.admit, *verdict.load, *verdict.unload, *verdict.refuse]
        assert len(named) == len(set(named)), "one thing at a time"
        for name in verdict.refuse:
            assert self.places[name].least > self.budget
            self.places[name].waiting.clear()
        for name in verdict.admit:
            assert before[name].phase == "in"
            self.places[name].at_work += len(self.places[name].waiting)
            self.places[name].waiting.clear()
        for name, memory in verdict.load.items():
            place = self.places[name]
            assert before[name].phase == "out"
            assert place.waiting
            assert place.least <= memory <= place.size
            place.phase, place.memory = "coming", memory
        for name in verdict.unload:
            assert before[name].phase == "in"
            assert not before[name].busy
            self.places[name].phase = "going"

    @invariant()
    def the_budget_holds(self) -> None:
        if hasattr(self, "places"):
            assert sum(place.memory for place in self.places.values()) <= self.budget

    @invariant()
    def who_waits_waits_for_something(self) -> None:
        """Either something is on its way, or an answer runs, after whose end there is something to do."""
        if hasattr(self, "places") and any(place.waiting for place in self.places.values()):
            assert any(place.phase in ("coming", "going") or place.at_work for place in self.places.values())

    def teardown(self) -> None:
        """If answers end and loads succeed, nobody waits for ever, however often others come back."""
        if not hasattr(self, "places"):
            return
        waiting = {number for place in self.places.values() for number in place.waiting}
        for _ in range(200):
            if not waiting & {number for place in self.places.values() for number in place.waiting}:
                return
            self.come("a")
            for place in self.places.values():
                if place.phase in ("coming", "going"):
                    self._arrive(place)
                while place.at_work:
                    self._end(place)
        raise AssertionError(f"still waiting: {self.places}")


def test_any_life() -> None:
    run_state_machine_as_test(
        Life, settings=settings(derandomize=True, deadline=None, max_examples=80, stateful_step_count=30)
    )
