"""`mecum keys …` and `mecum audit`: the commands and their options. Each imports its work when it is called (`main`)."""

from __future__ import annotations

from typing import Annotated

import typer

from mecum.cli.main import AsJson, Config, Home

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def keys_commands() -> typer.Typer:
    """Return `mecum keys`."""
    group = typer.Typer(
        help="API keys: who may ask. Alone: list them.",
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    group.callback(invoke_without_command=True)(_keys)
    group.command("list")(_list)
    group.command("create")(_create)
    group.command("revoke")(_revoke)
    group.command("open")(_open)
    return group


def _keys(context: typer.Context) -> None:
    """API keys: who may ask. Alone: list them."""
    if context.invoked_subcommand is None:
        _list()


def _list(*, as_json: AsJson = False, home: Home = None, config: Config = None) -> None:
    """List the keys, without their texts: nobody can find those out again."""
    from mecum.cli import keyring, personas  # noqa: PLC0415 # as `main` does

    keyring.show_all(personas.Where(home, config), as_json=as_json)


def _create(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called: whose, or for what.", show_default=False)],
    owner: Annotated[
        str | None, typer.Option(metavar="NAME", help="Whose documents, roles and chats it opens (local).")
    ] = None,
    scopes: Annotated[
        str | None, typer.Option(metavar="LIST", help="What it is for: chat, documents, admin (chat,documents).")
    ] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Good until then: 30d, 12h, or a date (for ever).")
    ] = None,
    rate: Annotated[int | None, typer.Option(metavar="N", min=1, help="Most requests in a minute.")] = None,
    concurrency: Annotated[int | None, typer.Option(metavar="N", min=1, help="Most requests at once.")] = None,
    as_json: AsJson = False,
    home: Home = None,
    config: Config = None,
) -> None:
    """Make a key; its text goes to stdout, this once. From the first key on, every request needs one."""
    from mecum.cli import keyring, personas, words  # noqa: PLC0415 # as `main` does

    asked = {
        "name": name,
        "owner": owner,
        "scopes": None if scopes is None else scopes.replace(",", " ").split(),
        "expires": None if expires is None else words.later(expires, "--expires"),
        "rate": rate,
        "concurrency": concurrency,
    }
    keyring.create(asked, personas.Where(home, config), as_json=as_json)


def _revoke(
    *,
    keys: Annotated[list[str], typer.Argument(metavar="KEY…", help="Ids or names.", show_default=False)],
    home: Home = None,
    config: Config = None,
) -> None:
    """Revoke keys: they open nothing any more, from the next request on."""
    from mecum.cli import keyring, personas  # noqa: PLC0415 # as `main` does

    keyring.revoke(keys, personas.Where(home, config))


def _open(*, yes: Yes = False, home: Home = None, config: Config = None) -> None:
    """Ask for no key any more, on this machine. Keys that are good are revoked; on a terminal it asks before."""
    from mecum.cli import keyring, personas  # noqa: PLC0415 # as `main` does

    raise typer.Exit(keyring.open_(personas.Where(home, config), yes=yes))


def audit(
    *,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Not before: 7d, 12h, or a date (what is kept: 90 days).")
    ] = None,
    limit: Annotated[
        int, typer.Option("-n", "--limit", metavar="N", min=1, help="Most entries, the last ones (100).")
    ] = 100,
    as_json: AsJson = False,
    home: Home = None,
    config: Config = None,
) -> None:
    """Show who changed keys, roles, documents and settings, and who came with no good key."""
    from mecum.cli import audit as log  # noqa: PLC0415 # as `main` does
    from mecum.cli import personas, words  # noqa: PLC0415 # as above

    begin = None if since is None else words.ago(since, "--since")
    log.show(personas.Where(home, config), since=begin, limit=limit, as_json=as_json)
