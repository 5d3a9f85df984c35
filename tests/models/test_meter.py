from mecum.models.meter import Meter


def test_what_was_there_before_is_done_but_no_speed():
    meter = Meter()
    meter.begin("x", 1000)
    meter.skip(500)
    assert (meter.done, meter.rate(0), meter.left(0)) == (500, None, None)
    meter.add(100, 10.0)
    assert meter.rate(10.5) is None  # too soon
    meter.add(100, 12.0)
    assert meter.rate(12.0) == 50
    assert meter.left(12.0) == 6


def test_the_rate_is_that_of_the_last_seconds():
    meter = Meter()
    meter.begin("x", None)
    for second in range(100):
        meter.add(10 if second < 50 else 1000, float(second))
    assert meter.rate(99.0) == 1000
    assert meter.left(99.0) is None
    assert meter.rate(109.0) < 1000  # nothing comes any more


def test_what_has_to_come_again_is_done_no_more():
    meter = Meter()
    meter.begin("x", 100)
    meter.add(60, 1.0)
    meter.skip(-60)
    assert meter.done == 0
