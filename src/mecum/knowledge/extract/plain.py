"""Plain texts: prose, Markdown and source code, each block with the number of its first line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mecum.knowledge.extract.base import Block, BlockKind, Outline, Part, Place, one_line
from mecum.knowledge.extract.chats import moment
from mecum.knowledge.extract.decode import decode

_HEADING: Final = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_UNDERLINE: Final = re.compile(r"^ {0,3}(=+|-+)[ \t]*$")
_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_FIELD: Final = re.compile(r"^(title|date)\s*:\s*[\"']?(.*?)[\"']?\s*$", re.IGNORECASE)
_DEFINITION: Final = re.compile(
    r"^(?:export |public |private |static |async |pub )*(?:def|class|func|fn|function|interface|struct|impl)\b"
)

Lines = list[tuple[int, str]]  # each with its number, from 1


def read_text(data: bytes, name: str) -> list[Part]:
    """Read prose: a block is what stands between empty lines."""
    del name
    found = (Block(_join(group), place=Place(line=group[0][0])) for group in _groups(_lines(data)))
    return [Part.of("text", found)]


def read_code(data: bytes, name: str) -> list[Part]:
    """Read source code: a block is what stands between empty lines; its heading is the definition it is in."""
    del name
    return [Part.of("code", _code_blocks(_lines(data)))]


def read_markdown(data: bytes, name: str) -> list[Part]:
    """Read Markdown, with the title and date that stand in front of it."""
    del name
    lines = _lines(data)
    head, body = _front_matter(lines)
    found = list(markdown_blocks(body))
    first = next((block.text for block in found if block.kind == "heading" and block.level == 1), "")
    return [Part.of("markdown", found, title=head.get("title") or first, date=moment(head.get("date")))]


def markdown_blocks(lines: Lines) -> Iterator[Block]:
    """Yield headings, paragraphs, and code between fences."""
    outline = Outline()
    for kind, level, group in _markdown(lines):
        text = one_line(group[0][1]) if kind == "heading" else _join(group)
        path = outline.enter(level, text) if kind == "heading" else outline.path
        yield Block(text, kind, Place(path, line=group[0][0]), level)


def numbered(text: str) -> Lines:
    """Return a text's lines with their numbers."""
    return list(enumerate(text.split("\n"), 1))


def _lines(data: bytes) -> Lines:
    return numbered(decode(data).replace("\r\n", "\n").replace("\r", "\n"))


def _join(group: Lines) -> str:
    return "\n".join(line.rstrip() for _, line in group)


def _groups(lines: Lines) -> Iterator[Lines]:
    group: Lines = []
    for number, line in lines:
        if line.strip():
            group.append((number, line))
        elif group:
            yield group
            group = []
    if group:
        yield group


def _code_blocks(lines: Lines) -> Iterator[Block]:
    within = ""
    for group in _groups(lines):
        outer = [line.strip() for _, line in group if _DEFINITION.match(line)]
        if not group[0][1][:1].isspace():
            within = outer[0] if outer else ""
        yield Block(_join(group), "code", Place((one_line(within, 120),) if within else (), line=group[0][0]))


def _front_matter(lines: Lines) -> tuple[dict[str, str], Lines]:
    if not lines or lines[0][1].rstrip() != "---":
        return {}, lines
    end = next((n for n, (_, line) in enumerate(lines[1:100], 1) if line.rstrip() in ("---", "...")), None)
    if end is None:
        return {}, lines
    fields = (_FIELD.match(line) for _, line in lines[1:end])
    return {found[1].lower(): found[2] for found in fields if found}, lines[end + 1 :]


def _markdown(lines: Lines) -> Iterator[tuple[BlockKind, int, Lines]]:
    group: Lines = []
    fence = ""
    for number, line in lines:
        mark = _FENCE.match(line)
        if fence:
            if mark and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                yield from _ended("code", group)
                group, fence = [], ""
            else:
                group.append((number, line))
        elif mark:
            yield from _ended("text", group)
            group, fence = [], mark[1]
        elif (heading := _HEADING.match(line)) and heading[2]:
            yield from _ended("text", group)
            group = []
            yield "heading", len(heading[1]), [(number, heading[2])]
        elif group and len(group) == 1 and _UNDERLINE.match(line):
            yield "heading", 1 if "=" in line else 2, group
            group = []
        elif line.strip():
            group.append((number, line))
        else:
            yield from _ended("text", group)
            group = []
    yield from _ended("code" if fence else "text", group)


def _ended(kind: BlockKind, group: Lines) -> Iterator[tuple[BlockKind, int, Lines]]:
    if any(line.strip() for _, line in group):
        yield kind, 0, group
