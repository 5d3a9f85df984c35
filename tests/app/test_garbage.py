import gc
import weakref

import pytest

from mecum.app.garbage import YOUNG, settle


class Ring:
    """An object that only the collector can take away."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture
def restored():
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.mark.usefixtures("restored")
def test_what_starting_made_is_left_alone_and_what_comes_later_is_not():
    started = weakref.ref(Ring())
    settle()
    later = weakref.ref(Ring())
    gc.collect()
    assert started() is not None
    assert later() is None
    assert gc.get_threshold()[0] == YOUNG
