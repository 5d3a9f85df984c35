"""Reads a Second Me data folder: its SQLite file and the files beside it. Nothing in the folder is changed.

Invariants (`tests/cli/test_second_me.py`): a path in the database leads to a file in the folder's raw content or to none,
whatever it says and whatever links lie there; what cannot be taken is told with the reason; the same folder gives the same
labels each time.

Columns are taken as they are found: versions of Second Me differ, and SQLite keeps any value in any column.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PureWindowsPath
from typing import Any, Final

import apsw

from mecum.errors import InvalidRequest
from mecum.types import Json

_DATABASES: Final = ("data/sqlite/lpm.db", "sqlite/lpm.db", "lpm.db")
_RAW: Final = ("resources/raw_content", "raw_content")
_TEXTS: Final = frozenset({".txt", ".md", ".markdown", ".text"})
_NO_NAME_HAS: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_LONGEST: Final = 1000  # characters of a label
_NOTES: Final = "Second Me notes"  # the folder, in labels, of what it made out of the documents

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class OldDocument:
    """A document to add: a file of the folder, or a text. `date` is in seconds since 1970."""

    label: str
    title: str
    file: Path | None = None
    text: str = ""
    date: float | None = None
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What is not taken, and why."""

    label: str
    why: str


class SecondMe:
    """An open data folder."""

    def __init__(self, db: apsw.Connection, raw: Path | None) -> None:
        self._db = db
        self._raw = raw

    def roles(self) -> list[Json]:
        """Return the roles, with the fields that our API takes."""
        return [_role(row) for row in self._rows("roles")]

    def documents(self) -> Iterator[OldDocument | LeftOut]:
        """Yield the documents, then the files that no document was made of, each when it is asked for."""
        memories = list(self._rows("memories"))
        by_document: dict[str, list[Row]] = {}
        for memory in memories:
            by_document.setdefault(_text(memory.get("document_id")), []).append(memory)
        names = Counter(map(_name, self._rows("document", "id, name")))
        known = set()
        for row in self._rows("document"):
            ident = _text(row.get("id"))
            known.add(ident)
            yield self._document(row, by_document.get(ident, []), alone=names[_name(row)] == 1)
        for memory in memories:
            if _text(memory.get("document_id")) not in known:
                yield self._memory(memory, alone=_name(memory) not in names)

    def notes(self) -> Iterator[OldDocument]:
        """Yield what Second Me knows about its user: the newest biography, topics and status, and the profile."""
        loads = (row for row in self._rows("loads") if row.get("status", "active") == "active")
        for name, row, body_of in (
            ("Biography", _newest(self._rows("l1_bios")), _biography),
            ("Recent status", _newest(self._rows("status_biography")), _biography),
            ("Profile", next(loads, None), _profile),
        ):
            if row and (body := body_of(row)):
                yield _note(name, body, _date(row))
        newest = _newest(self._rows("l1_shades"))
        rows = [row for row in self._rows("l1_shades") if newest and row.get("version") == newest.get("version")]
        if topics := [topic for row in rows if (topic := _topic(row))]:
            yield _note("Topics", "\n\n".join(topics), _date(rows[0]))

    def _document(self, row: Row, memories: list[Row], *, alone: bool) -> OldDocument | LeftOut:
        name = _name(row)
        label = name if alone else _label(f"{_text(row.get('id'))}/{name}")
        if memories and all(memory.get("status") == "deleted" for memory in memories):
            return LeftOut(label, "it was deleted in Second Me")
        title = _text(row.get("title")) or name.rpartition("/")[2]
        about = {
            "second_me_id": row.get("id"),
            "description": _text(row.get("user_description")),
            "url": _text(row.get("url")),
        }
        metadata = {name: value for name, value in about.items() if isinstance(value, str | int) and value != ""}
        places = [*(_text(memory.get("path")) for memory in memories), _text(row.get("url")), _text(row.get("name"))]
        file = self._file(places)
        if file:
            return OldDocument(label, title, file=file, date=_date(row), metadata=metadata)
        if text := _text(row.get("raw_content")):
            label = label if Path(label).suffix.lower() in _TEXTS else f"{label}.txt"
            return OldDocument(label, title, text=text, date=_date(row), metadata=metadata)
        return LeftOut(label, "its file is not in the folder, and there is no text of it")

    def _memory(self, row: Row, *, alone: bool) -> OldDocument | LeftOut:
        name = _name(row)
        label = name if alone else _label(f"{_text(row.get('id'))}/{name}")
        if row.get("status") == "deleted":
            return LeftOut(label, "it was deleted in Second Me")
        file = self._file([_text(row.get("path")), _text(row.get("name"))])
        if file is None:
            return LeftOut(label, "its file is not in the folder")
        return OldDocument(label, label.rpartition("/")[2], file=file, date=_date(row))

    def _file(self, places: list[str]) -> Path | None:
        """Return the file in the raw content that one of these paths names."""
        return next((file for place in places if place and (file := self._inside(place))), None)

    def _inside(self, place: str) -> Path | None:
        """Return a path's file: wherever Second Me was installed, what follows "raw_content" is what counts of it."""
        if self._raw is None or "\0" in place:
            return None
        parts = PureWindowsPath(place).parts  # which knows both kinds of slash, and drives
        if "raw_content" in parts:
            parts = parts[len(parts) - parts[::-1].index("raw_content") :]
        try:
            file = self._raw.joinpath(*parts).resolve(strict=True)
            return file if file.is_relative_to(self._raw) and file.is_file() else None
        except (OSError, RuntimeError, ValueError):  # it is not there; links in a circle; a name that no system has
            return None

    def _rows(self, table: str, columns: str = "*") -> Iterator[Row]:
        """Yield the rows of a table, which may be missing, in the order in which they were made."""
        if not list(self._db.execute("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", (table,))):
            return
        cursor = self._db.execute(f"SELECT {columns} FROM {table} ORDER BY rowid")  # noqa: S608 # our own words only
        for row in cursor:
            yield dict(zip((name for name, *_ in cursor.description), row, strict=True))


@contextmanager
def opened(path: Path) -> Iterator[SecondMe]:
    """Open a data folder, or the database in one, for the block.

    Raises:
        InvalidRequest: there is no database of Second Me, or it is damaged.
    """
    folder, database = _places(path)
    raws = [folder / name for name in _RAW if (folder / name).is_dir()]
    raw = raws[0].resolve() if raws else None
    try:
        with closing(_connect(database)) as db:
            if not list(db.execute("SELECT 1 FROM sqlite_schema WHERE name IN ('document', 'roles') AND type = 'table'")):
                raise InvalidRequest(f"{database} is no database of Second Me: it has neither documents nor roles.")
            yield SecondMe(db, raw if raw and raw.is_relative_to(folder.resolve()) else None)
    except (apsw.Error, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{database} cannot be read: {error}. Is it damaged, or is Second Me running?") from error


def _places(path: Path) -> tuple[Path, Path]:
    """Return the folder that everything must lie in, and its database."""
    for name in _DATABASES:
        if (path / name).is_file():
            return path, path / name
    raise InvalidRequest(f"There is no {_DATABASES[0]} in {path}. Name the folder that Second Me was installed in.")


def _connect(database: Path) -> apsw.Connection:
    """Open a database read-only: it is not ours, and what is in its schema is not trusted."""
    options = "mode=ro"
    with database.open("rb") as file:
        in_wal_mode = file.read(20)[18:] == b"\2\2"
    if in_wal_mode and not database.with_name(f"{database.name}-wal").exists():
        options += "&immutable=1"  # else SQLite would make that file, and leave it
    uri = f"{database.resolve().as_uri()}?{options}"
    db = apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    db.execute("PRAGMA trusted_schema = OFF")
    return db


def _role(row: Row) -> Json:
    role: Json = {name: _text(row.get(name)) for name in ("uuid", "name", "description", "system_prompt", "icon")}
    flags = ("is_active", "enable_l0_retrieval", "enable_l1_retrieval")
    return role | {name: row.get(name) not in (0, "0", "false", "False") for name in flags}


def _biography(row: Row) -> str:
    """Return the text in the third person: in the second, a model would take it for an instruction to itself."""
    return _text(row.get("content_third_view")) or _text(row.get("content")) or _text(row.get("summary_third_view"))


def _profile(row: Row) -> str:
    name, description = _text(row.get("name")), _text(row.get("description"))
    return "\n\n".join(part for part in (name and f"Name: {name}", description) if part)


def _topic(row: Row) -> str:
    texts = [_text(row.get(f"{part}_third_view")) or _text(row.get(f"{part}_second_view")) for part in ("desc", "content")]
    body = "\n\n".join(dict.fromkeys(text for text in texts if text))
    return f"## {_text(row.get('name')) or 'Topic'}\n\n{body}" if body else ""


def _note(title: str, body: str, date: float | None) -> OldDocument:
    return OldDocument(f"{_NOTES}/{title}.md", title, text=f"# {title}\n\n{body}\n", date=date)


def _newest(rows: Iterable[Row]) -> Row | None:
    return max(rows, key=lambda row: (_number(row.get("version")), _number(row.get("id"))), default=None)


def _name(row: Row) -> str:
    return _label(_text(row.get("name")) or f"document {_text(row.get('id'))}")


def _label(path: str) -> str:
    """Return a name as a label: a relative path with slashes, in characters that names have. Nothing is opened by it."""
    text = "".join(character for character in path if unicodedata.category(character) not in _NO_NAME_HAS)
    parts = [part for part in text.replace("\\", "/").split("/") if part.strip() not in ("", ".", "..")]
    return "/".join(parts)[-_LONGEST:].lstrip("/") or "document"


def _number(value: object) -> float:
    return value if isinstance(value, int | float) else 0


def _date(row: Row) -> float | None:
    """Return when a row was made. Second Me writes UTC without saying so."""
    try:
        made = datetime.fromisoformat(_text(row.get("create_time")) or _text(row.get("created_at")))
        return (made if made.tzinfo else made.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _text(value: object) -> str:
    """Return a column's value as text: SQLite may hold anything in any of them."""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return "" if value is None else str(value).strip()
