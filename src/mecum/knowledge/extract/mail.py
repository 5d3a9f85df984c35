"""Mails: a single one (EML), or a mailbox (MBOX), of which each mail is a document of its own."""

from __future__ import annotations

import contextlib
import email
import email.policy
import hashlib
import re
from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from itertools import islice, pairwise
from typing import Final

from mecum.knowledge.extract.base import Block, ExtractError, Outline, Part, one_line
from mecum.knowledge.extract.decode import decode
from mecum.knowledge.extract.markup import blocks, parse
from mecum.knowledge.extract.plain import numbered

MAILS: Final = 1_000_000
BORDERS: Final = 500  # places where a mail may say how its parts are told apart; reading takes the square of it
# The standard library's parser of headers fails over odd ones in ways that it does not document.
_FAULTS: Final = (ValueError, TypeError, AttributeError, LookupError, AssertionError, RecursionError)
_SHOWN: Final = ("From", "To", "Cc", "Date", "Subject")
_BORDER: Final = re.compile(rb"(?:\A|(?<=\n))From [^\r\n]*\d{4}[^\r\n]*\r?\n")


def read_eml(data: bytes, name: str) -> list[Part]:
    """Read one mail: its headers as a first block, its text, the names of what is attached."""
    del name
    return [_part(data, "")]


def read_mbox(data: bytes, name: str) -> list[Part]:
    """Read a mailbox; each mail is called by its message id."""
    del name
    borders = [*(found.span() for found in islice(_BORDER.finditer(data), MAILS)), (len(data), len(data))]
    parts, used = [], set[str]()
    for (_, start), (end, _) in pairwise(borders):
        raw = re.sub(rb"(?m)^>(>*From )", rb"\1", data[start:end])
        part = _part(raw, "mbox")
        label = part.name if part.name not in used else f"{part.name}-{len(used)}"
        used.add(label)
        parts.append(Part(part.kind, part.text, part.blocks, label, part.title, part.date, part.metadata))
    return parts


def _part(data: bytes, box: str) -> Part:
    if data.count(b"boundary") > BORDERS:
        raise ExtractError("unsafe", "The mail has too many parts inside of parts. Save what you need of it as a file.")
    message = email.message_from_bytes(data, policy=email.policy.default)
    subject = _header(message, "Subject")
    label = _header(message, "Message-ID").strip("<> ") or hashlib.sha256(data).hexdigest()[:16]
    return Part.of("eml", _blocks(message), name=label if box else "", title=subject, date=_date(message))


def _blocks(message: EmailMessage) -> Iterator[Block]:
    lines = [f"{name}: {value}" for name in _SHOWN if (value := _header(message, name))]
    yield Block("\n".join(lines))
    yield from _body(message)
    names = [one_line(name) for part in message.walk() if (name := _filename(part))]
    if names:
        yield Block(f"Attachments: {', '.join(names)}")


def _body(message: EmailMessage) -> Iterator[Block]:
    try:
        part = message.get_body(("plain", "html"))
    except (KeyError, AttributeError, ValueError):
        part = message
    if not isinstance(part, EmailMessage):
        return
    text = _text(part)
    if part.get_content_type() == "text/html":
        root = parse(text)
        yield from blocks(root, Outline()) if root is not None else ()
    else:
        yield from _paragraphs(text)


def _paragraphs(text: str) -> Iterator[Block]:
    group: list[str] = []
    for _, line in [*numbered(text.replace("\r\n", "\n")), (0, "")]:
        if line.strip() and line.strip() not in (">", "--"):
            group.append(line.rstrip())
        elif group:
            yield Block("\n".join(group))
            group = []


def _text(part: EmailMessage) -> str:
    payload = part.get_payload(decode=True)
    return decode(payload, part.get_content_charset()) if isinstance(payload, bytes) else ""


def _header(message: EmailMessage, name: str) -> str:
    with contextlib.suppress(*_FAULTS):
        return one_line(str(message.get(name) or ""), 1000)
    return ""


def _filename(part: EmailMessage) -> str | None:
    with contextlib.suppress(*_FAULTS):
        return part.get_filename()
    return None


def _date(message: EmailMessage) -> float | None:
    try:
        return parsedate_to_datetime(_header(message, "Date")).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
