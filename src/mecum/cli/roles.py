"""`mecum roles …` and `mecum import …`: the commands and their options. Each imports its work when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mecum.cli.main import AsJson, Config, Home
from mecum.types import Json

Which = Annotated[str, typer.Argument(metavar="ROLE", help="Its uuid or its name.", show_default=False)]
Name = Annotated[str | None, typer.Option("--name", metavar="NAME", help="What it is called.")]
Description = Annotated[str | None, typer.Option(metavar="TEXT", help="What people read of it.")]
Prompt = Annotated[str | None, typer.Option(metavar="TEXT", help="What the model is told before all else.")]
PromptFile = Annotated[Path | None, typer.Option(metavar="FILE", help="A text file with the prompt.")]
Icon = Annotated[str | None, typer.Option(metavar="TEXT", help="An emoji, or a short name.")]
Docs = Annotated[bool | None, typer.Option("--docs/--no-docs", help="Look into your documents or not.")]
Collections = Annotated[
    list[str] | None, typer.Option("--collection", metavar="NAME", help="A collection it may look into; several times.")
]
Model = Annotated[str | None, typer.Option(metavar="NAME", help="Model that answers, where a request names none.")]
Temperature = Annotated[float | None, typer.Option(metavar="X", min=0, max=2, help="Randomness, where a request says none.")]
Active = Annotated[bool | None, typer.Option("--active/--inactive", help="Whether chats find it.")]
RoleJson = Annotated[bool, typer.Option("--json", help="As JSON, not TOML.")]


def roles_commands() -> typer.Typer:
    """Return `mecum roles`."""
    group = _group("Roles: personas that a chat speaks as. Alone: list them.")
    group.callback(invoke_without_command=True)(_roles)
    group.command("list")(_list)
    group.command("show")(_show)
    group.command("create")(_create)
    group.command("edit")(_edit)
    group.command("delete")(_delete)
    group.command("export")(_export)
    group.command("import")(_import)
    return group


def import_commands() -> typer.Typer:
    """Return `mecum import`."""
    group = _group("Bring in what another program kept.")
    group.callback()(_imports)
    group.command("second-me")(_second_me)
    return group


def _group(text: str) -> typer.Typer:
    return typer.Typer(help=text, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def _roles(context: typer.Context) -> None:
    """Roles: personas that a chat speaks as. Alone: list them."""
    if context.invoked_subcommand is None:
        _list()


def _imports() -> None:
    """Bring in what another program kept."""


def _list(*, as_json: AsJson = False, home: Home = None, config: Config = None) -> None:
    """List the roles."""
    from mecum.cli import personas  # noqa: PLC0415 # as `main` does

    personas.show_all(personas.Where(home, config), as_json=as_json)


def _show(*, role: Which, as_json: AsJson = False, home: Home = None, config: Config = None) -> None:
    """Show a role with its prompt."""
    from mecum.cli import personas  # noqa: PLC0415 # as `main` does

    personas.show(role, personas.Where(home, config), as_json=as_json)


def _create(
    *,
    name: Annotated[str | None, typer.Argument(help="What it is called.", show_default=False)] = None,
    file: Annotated[Path | None, typer.Option(metavar="FILE", help="A role file to begin with.")] = None,
    description: Description = None,
    prompt: Prompt = None,
    prompt_file: PromptFile = None,
    icon: Icon = None,
    docs: Docs = None,
    collection: Collections = None,
    model: Model = None,
    temperature: Temperature = None,
    home: Home = None,
    config: Config = None,
) -> None:
    """Make a role. What is given wins over the file."""
    from mecum.cli import personas  # noqa: PLC0415 # as `main` does

    fields = _fields(
        name=name,
        description=description,
        system_prompt=_prompt(prompt, prompt_file),
        icon=icon,
        enable_l0_retrieval=docs,
        collections=collection or None,
        model=model,
        temperature=temperature,
    )
    personas.create(fields, file, personas.Where(home, config))


def _edit(
    *,
    role: Which,
    name: Name = None,
    description: Description = None,
    prompt: Prompt = None,
    prompt_file: PromptFile = None,
    icon: Icon = None,
    docs: Docs = None,
    collection: Collections = None,
    model: Model = None,
    temperature: Temperature = None,
    active: Active = None,
    home: Home = None,
    config: Config = None,
) -> None:
    """Change a role: what is given, or without any of it in your editor."""
    from mecum.cli import personas  # noqa: PLC0415 # as `main` does

    fields = _fields(
        name=name,
        description=description,
        system_prompt=_prompt(prompt, prompt_file),
        icon=icon,
        enable_l0_retrieval=docs,
        collections=collection or None,
        model=model,
        temperature=temperature,
        is_active=active,
    )
    personas.edit(role, fields, personas.Where(home, config))


def _delete(
    *,
    roles: Annotated[list[str], typer.Argument(metavar="ROLE…", help="Uuids or names.", show_default=False)],
    home: Home = None,
    config: Config = None,
) -> None:
    """Delete roles."""
    from mecum.cli import personas  # noqa: PLC0415 # as `main` does

    personas.delete(roles, personas.Where(home, config))


def _export(
    *,
    role: Annotated[str | None, typer.Argument(metavar="ROLE", help="Its uuid or its name.", show_default=False)] = None,
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="A new file; else stdout.", show_default=False)] = None,
    everything: Annotated[
        Path | None, typer.Option("--all", metavar="DIR", help="Every role, each to a file in DIR.")
    ] = None,
    as_json: RoleJson = False,
    home: Home = None,
    config: Config = None,
) -> None:
    """Write a role to a file, to take it elsewhere."""
    from mecum.cli import personas  # noqa: PLC0415 # as `main` does
    from mecum.errors import InvalidRequest  # noqa: PLC0415 # as above

    where = personas.Where(home, config)
    if (role is None) == (everything is None):
        raise InvalidRequest("Name one role, or all: mecum roles export ROLE [FILE], or mecum roles export --all DIR.")
    if everything is not None:
        personas.export_all(everything, where, as_json=as_json)
    elif role is not None:
        personas.export(role, file, where, as_json=as_json)


def _import(
    *,
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Role files, TOML or JSON.", show_default=False)],
    replace: Annotated[bool, typer.Option("--replace", help="Change the role of that name, whatever its uuid.")] = False,
    home: Home = None,
    config: Config = None,
) -> None:
    """Make roles of files; those that are there already become as the files say."""
    from mecum.cli import personas  # noqa: PLC0415 # as `main` does

    raise typer.Exit(personas.import_all(files, personas.Where(home, config), replace=replace))


def _second_me(
    *,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The folder of Second Me.", show_default=False)],
    collection: Annotated[str, typer.Option(metavar="NAME", help="Collection for the documents.")] = "second-me",
    as_json: AsJson = False,
    home: Home = None,
    config: Config = None,
) -> None:
    """Bring in Second Me's roles, documents and notes. Nothing of it is changed; doing it again adds what is new."""
    from mecum.cli.import_second_me import import_second_me  # noqa: PLC0415 # as `main` does

    raise typer.Exit(import_second_me(path, {"home": home}, config, collection=collection, as_json=as_json))


def _fields(**given: Any) -> Json:
    """Return what was given."""
    return {name: value for name, value in given.items() if value is not None}


def _prompt(text: str | None, file: Path | None) -> str | None:
    from mecum.errors import InvalidRequest  # noqa: PLC0415 # as above

    if file is None:
        return text
    if text is not None:
        raise InvalidRequest("Give the prompt once: --prompt TEXT, or --prompt-file FILE.")
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InvalidRequest(
            f"{file} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}."
        ) from None
