import logging

import pytest

from mecum.observe.request import access


def test_a_finished_request_leaves_one_line(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO, "mecum.access"):
        access(method="POST", path="/api/kernel2/chat", status=200, seconds=0.01234, tokens=5)
    (record,) = caplog.records
    assert record.getMessage() == "POST /api/kernel2/chat"
    assert (record.status, record.ms, record.tokens) == (200, 12.3, 5)


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_probes_are_written_at_level_debug_only(caplog: pytest.LogCaptureFixture, path: str):
    with caplog.at_level(logging.INFO, "mecum.access"):
        access(method="GET", path=path, status=200, seconds=0.001)
    assert not caplog.records
    with caplog.at_level(logging.DEBUG, "mecum.access"):
        access(method="GET", path=path, status=200, seconds=0.001)
    assert len(caplog.records) == 1


def test_a_long_path_is_cut(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO, "mecum.access"):
        access(method="GET", path="/" + "a" * 10_000, status=404, seconds=0.001)
    assert len(caplog.records[0].getMessage()) < 250
