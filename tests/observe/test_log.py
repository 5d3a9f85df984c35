import asyncio
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator

import pytest
from pydantic import BaseModel

from mecum.errors import EngineDown
from mecum.observe.log import configure, on_loop_error
from mecum.observe.request import access, request_id

CANARY = "canary-7f3a"
Lines = Callable[[], list[str]]


@pytest.fixture(params=["text", "json"])
def form(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def log(form: str) -> Iterator[io.StringIO]:
    root, ours, theirs = (logging.getLogger(name) for name in (None, "mecum", "uvicorn.error"))
    before = root.handlers[:], root.level, ours.level, theirs.level
    stream = io.StringIO()
    # basicConfig(force=True) would close pytest's own handlers
    root.handlers.clear()
    configure("debug", form, stream)
    yield stream
    logging.captureWarnings(False)
    root.handlers[:], root.level = before[0], before[1]
    ours.setLevel(before[2])
    theirs.setLevel(before[3])


def parsed(stream: io.StringIO) -> dict:
    return json.loads(stream.getvalue().splitlines()[-1])


class Question(BaseModel):
    age: int


def failing() -> None:
    try:
        Question.model_validate({"age": CANARY})
    except ValueError as error:
        raise KeyError(CANARY) from error


def test_a_line_has_time_level_logger_message_fields_and_request(log, form):
    request_id.set("req-1")
    logging.getLogger("mecum.engine").info("the model is ready", extra={"model": "Smol LM", "seconds": 2.5})
    request_id.set(None)
    if form == "json":
        line = parsed(log)
        assert line.pop("time")[10] == "T"
        assert line == {
            "level": "info",
            "logger": "mecum.engine",
            "message": "the model is ready",
            "model": "Smol LM",
            "seconds": 2.5,
            "request": "req-1",
        }
    else:
        line = log.getvalue()
        assert line.endswith('info    mecum.engine: the model is ready model="Smol LM" seconds=2.5 request=req-1\n')


def test_an_error_tells_where_but_not_what_the_data_was(log):
    try:
        failing()
    except KeyError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application\n")
    text = log.getvalue()
    assert CANARY not in text
    assert "builtins.KeyError" in text
    assert "ValidationError" in text
    assert "in failing" in text


def test_an_error_that_speaks_of_the_machine_keeps_its_words(log):
    logging.getLogger("mecum.engine").error("no answer", exc_info=EngineDown("the engine was killed by signal 9"))
    assert "killed by signal 9" in log.getvalue()


def test_each_error_of_a_group_is_told_without_its_words(log):
    group = ExceptionGroup(CANARY, [ValueError(CANARY), OSError("disk full")])
    logging.getLogger("mecum").error("several", exc_info=group)
    text = log.getvalue()
    assert CANARY not in text
    assert "builtins.ValueError" in text
    assert "disk full" in text


async def test_a_failed_task_that_nobody_awaited_is_logged_without_its_words(log):
    asyncio.get_running_loop().set_exception_handler(on_loop_error)

    async def fail() -> None:
        raise ValueError(CANARY)

    task = asyncio.create_task(fail())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
    assert "Task exception was never retrieved" in log.getvalue()
    assert "builtins.ValueError" in log.getvalue()
    assert CANARY not in log.getvalue()


def test_libraries_never_speak_below_info(log):
    logging.getLogger("aiohttp.client").debug(CANARY)
    logging.getLogger("aiohttp.client").info("opened")
    assert CANARY not in log.getvalue()
    assert "opened" in log.getvalue()


def test_at_level_info_libraries_speak_from_warning_on(log, form):
    configure("info", form, log)
    logging.getLogger("uvicorn.error").info("Started server process")
    logging.getLogger("mecum.app").info("ours")
    logging.getLogger("mecum.app").debug("hidden")
    assert [word in log.getvalue() for word in ("Started", "ours", "hidden")] == [False, True, False]


def test_at_level_error_nothing_less_is_written(log, form):
    configure("error", form, log)
    logging.getLogger("mecum").warning("less")
    logging.getLogger("uvicorn.error").warning("less")
    assert log.getvalue() == ""


def test_warnings_come_as_log_lines(log):
    warnings.simplefilter("always")
    warnings.warn("old thing", UserWarning, stacklevel=1)
    assert "old thing" in log.getvalue()
    assert len(log.getvalue().splitlines()) == 1


def test_no_client_can_forge_a_line(log):
    access(method="GET", path="/x\n2026-01-01 error mecum: forged\x1b[2J", status=404, seconds=0.001)
    assert len(log.getvalue().splitlines()) == 1
    assert "\x1b" not in log.getvalue()
