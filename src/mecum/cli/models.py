"""`mecum models …` and `mecum pull`: the commands and their options. Each imports its work when it is called (`main`)."""

from __future__ import annotations

from typing import Annotated

import typer

from mecum.cli.main import AsJson, Config, Home

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name, or its file's.", show_default=False)]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Do not wait until it is loaded.")]
MaybeName = Annotated[str | None, typer.Argument(metavar="[NAME]", help="Its name, or its file's.", show_default=False)]


def models_commands() -> typer.Typer:
    """Return `mecum models`."""
    group = typer.Typer(
        help="Models on this machine. Alone: list them.",
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    group.callback(invoke_without_command=True)(_models)
    group.command("list")(_list)
    group.command("default")(_default)
    group.command("embedder")(_embedder)
    group.command("load")(_load)
    group.command("unload")(_unload)
    group.command("remove")(_remove)
    group.command("verify")(_verify)
    group.command("recommend")(_recommend)
    return group


def _models(context: typer.Context) -> None:
    """Models on this machine. Alone: list them."""
    if context.invoked_subcommand is None:
        _list()


def _list(*, as_json: AsJson = False, home: Home = None, config: Config = None) -> None:
    """List the models: size, context, licence, where from, whether they fit this machine and about how fast they answer."""
    from mecum.cli.shelf import show_all  # noqa: PLC0415 # as `main` does

    show_all({"home": home}, config, as_json=as_json)


def _default(*, name: MaybeName = None, home: Home = None, config: Config = None) -> None:
    """Choose the model that answers where nothing else is said, or starter again. Without NAME: tell which it is."""
    from mecum.cli.shelf import set_default, show_default  # noqa: PLC0415 # as `main` does

    if name is None:
        show_default({"home": home}, config)
    else:
        set_default(name, {"home": home}, config)


def _embedder(*, name: MaybeName = None, home: Home = None, config: Config = None) -> None:
    """Choose the model that makes the vectors for search, or local (the built-in one). Without NAME: tell which it is."""
    from mecum.cli.embedders import set_embedder, show_embedder  # noqa: PLC0415 # as `main` does

    if name is None:
        show_embedder({"home": home}, config)
    else:
        set_embedder(name, {"home": home}, config)


def _load(*, name: Name, no_wait: NoWait = False, home: Home = None, config: Config = None) -> None:
    """Let the running server load a model now, and wait for it: so the first question need not. Exit code 5: it cannot."""
    from mecum.cli.loads import load_model  # noqa: PLC0415 # as `main` does

    load_model(name, {"home": home}, config, wait=not no_wait)


def _unload(*, name: Name, home: Home = None, config: Config = None) -> None:
    """Let the running server unload a model that nobody uses. It is loaded again when somebody does."""
    from mecum.cli.loads import unload_model  # noqa: PLC0415 # as `main` does

    unload_model(name, {"home": home}, config)


def _remove(*, name: Name, yes: Yes = False, home: Home = None, config: Config = None) -> None:
    """Remove a model, or what a pull that did not end left of it. On a terminal it asks before; never one that is in use."""
    from mecum.cli.shelf_remove import remove  # noqa: PLC0415 # as `main` does

    raise typer.Exit(remove(name, {"home": home}, config, yes=yes))


def _verify(*, name: MaybeName = None, as_json: AsJson = False, home: Home = None, config: Config = None) -> None:
    """Read a model's files, or all of them: headers, and hashes where they are known. Exit code 5: something is wrong."""
    from mecum.cli.shelf_check import verify  # noqa: PLC0415 # as `main` does

    raise typer.Exit(verify(name, {"home": home}, config, as_json=as_json))


def _recommend(*, as_json: AsJson = False, home: Home = None, config: Config = None) -> None:
    """Name a model of the catalogue that suits this machine, and say why. Nothing is fetched."""
    from mecum.cli.recommend import recommend  # noqa: PLC0415 # as `main` does

    recommend({"home": home}, config, as_json=as_json)


def pull(
    *,
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="starter, a name of the catalogue, hf:OWNER/REPO[:FILE], an https address, a GGUF file, or an ONNX folder.",
            show_default=False,
        ),
    ],
    default: Annotated[bool, typer.Option("--default", help="Answer, or make vectors, with it from now on.")] = False,
    sha256: Annotated[
        str, typer.Option("--sha256", metavar="HEX", help="Take it only with this hash.", show_default=False)
    ] = "",
    home: Home = None,
    config: Config = None,
) -> None:
    """Fetch a model into the data directory. The same again goes on where it was stopped, and is quick when all is there."""
    from mecum.cli.pull import pull as run  # noqa: PLC0415 # as `main` does

    run(what, {"home": home}, config, sha256=sha256, default=default)
