"""JSON: documents a line (JSONL), notebooks, conversations, and whatever else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson

from mecum.knowledge.extract.base import Block, Outline, Part, Place, one_line
from mecum.knowledge.extract.chats import conversation, flat, moment, turns_of
from mecum.knowledge.extract.decode import decode
from mecum.knowledge.extract.plain import markdown_blocks, numbered
from mecum.types import Json

DEEPEST: Final = 20  # levels of nesting that are read
LONG: Final = 200  # characters from which a value is a paragraph of its own
_IDS: Final = ("id", "_id", "doc_id", "uuid")
_DATES: Final = ("date", "timestamp", "created_at", "published")
_MESSAGES: Final = ("messages", "conversation", "conversations", "turns", "dialogue")


def read_json(data: bytes, name: str) -> list[Part]:
    """Read JSON: a conversation where it is one, else its values, each with the names above it."""
    del name
    content = orjson.loads(decode(data))
    if isinstance(content, list) and (turns := turns_of(content)):
        return [conversation("json", turns)]
    if isinstance(content, dict):
        return [_object(content, "json", "")]
    return [Part.of("json", _values(content))]


def read_jsonl(data: bytes, name: str) -> list[Part]:
    """Read JSON lines: a document for each line with a text or a conversation; the others together are one."""
    del name
    parts: list[Part] = []
    others: list[Block] = []
    used: set[str] = set()
    for number, line in enumerate(decode(data).split("\n"), 1):
        content = _parsed(line)
        if isinstance(content, dict) and (isinstance(content.get("text"), str) or _turns(content)):
            label = str(next((content[key] for key in _IDS if content.get(key) is not None), number))
            label = label if label not in used else f"{label}-{number}"
            used.add(label)
            parts.append(_object(content, "jsonl", label))
        elif content is not None:
            others += [Block(block.text, block.kind, Place(line=number)) for block in _values(content)]
    return [*parts, Part.of("jsonl", others)] if others or not parts else parts


def read_ipynb(data: bytes, name: str) -> list[Part]:
    """Read a notebook: Markdown, code, and what it printed."""
    del name
    content = orjson.loads(decode(data))
    outline = Outline()
    found: list[Block] = []
    for cell in content.get("cells", []):
        source = flat(cell.get("source"))
        if cell.get("cell_type") == "markdown":
            for block in markdown_blocks(numbered(source)):
                path = outline.enter(block.level, block.text) if block.kind == "heading" else outline.path
                found.append(Block(block.text, block.kind, Place(path), block.level))
        else:
            printed = [
                flat(out.get("text") or (out.get("data") or {}).get("text/plain")) for out in cell.get("outputs") or []
            ]
            found += [Block(text, "code", Place(outline.path)) for text in (source, *printed)]
    title = next((block.text for block in found if block.kind == "heading"), "")
    return [Part.of("ipynb", found, title=title)]


def _object(content: Json, kind: str, label: str) -> Part:
    title = content["title"] if isinstance(content.get("title"), str) else ""
    if turns := _turns(content):
        return conversation(kind, turns, name=label, title=title)
    date = moment(next((content[key] for key in _DATES if content.get(key)), None))
    text, extra = content.get("text"), content.get("metadata")
    if isinstance(text, str):
        found = [Block(paragraph) for paragraph in text.split("\n\n")]
        return Part.of(kind, found, name=label, title=title, date=date, metadata=extra if isinstance(extra, dict) else {})
    return Part.of(kind, _values(content), name=label, title=title, date=date)


def _turns(content: Json) -> list[Any]:
    return next((turns for key in _MESSAGES if (turns := turns_of(content.get(key)))), [])


def _parsed(line: str) -> Any:
    try:
        return orjson.loads(line) if line.strip() else None
    except orjson.JSONDecodeError:
        return None  # the last line of a file that is still being written, or a damaged one: the others count


def _values(content: Any) -> Iterator[Block]:
    """Yield a block for each long text, and one for the short values of each object together."""
    yield from _walk(content, (), 0)


def _walk(content: Any, path: tuple[str, ...], depth: int) -> Iterator[Block]:
    if depth > DEEPEST:
        return
    items = (
        list(content.items())
        if isinstance(content, dict)
        else [("", one) for one in content]
        if isinstance(content, list)
        else None
    )
    if items is None:
        yield Block(_shown(content), "row", Place(path))
        return
    short = [(key, value) for key, value in items if not isinstance(value, dict | list) and len(_shown(value)) < LONG]
    if isinstance(content, dict):
        line = "; ".join(f"{one_line(key, 80)}: {_shown(value)}" for key, value in short if value not in (None, ""))
    else:
        line = ", ".join(_shown(value) for _, value in short)
    yield Block(line, "row", Place(path))
    for key, value in items:
        below = (*path, one_line(key, 80)) if key else path
        if isinstance(value, dict | list):
            yield from _walk(value, below, depth + 1)
        elif len(_shown(value)) >= LONG:
            yield Block(_shown(value), "text", Place(below))


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
