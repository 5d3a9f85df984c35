"""`mecum import second-me`: what `second_me` reads goes through the same routes as everything else.

Invariants (`tests/cli/test_import_second_me.py`): a second time nothing is sent and nothing changed, also not what was
changed in mecum since; one document that is refused costs no other; the report has all that did not come along.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from mecum.cli.gather import Failed
from mecum.cli.inventory import documents
from mecum.cli.personas import ROLES
from mecum.cli.remote import Api
from mecum.cli.second_me import LeftOut, OldDocument, SecondMe, opened
from mecum.cli.served import prepared, run
from mecum.cli.terminal import note, one_line, plain, say
from mecum.cli.upload import DOCUMENTS, Sendable, send_one
from mecum.cli.words import many
from mecum.errors import InvalidRequest, NameTaken
from mecum.knowledge.folder import open_found
from mecum.types import Json

_AFTER: Final = " (Second Me)"  # a role's name where ours has one of that name
_NAME: Final = 100  # characters of a role's name
_POLL: Final = 0.5  # seconds between looks at what is still worked on
_PATIENCE: Final = 3600.0  # seconds for reading it where no server goes on with it


@dataclass(slots=True)
class Report:
    """What came along, what was there already, and what did not come along and why."""

    roles_made: list[str] = field(default_factory=list)
    roles_there: list[str] = field(default_factory=list)
    documents_added: list[str] = field(default_factory=list)
    documents_there: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    failed: list[LeftOut] = field(default_factory=list)


def import_second_me(path: Path, flags: Mapping[str, Any], config: Path | None, *, collection: str, as_json: bool) -> int:
    """Bring in what Second Me kept, and tell what came of it. Return the exit code: 1 where something was refused.

    Raises:
        InvalidRequest: there is no folder of Second Me.
        MecumError: the library cannot be reached, or is at fault.
    """
    settings = prepared(flags, config)
    with opened(path) as old:

        async def work(api: Api) -> Report:
            report = await _bring(api, old, collection)
            if api.here and report.documents_added:
                await _read(api)
            return report

        report = run(settings, work)
    if as_json:
        say(json.dumps(asdict(report), indent=2))
    else:
        _tell(report, collection)
    return 1 if report.failed else 0


async def _bring(api: Api, old: SecondMe, collection: str) -> Report:
    report = Report()
    there = {role["uuid"] for role in await api.get(ROLES)}
    for role in old.roles():
        if role["uuid"] in there:
            report.roles_there.append(role["name"])
        else:
            await _make(api, role, report)
    has = {one["path"]: one async for one in documents(api, collection=[collection])}
    for found in _all(old):
        if isinstance(found, LeftOut):
            report.left_out.append(found)
        else:
            await _send(api, found, has.get(found.label), collection, report)
    return report


def _all(old: SecondMe) -> Iterator[OldDocument | LeftOut]:
    yield from old.documents()
    yield from old.notes()


async def _make(api: Api, role: Json, report: Report) -> None:
    """Make a role, under another name where its own is taken."""
    names = [role["name"], role["name"][: _NAME - len(_AFTER)] + _AFTER]
    for name in names:
        try:
            made = await api.post(ROLES, {**role, "name": name, "uuid": role["uuid"] or None})
        except NameTaken:
            if name is not names[-1]:
                continue
            report.failed.append(LeftOut(role["name"], "roles of its name and of its other name are there already"))
        except InvalidRequest as error:
            report.failed.append(LeftOut(role["name"], error.message))
        else:
            report.roles_made.append(made["name"])
        return


async def _send(api: Api, new: OldDocument, has: Json | None, collection: str, report: Report) -> None:
    """Send a document, unless the library has the same under its label."""
    try:
        content = await asyncio.to_thread(_content, new)
        if has is not None and has["state"] != "failed" and has["sha256"] == await asyncio.to_thread(_sha256, content):
            report.documents_there.append(new.label)
            _close(content)
            return
    except OSError as error:
        report.failed.append(LeftOut(new.label, f"it cannot be read: {error.strerror or error}"))
        return
    sent = await send_one(api, Sendable(new.label, content, fields=_fields(new)), collection)
    if isinstance(sent, Failed):
        report.failed.append(LeftOut(new.label, sent.message))
    else:
        report.documents_added.append(new.label)


def _content(new: OldDocument) -> bytes | BinaryIO:
    return open_found(new.file) if new.file else new.text.encode("utf-8", "replace")


def _close(content: bytes | BinaryIO) -> None:
    if not isinstance(content, bytes):
        content.close()


def _sha256(content: bytes | BinaryIO) -> str:
    """Return the hash of a content, which is at its beginning before and after."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    digest = hashlib.sha256()
    while piece := content.read(1024 * 1024):
        digest.update(piece)
    content.seek(0)
    return digest.hexdigest()


def _fields(new: OldDocument) -> Mapping[str, str]:
    fields = {"title": one_line(new.title).strip()[:1000]}
    if new.date is not None:
        fields["date"] = repr(new.date)
    if new.metadata:
        fields["metadata"] = json.dumps(new.metadata)
    return {name: value for name, value in fields.items() if value}


async def _read(api: Api) -> None:
    """Wait until what was sent can be found: no server goes on with it when this process ends."""
    until = time.monotonic() + _PATIENCE
    counts = await api.get(f"{DOCUMENTS}/counts")
    while any(counts["documents"].get(state) for state in ("queued", "processing")) and time.monotonic() < until:
        await asyncio.sleep(_POLL)
        counts = await api.get(f"{DOCUMENTS}/counts")


def _tell(report: Report, collection: str) -> None:
    say(f"roles      {len(report.roles_made):,} made, {len(report.roles_there):,} there already")
    say(f"documents  {len(report.documents_added):,} added, {len(report.documents_there):,} there already")
    for heading, items in (("left out", report.left_out), ("refused", report.failed)):
        if items:
            say(f"{heading:<11}{many(len(items), 'thing')}")
        for item in items:
            say(f"  {one_line(item.label)}: {plain(item.why)}")
    if report.documents_added:
        note(f"mecum documents --collection {collection} shows how far they are.")
