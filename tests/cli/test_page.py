"""`docs/cli.md` against the code: every command with every option, and every command inside a chat; and nothing else."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from mecum.cli.main import program
from mecum.cli.slash import COMMANDS

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
SECTIONS = {
    found[1]: found[2] for found in re.finditer(r"^## mecum (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
}
CLI: Any = typer.main.get_command(program())


def names(parameter: Any) -> str:
    metavar = f" {parameter.metavar}" if parameter.metavar else ""
    return " / ".join([*parameter.opts, *parameter.secondary_opts]) + metavar


def options(section: str) -> dict[str, str]:
    return dict(re.findall(r"^\| `(-[^`]*)` \| (.*) \|$", section, re.MULTILINE))


def test_every_command_has_its_section():
    assert list(SECTIONS) == list(CLI.commands)


@pytest.mark.parametrize("name", list(CLI.commands))
def test_every_option_is_told_as_the_command_itself_does(name):
    given = [parameter for parameter in CLI.commands[name].params if parameter.param_type_name == "option"]
    assert options(SECTIONS[name]) == {names(option): option.help for option in given if "--help" not in option.opts}


def test_every_command_inside_a_chat_is_told():
    rows = dict(re.findall(r"^\| `(/[^`]*)` \| (.*) \|$", SECTIONS["chat"], re.MULTILINE))
    assert rows == {f"{name} {usage}".strip(): what for name, (usage, what) in COMMANDS.items()}
