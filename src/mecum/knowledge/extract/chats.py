"""Exports of chats: whole turns with their speakers and dates; a document for each conversation.

A conversation's text is a heading for each day and a line or more for each turn. Times without a zone count as UTC.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from mecum.knowledge.extract.base import Block, Part, Place, one_line
from mecum.knowledge.extract.decode import decode

_DAYS: Final = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_MONTHS: Final = "January February March April May June July August September October November December".split()
_LINE: Final = re.compile(
    r"^[\u200e\u200f\ufeff]*\[?(?P<date>\d{1,4}[./-]\d{1,2}[./-]\d{1,4}),?[ \u202f]"
    r"(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2}))?"
    r"(?:[ \u202f\u00a0]?(?P<half>[AaPp])\.?[ \u00a0]?[Mm]\.?)?\]?"
    r"(?: [-\u2013])? (?P<rest>.*)$"
)
_SPEAKER: Final = re.compile(r"^[\u200e\u202a~ ]*(?P<who>[^:]{1,60}?)\u202c?: (?P<text>.*)$", re.DOTALL)
_OMITTED: Final = re.compile(r"^[\u200e]*<[^<>]{3,40}>$|^\u200e\w[\w ]* (omitted|weggelassen)$")
_WHO: Final = ("speaker", "from", "author", "sender", "role", "name", "user")
_WHAT: Final = ("content", "text", "body", "message", "value")
_WHEN: Final = ("date", "timestamp", "time", "created_at", "create_time", "date_unixtime", "ts")


@dataclass(frozen=True, slots=True)
class Turn:
    """What somebody said, and when (seconds since 1970)."""

    speaker: str
    text: str
    date: float | None = None


def conversation(kind: str, turns: Iterable[Turn], *, name: str = "", title: str = "") -> Part:
    """Return turns as a document."""
    said = [turn for turn in turns if turn.text.strip()]
    first = next((turn.date for turn in said if turn.date is not None), None)
    return Part.of(kind, _blocks(said), name=name, title=title, date=first)


def day(date: float) -> str:
    """Return a date as people write it, such as "Monday, 8 May 2023"."""
    when = datetime.fromtimestamp(date, UTC)
    return f"{_DAYS[when.weekday()]}, {when.day} {_MONTHS[when.month - 1]} {when.year}"


def moment(value: Any) -> float | None:
    """Return a date that an export holds, in seconds since 1970: a number (also milliseconds), or ISO 8601."""
    if isinstance(value, str) and not re.fullmatch(r"\d{9,13}(\.\d+)?", value):
        return _iso(value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    number = number / 1000 if number > 1e11 else number
    return number if 0 < number < 1e11 else None


def turns_of(messages: Any) -> list[Turn]:
    """Return the turns of a list of messages, whatever their fields are called; [] where it is no such list."""
    if not isinstance(messages, list) or not messages:
        return []
    turns = [_turn(message) for message in messages if isinstance(message, dict)]
    found = [turn for turn in turns if turn]
    return found if len(found) * 2 > len(messages) else []


def is_whatsapp(head: str) -> bool:
    """Return whether a text begins as WhatsApp's exports do: two lines or more, most of them with a date and a time."""
    lines = [line for line in head.splitlines()[:20] if line.strip()]
    dated = [found for line in lines if (found := _LINE.match(line))]
    return bool(dated) and bool(_LINE.match(lines[0])) and any(_SPEAKER.match(found["rest"]) for found in dated)


def read_whatsapp(data: bytes, name: str) -> list[Part]:
    """Read WhatsApp's text export."""
    del name
    lines = decode(data).splitlines()
    order = _order([found["date"] for line in lines if (found := _LINE.match(line))])
    return [conversation("whatsapp", _whatsapp_turns(lines, order))]


def read_telegram(data: bytes, name: str) -> list[Part]:
    """Read Telegram's JSON export, of one chat or of all."""
    del name
    content = orjson.loads(decode(data))
    chats = content["chats"]["list"] if "chats" in content else [content]
    several = len(chats) > 1
    parts = []
    for number, chat in enumerate(chats, 1):
        turns = [_telegram_turn(one) for one in chat.get("messages", []) if one.get("type", "message") == "message"]
        label = str(chat.get("id", number)) if several else ""
        parts.append(conversation("telegram", turns, name=label, title=str(chat.get("name") or "")))
    return parts


def read_chatgpt(data: bytes, name: str) -> list[Part]:
    """Read ChatGPT's conversations.json: of each conversation the branch that was open last."""
    del name
    content = orjson.loads(decode(data))
    chats = content if isinstance(content, list) else [content]
    parts = []
    for number, chat in enumerate(chats, 1):
        label = str(chat.get("conversation_id") or chat.get("id") or number)
        title = str(chat.get("title") or "")
        parts.append(conversation("chatgpt", _branch(chat), name=label, title=title))
    return parts


def _blocks(turns: Sequence[Turn]) -> Iterator[Block]:
    today = ""
    for turn in turns:
        if turn.date is not None and (date := day(turn.date)) != today:
            today = date
            yield Block(today, "heading", Place(heading=(today,)), level=1)
        place = Place(heading=(today,) if today else ())
        text = f"{turn.speaker}: {turn.text.strip()}" if turn.speaker else turn.text.strip()
        yield Block(text, "turn", place, speaker=turn.speaker, date=turn.date)


def _turn(message: dict[str, Any]) -> Turn | None:
    who = next((message[key] for key in _WHO if message.get(key)), "")
    what = next((message[key] for key in _WHAT if message.get(key)), None)
    text = flat(what)
    if not who or not text:
        return None
    when = next((message[key] for key in _WHEN if message.get(key)), None)
    named = who.get("name") or who.get("role") or "" if isinstance(who, dict) else who
    return Turn(one_line(str(named), 60), text, moment(when))


def flat(content: Any) -> str:
    """Return the text of a message: a string, or parts some of which are text."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        return flat(content.get("text") or content.get("parts") or "")
    if isinstance(content, list):
        return "".join(flat(part) for part in content)
    return ""


def _iso(value: str) -> float | None:
    try:
        when = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _telegram_turn(message: dict[str, Any]) -> Turn:
    when = moment(message.get("date_unixtime")) or moment(message.get("date"))
    return Turn(one_line(str(message.get("from") or ""), 60), flat(message.get("text")), when)


def _branch(chat: dict[str, Any]) -> list[Turn]:
    mapping: dict[str, Any] = chat.get("mapping") or {}
    node: Any = chat.get("current_node")
    if node not in mapping:
        node = next((key for key in reversed(mapping) if not (mapping[key].get("children") or [])), None)
    turns: list[Turn] = []
    seen: set[str] = set()
    while node in mapping and node not in seen:
        seen.add(node)
        message = mapping[node].get("message") or {}
        role = (message.get("author") or {}).get("role") or ""
        if role in ("user", "assistant"):
            turns.append(Turn(role, flat(message.get("content")), moment(message.get("create_time"))))
        node = mapping[node].get("parent")
    return turns[::-1]


def _whatsapp_turns(lines: Sequence[str], order: str) -> Iterator[Turn]:
    """Yield the turns; lines without a date go on with the turn before."""
    date, rest = None, ""
    for line in [*lines, None]:
        found = _LINE.match(line) if line is not None else None
        if line is not None and not found:
            rest += "\n" + line
            continue
        if (said := _SPEAKER.match(rest)) and not _OMITTED.match(said["text"].strip()):
            yield Turn(said["who"].strip(), said["text"], date)
        if found:
            date, rest = _date(found, order), found["rest"]


def _order(dates: Sequence[str]) -> str:
    """Return in which order an export writes day (d), month (m) and year (y), by all its dates."""
    numbers = [[int(part) for part in re.split(r"[./-]", date)] for date in dates]
    if any(one[0] > 31 for one in numbers):
        return "ymd"
    if any(one[0] > 12 for one in numbers):
        return "dmy"
    if any(one[1] > 12 for one in numbers):
        return "mdy"
    return "dmy"


def _date(found: re.Match[str], order: str) -> float | None:
    parts = dict(zip(order, (int(part) for part in re.split(r"[./-]", found["date"])), strict=True))
    year = parts["y"] + (2000 if parts["y"] < 100 else 0)
    hour = int(found["hour"])
    if found["half"]:
        hour = hour % 12 + (12 if found["half"] in "Pp" else 0)
    try:
        when = datetime(year, parts["m"], parts["d"], hour, int(found["minute"]), int(found["second"] or 0), tzinfo=UTC)
    except ValueError:
        return None
    return when.timestamp()
