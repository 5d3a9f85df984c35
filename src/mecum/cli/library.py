"""The commands on documents, and their options. Each imports its work when it is called (`main`)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from mecum.cli.main import AsJson, Config, Home

Collection = Annotated[str | None, typer.Option("--collection", metavar="NAME", help="Only in this collection.")]
Collections = Annotated[
    list[str] | None, typer.Option("--collection", metavar="NAME", help="Only in this collection; several times: in these.")
]
Into = Annotated[
    str, typer.Option("--collection", metavar="NAME", help="Collection that they belong to (default).", show_default=False)
]
Kinds = Annotated[
    list[str] | None, typer.Option("--kind", metavar="KIND", help="Only of this kind: pdf, markdown, …; several times.")
]
Under = Annotated[str | None, typer.Option("--path", metavar="PATH", help="Only this file, or what is in this folder.")]
Everything = Annotated[bool, typer.Option("--all", help="Take hidden, ignored and binary files and keys, too.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Mode = Literal["hybrid", "keyword", "vector"]


def add_commands(cli: typer.Typer) -> None:
    """Add the commands to the command line."""
    cli.command("add")(_add)
    cli.command("documents")(_documents)
    cli.command("search")(_search)
    cli.command("show")(_show)
    cli.command("remove")(_remove)
    cli.command("watch")(_watch)
    cli.command("backup")(_backup)
    cli.command("restore")(_restore)
    cli.command("verify")(_verify)
    cli.command("forget")(_forget)


def _add(
    *,
    path: Annotated[list[str], typer.Argument(help="Files, folders, patterns; - is what is piped in.")],
    name: Annotated[str | None, typer.Option(metavar="NAME", help="What the text from stdin is called.")] = None,
    collection: Into = "default",
    everything: Everything = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait for the vectors, or only until all is found by its words.")
    ] = True,
    as_json: AsJson = False,
    home: Home = None,
    config: Config = None,
) -> None:
    """Add documents, or what changed in them; the same again adds what is missing. Exit code 1: something failed."""
    from mecum.cli.add import add  # noqa: PLC0415 # see `main`
    from mecum.cli.adding import Wish  # noqa: PLC0415 # as above

    wish = Wish(names=path, name=name, collection=collection, everything=everything, wait=wait, as_json=as_json)
    raise typer.Exit(add(wish, {"home": home}, config))


def _documents(
    *,
    collection: Collections = None,
    kind: Kinds = None,
    state: Annotated[
        list[str] | None, typer.Option(metavar="STATE", help="Only in this state: ready, failed, …; several times.")
    ] = None,
    path: Under = None,
    as_json: AsJson = False,
    home: Home = None,
    config: Config = None,
) -> None:
    """List the documents, and tell how far the library is."""
    from mecum.cli.documents import Which, show_documents  # noqa: PLC0415 # see `main`

    which = Which(collections=collection or (), kinds=kind or (), states=state or (), path=path)
    show_documents(which, {"home": home}, config, as_json=as_json)


def _search(
    *,
    query: Annotated[list[str], typer.Argument(help="A question, or words.")],
    k: Annotated[int | None, typer.Option("-k", metavar="N", min=1, max=100, help="Most passages to show (5).")] = None,
    collection: Collections = None,
    path: Under = None,
    kind: Kinds = None,
    since: Annotated[str | None, typer.Option(metavar="DATE", help="Only of this date or later.")] = None,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="Only of this date or earlier.")] = None,
    mode: Annotated[
        Mode | None, typer.Option(metavar="MODE", help="By words (keyword), by meaning (vector), or both (hybrid).")
    ] = None,
    min_score: Annotated[
        float | None, typer.Option(metavar="X", min=0, max=1, help="Show what is at least so relevant.")
    ] = None,
    as_json: AsJson = False,
    home: Home = None,
    config: Config = None,
) -> None:
    """Search the documents, without a model."""
    from mecum.cli.search import Sought, search  # noqa: PLC0415 # see `main`

    sought = Sought(
        text=" ".join(query),
        k=k,
        collections=collection or (),
        path=path,
        kinds=kind or (),
        since=since,
        until=until,
        mode=mode,
        min_score=min_score,
    )
    search(sought, {"home": home}, config, as_json=as_json)


def _show(
    *,
    document: Annotated[str, typer.Argument(help="Its id or path.")],
    passage: Annotated[int | None, typer.Option(metavar="N", min=0, help="Only this passage.")] = None,
    file: Annotated[bool, typer.Option("--file", help="Write the file, as it was added, to stdout.")] = False,
    as_json: AsJson = False,
    home: Home = None,
    config: Config = None,
) -> None:
    """Show a document and its passages."""
    from mecum.cli.show import show, write_file  # noqa: PLC0415 # see `main`

    if file:
        write_file(document, {"home": home}, config)
    else:
        show(document, {"home": home}, config, passage=passage, as_json=as_json)


def _remove(
    *,
    document: Annotated[list[str], typer.Argument(help="Ids, paths, or folders with all in them.")],
    collection: Collection = None,
    yes: Yes = False,
    home: Home = None,
    config: Config = None,
) -> None:
    """Remove documents from the library; your files stay. Asks on a terminal before more than one goes."""
    from mecum.cli.remove import remove  # noqa: PLC0415 # see `main`

    raise typer.Exit(remove(document, {"home": home}, config, collection=collection, yes=yes))


def _watch(
    *,
    folder: Annotated[list[Path], typer.Argument(help="Folders to keep in the library.")],
    collection: Into = "default",
    everything: Everything = False,
    home: Home = None,
    config: Config = None,
) -> None:
    """Keep folders in the library, whatever changes in them, until Ctrl-C."""
    from mecum.cli.watch import watch  # noqa: PLC0415 # see `main`

    watch(folder, {"home": home}, config, collection=collection, everything=everything)


def _backup(
    *,
    file: Annotated[Path, typer.Argument(help="File to write: NAME.tar.")],
    home: Home = None,
    config: Config = None,
) -> None:
    """Copy the library into one file, also while the server works."""
    from mecum.cli.backup import backup  # noqa: PLC0415 # see `main`

    backup(file, {"home": home}, config)


def _restore(
    *,
    file: Annotated[Path, typer.Argument(help="File that mecum backup wrote.")],
    replace: Annotated[bool, typer.Option("--replace", help="Also if there is something that would be lost.")] = False,
    home: Home = None,
    config: Config = None,
) -> None:
    """Put a backup in the library's place. No server may run."""
    from mecum.cli.restore import restore  # noqa: PLC0415 # see `main`

    restore(file, {"home": home}, config, replace=replace)


def _verify(*, as_json: AsJson = False, home: Home = None, config: Config = None) -> None:
    """Look whether the library is whole. Exit code 6: it is not."""
    from mecum.cli.verify import verify  # noqa: PLC0415 # see `main`

    raise typer.Exit(verify({"home": home}, config, as_json=as_json))


def _forget(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Everything; there is no other way.")] = False,
    yes: Yes = False,
    home: Home = None,
    config: Config = None,
) -> None:
    """Forget all documents, and what was typed in chats."""
    from mecum.cli.forget import forget  # noqa: PLC0415 # see `main`

    raise typer.Exit(forget({"home": home}, config, everything=everything, yes=yes))
