"""The commands, their options, and how a failure ends: one sentence on stderr and an exit code of its own.

Each command imports its work when it is called, so that `mecum --version` and `--help` answer at once
(`tests/cli/test_main.py` holds them to it). Exit codes are in `docs/operations.md`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mecum import __version__
from mecum.errors import (
    Busy,
    EngineError,
    InvalidRequest,
    MecumError,
    NotFound,
    RetrievalFailed,
    StartError,
    StoreError,
)

Home = Annotated[Path | None, typer.Option("--home", metavar="DIR", help="Data directory.", show_default=False)]
Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Settings file.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="As one JSON object.")]
LogLevel = Annotated[str | None, typer.Option("--log-level", metavar="LEVEL", help="debug, info, warning or error.")]
LogFormat = Annotated[str | None, typer.Option("--log-format", metavar="FORMAT", help="text or json.")]


def run() -> None:
    """Read the command line, and do what it says."""
    try:
        program()(prog_name="mecum")
    except MecumError as error:
        _tell(error)
        sys.exit(exit_code(error))


def exit_code(error: MecumError) -> int:
    """Return the exit code for an error: its own for a failed start, else by who is at fault."""
    if isinstance(error, StartError):
        return error.exit_code
    if isinstance(error, InvalidRequest | NotFound):
        return 2
    if isinstance(error, StoreError | RetrievalFailed):
        return 6
    return 5 if isinstance(error, EngineError | Busy) else 1


def program() -> typer.Typer:
    """Return the command line."""
    from mecum.cli.keys import audit, keys_commands  # noqa: PLC0415 # it takes its common options from here
    from mecum.cli.library import add_commands  # noqa: PLC0415 # as above
    from mecum.cli.models import models_commands, pull  # noqa: PLC0415 # as above
    from mecum.cli.roles import import_commands, roles_commands  # noqa: PLC0415 # as above

    cli = typer.Typer(
        help="A private chat server for your own machine.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    cli.callback()(_mecum)
    cli.command("serve")(_serve)
    cli.command("ask")(_ask)
    cli.command("chat")(_chat)
    add_commands(cli)
    cli.add_typer(roles_commands(), name="roles")
    cli.add_typer(import_commands(), name="import")
    cli.add_typer(keys_commands(), name="keys")
    cli.command("audit")(audit)
    cli.command("status")(_status)
    cli.command("stop")(_stop)
    cli.command("doctor")(_doctor)
    cli.command("config")(_config)
    cli.add_typer(models_commands(), name="models")
    cli.command("pull")(pull)
    return cli


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mecum {__version__}")
        raise typer.Exit


def _mecum(
    *,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """Take the options that stand before a command."""


def _serve(
    *,
    host: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Address to listen on (localhost).")] = None,
    port: Annotated[int | None, typer.Option(metavar="PORT", help="Port to listen on (8002); 0 takes a free one.")] = None,
    allow_open_network: Annotated[
        bool, typer.Option("--allow-open-network", help="Let others than this machine in without a key.")
    ] = False,
    model: Annotated[str | None, typer.Option(metavar="FILE", help="GGUF file to answer with.")] = None,
    engine_url: Annotated[str | None, typer.Option(metavar="URL", help="OpenAI-compatible server to ask instead.")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Answer by a script, without a model.")] = False,
    slots: Annotated[int | None, typer.Option(metavar="N", help="Requests worked on at once.")] = None,
    context: Annotated[int | None, typer.Option(metavar="N", help="Tokens that one request may use.")] = None,
    threads: Annotated[int | None, typer.Option(metavar="N", help="Threads that compute.")] = None,
    home: Home = None,
    config: Config = None,
    log_level: LogLevel = None,
    log_format: LogFormat = None,
) -> None:
    """Start the server, until Ctrl-C."""
    from mecum.cli.serve import serve  # noqa: PLC0415 # see the module's docstring

    flags = {
        "server.host": host,
        "server.port": port,
        "server.allow_open_network": allow_open_network or None,
        "engine.model": model,
        "engine.base_url": engine_url,
        "engine.scripted": demo or None,
        "engine.slots": slots,
        "engine.context": context,
        "engine.threads": threads,
        "home": home,
        "log.level": log_level,
        "log.format": log_format,
    }
    serve(flags, config)


def _ask(
    *,
    question: Annotated[list[str] | None, typer.Argument(help="The question; what is piped in comes after it.")] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Model to ask; without a server also a GGUF file.")
    ] = None,
    role: Annotated[str | None, typer.Option(metavar="ID", help="Role to speak as.")] = None,
    system: Annotated[str | None, typer.Option(metavar="TEXT", help="What the model is told before the question.")] = None,
    max_tokens: Annotated[int | None, typer.Option(metavar="N", min=1, help="Most tokens to generate (2000).")] = None,
    temperature: Annotated[float | None, typer.Option(metavar="X", min=0, max=2, help="Randomness (0.1).")] = None,
    docs: Annotated[bool | None, typer.Option("--docs/--no-docs", help="Look into your documents or not.")] = None,
    stream: Annotated[bool, typer.Option("--stream/--no-stream", help="Show the answer as it comes, or whole.")] = True,
    home: Home = None,
    config: Config = None,
    log_level: LogLevel = None,
) -> None:
    """Ask one question; the answer goes to stdout. Uses the running server, else answers without one."""
    from mecum.cli.ask import ask  # noqa: PLC0415 # see the module's docstring
    from mecum.cli.question import Question  # noqa: PLC0415 # as above

    asked = Question(
        text=" ".join(question or ()),
        system=system,
        model=model,
        role_id=role,
        max_tokens=max_tokens,
        temperature=temperature,
        docs=docs,
    )
    ask(asked, {"home": home, "log.level": log_level}, config, stream=stream)


def _chat(
    *,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Model to ask; without a server also a GGUF file.")
    ] = None,
    role: Annotated[str | None, typer.Option(metavar="ID", help="Role to speak as.")] = None,
    system: Annotated[str | None, typer.Option(metavar="TEXT", help="What the model is told before every question.")] = None,
    max_tokens: Annotated[int | None, typer.Option(metavar="N", min=1, help="Most tokens of an answer (2000).")] = None,
    temperature: Annotated[float | None, typer.Option(metavar="X", min=0, max=2, help="Randomness (0.1).")] = None,
    docs: Annotated[bool | None, typer.Option("--docs/--no-docs", help="Look into your documents or not.")] = None,
    history: Annotated[bool, typer.Option("--history/--no-history", help="Keep what is typed for the next chat.")] = True,
    home: Home = None,
    config: Config = None,
    log_level: LogLevel = None,
) -> None:
    """Talk in the terminal, with the running server or without one; /help lists the commands inside."""
    from mecum.cli.chat import chat  # noqa: PLC0415 # see the module's docstring
    from mecum.cli.question import Question  # noqa: PLC0415 # as above

    common = Question(
        text="", system=system, model=model, role_id=role, max_tokens=max_tokens, temperature=temperature, docs=docs
    )
    chat(common, {"home": home, "log.level": log_level}, config, history=history)


def _status(*, as_json: AsJson = False, home: Home = None, config: Config = None) -> None:
    """Tell how the running server does. Exit code 1: there is none, or it does not answer."""
    from mecum.cli.status import status  # noqa: PLC0415 # see the module's docstring

    raise typer.Exit(status({"home": home}, config, as_json=as_json))


def _stop(
    *,
    now: Annotated[bool, typer.Option("--now", help="Do not let running answers end.")] = False,
    home: Home = None,
    config: Config = None,
) -> None:
    """Stop the running server, once its answers have ended."""
    from mecum.cli.stop import stop  # noqa: PLC0415 # see the module's docstring

    stop({"home": home}, config, now=now)


def _doctor(
    *,
    deep: Annotated[bool, typer.Option("--deep", help="Let the engine answer, too; it may have to load the model.")] = False,
    as_json: AsJson = False,
    home: Home = None,
    config: Config = None,
) -> None:
    """Look for what is wrong, and say what to do. Exit code 1: something has to be done."""
    from mecum.cli.doctor import doctor  # noqa: PLC0415 # see the module's docstring

    raise typer.Exit(doctor({"home": home}, config, deep=deep, as_json=as_json))


def _config(
    *,
    as_json: AsJson = False,
    home: Home = None,
    config: Config = None,
) -> None:
    """Show the settings in effect, and where each came from."""
    from mecum.cli.config import show_config  # noqa: PLC0415 # see the module's docstring

    show_config({"home": home}, config, as_json=as_json)


def _tell(error: MecumError) -> None:
    from mecum.cli.terminal import complain  # noqa: PLC0415 # see the module's docstring

    complain(error)
