import os
import subprocess
import sys
from pathlib import Path

import pytest

from mecum import __version__, errors
from mecum.cli.main import exit_code


def mecum(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MECUM_")}
    return subprocess.run(
        [sys.executable, "-m", "mecum", *arguments],
        env=clean | environ,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_version():
    done = mecum("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"mecum {__version__}\n", "")


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["serve", "--help"], ["ask", "--help"], ["add", "--help"]])
def test_what_needs_no_work_loads_none(arguments):
    program = (
        "import sys\nfrom mecum.cli.main import run\nsys.argv = ['mecum', *sys.argv[1:]]\n"
        "try:\n    run()\nexcept SystemExit:\n    pass\n"
        "print(sorted({'aiohttp', 'fastapi', 'uvicorn', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["srve"], "Did you mean 'serve'"),
        (["serve", "--prot", "1"], "--port"),
        (["serve", "--port", "x"], "--port"),
        (["ask", "Hi", "--temperature", "3"], "--temperature"),
        (["pull"], "WHAT"),
    ],
)
def test_wrong_usage_ends_with_2(arguments, hint):
    done = mecum(*arguments)
    assert done.returncode == 2
    assert hint.lower() in done.stderr.lower()
    assert done.stdout == ""


def test_a_wrong_setting_ends_with_3_and_one_sentence():
    done = mecum("serve", "--port", "70000")
    assert done.returncode == 3
    assert done.stderr == "mecum: --port is 70000, but must be a whole number from 0 to 65535.\n"


def test_an_unknown_variable_ends_with_3(tmp_path):
    done = mecum("config", MECUM_SERVR_PORT="1", MECUM_HOME=str(tmp_path))
    assert done.returncode == 3
    assert done.stderr == "mecum: MECUM_SERVR_PORT is not a setting of mecum. Did you mean MECUM_SERVER_PORT?\n"


def test_a_closed_pipe_is_no_failure_to_talk_about(tmp_path):
    shell = f"'{sys.executable}' -m mecum config --home '{tmp_path}' | true"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidRequest("x"), 2),
        (errors.RoleNotFound("x"), 2),
        (errors.SettingsError("x"), 3),
        (errors.AddressInUse("x"), 4),
        (errors.HomeInUse("x"), 4),
        (errors.EngineStartError("x"), 5),
        (errors.EngineDown("x"), 5),
        (errors.StoreFull("x"), 6),
        (errors.StoreStartError("x"), 6),
        (errors.RetrievalFailed("x"), 6),
        (errors.QueueFull("x"), 5),
        (errors.MecumError("x"), 1),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error, code):
    assert exit_code(error) == code


def test_the_page_on_operations_has_every_exit_code():
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    table = page.partition("## Exit codes")[2].partition("\n## ")[0]
    rows = {line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")}
    kinds = [errors.MecumError, errors.InvalidRequest, *errors.StartError.__subclasses__()]
    assert {str(exit_code(kind("x"))) for kind in kinds} | {"0", "130"} <= rows
