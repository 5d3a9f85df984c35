"""Which time a question names: "in May 2023", "last week", "am 8. Mai", "hace tres días", "2023年5月".

Passages of chats, mails and notes have a date that their text often does not spell, or not as the question does. A text
becomes a row of letters, one for each word that has to do with time, and a few patterns over that row say what it means:
so a language is a column of words (`timewords`) and nothing else. Pure: `now` comes from outside.

Invariants (`tests/knowledge/test_dates.py`): a month or day without a year stands for that of each year, a date that reads
in two ways (8/5/2023) for both; a word that is also another ("may", "march") counts beside others of time alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from mecum.knowledge.timewords import TABLE

OLDEST: Final = 1995  # from which year on a month without a year is looked for
TAIL: Final = 0.5  # share of a period's length after it in which people still speak of it …
LEAST_TAIL: Final = 3.0  # … and days, at least
_SECONDS: Final = 86400.0
_LEXER: Final = re.compile(
    r"(?P<iso>(?<!\d)(?:19|20)\d\d[-/.]\d{1,2}[-/.]\d{1,2}(?!\d))|(?P<digits>(?<!\d)\d{1,2}[./-]\d{1,2}[./-](?:19|20)\d\d(?!\d))|"
    r"(?P<han>(?:[12]\d\d\d年)?\d{1,2}月(?:\d{1,2}[日号])?|[12]\d\d\d年)|(?P<ago>il\s+y\s+a\b)|"
    r"(?P<number>\d+)(?:st|nd|rd|th|er|º)?(?![^\W\d_])|(?P<cjk>昨天|昨晚|今天|前天|去年|今年|星期|个月|上个|下个|[上下本这天周月年前一二两三四五六])|"
    r"(?P<word>[^\W\d_]+(?:[-'][^\W\d_]+)*)|(?P<number2>\d+)"
)
_WORD: Final = re.compile(r"[^\W\d_]+(?:[-'][^\W\d_]+)*")
_YEAR: Final = re.compile(r"(?<!\d)[12]\d{3}(?!\d)")
_DIGITS: Final = re.compile(r"\d[./-]\d")
Span = tuple[date, date]  # the first day, and the first one after it
_TELLING: Final = re.compile("X|Y|R|W|DM|MD|[LTFI][MUS]|UP|UA|V[ND]U")
_Token = tuple[str, int, Sequence[Span], int, int]  # letter, value, spans that are known already, and where it stands


@dataclass(frozen=True, slots=True)
class Period:
    """Seconds since 1970, from `since` on and before `until`."""

    since: float
    until: float

    @property
    def reach(self) -> float:
        """Until when people still speak of it."""
        return self.until + max(LEAST_TAIL * _SECONDS, TAIL * (self.until - self.since))

    def strength(self, when: float) -> float:
        """Return from 0 to 1 how well a date fits: fully within, less and less after the end, not at all before."""
        if not self.since <= when < self.reach:
            return 0.0
        return 1.0 if when < self.until else (self.reach - when) / (self.reach - self.until)


@dataclass(frozen=True, slots=True)
class Named:
    """A time that a text names: the words that do so, and the periods that they may mean."""

    words: str
    periods: tuple[Period, ...]

    def strength(self, when: float | None) -> float:
        """Return from 0 to 1 how well a passage of that date fits."""
        return 0.0 if when is None else max(period.strength(when) for period in self.periods)


def named(text: str, now: float) -> Named | None:
    """Return the time that a text names, the closest of several; None where it names none."""
    today = datetime.fromtimestamp(now, UTC).date()
    folded = _folded(text)
    tokens = list(_tokens(folded, today))
    row = "".join(letter for letter, *_ in tokens)
    for pattern, read in _PATTERNS:
        found = [(match.span(), read(tokens[slice(*match.span())], today)) for match in pattern.finditer(row)]
        spans = [span for _, all_of in found for span in all_of]
        if spans:
            words = (folded[tokens[start][3] : tokens[stop - 1][4]] for (start, stop), all_of in found if all_of)
            return Named(" ".join(words), tuple(Period(_seconds(first), _seconds(after)) for first, after in spans))
    return None


def tells(text: str) -> bool:
    """Whether a text says when something was or will be: a year, a date, a weekday, "yesterday", "next month"."""
    folded = _folded(text)
    letters = {TABLE[word][0] for word in _WORD.findall(folded) if word in TABLE}
    if letters & {"R", "W"} or _YEAR.search(folded):
        return True
    if folded.isascii() and not letters & {"U", "M", "S"} and not _DIGITS.search(folded):
        return False  # most texts: nothing to read word by word
    row = "".join(letter for letter, *_ in _tokens(folded, date(2000, 1, 1)))
    return _TELLING.search(row) is not None


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")


def _tokens(text: str, today: date) -> Iterator[_Token]:
    """Yield what has to do with time, and "o" for each word between that has not."""
    for match in _LEXER.finditer(text):
        kind, word = match.lastgroup, match[0]
        letter, value = "o", 0
        spans: tuple[Span, ...] = ()
        if kind in ("iso", "digits", "han"):
            letter, spans = "X", tuple(_numeric(kind, [int(part) for part in re.findall(r"\d+", word)], word, today))
        elif kind in ("number", "number2"):
            value = int(match[kind][:5])
            letter = "Y" if 1000 <= value < 2100 and len(match[kind]) == 4 else "D" if 1 <= value <= 31 else "N"
        elif kind == "ago":
            letter = "V"
        elif word in ("去年", "今年"):
            letter, spans = "X", (_unit(today, 4, 1 if word == "去年" else 0),)
        else:
            letter, value = TABLE.get(word, ("o", 0))
        if letter:
            yield letter, value, spans, match.start(), match.end()


def _numeric(kind: str, numbers: Sequence[int], word: str, today: date) -> Iterator[Span]:
    if kind == "iso":
        yield from _day(numbers[0], numbers[1], numbers[2])
    elif kind == "digits":
        for day, month in {(numbers[0], numbers[1]), (numbers[1], numbers[0])}:
            yield from _day(numbers[2], month, day)
    else:
        year = numbers[0] if "年" in word else None
        rest = numbers[1:] if year else numbers
        if not rest and year:
            yield date(year, 1, 1), date(year + 1, 1, 1)
        for each in [year] if year else _years(today):
            if rest:
                yield from _day(each, *rest) if len(rest) == 2 else _month(each, rest[0])


def _years(today: date) -> range:
    return range(OLDEST, today.year + 2)


def _day(year: int, month: int, day: int) -> list[Span]:
    try:
        first = date(year, month, day)
    except ValueError:
        return []
    return [(first, first + timedelta(1))]


def _month(year: int, month: int, months: int = 1) -> list[Span]:
    after = month - 1 + months
    return [(date(year, month, 1), date(year + after // 12, after % 12 + 1, 1))] if 1 <= month <= 12 else []


def _unit(today: date, unit: int, back: int) -> Span:
    """Return the day, week, weekend, month or year that lies so many before today's."""
    if unit == 0:
        first = today - timedelta(back)
        return first, first + timedelta(1)
    monday = today - timedelta(today.weekday() + 7 * back)
    if unit == 1:
        return monday, monday + timedelta(7)
    if unit == 2:
        return monday + timedelta(5), monday + timedelta(7)
    months = today.year * 12 + today.month - 1 - back
    if unit == 3:
        return _month(months // 12, months % 12 + 1)[0]
    return date(today.year - back, 1, 1), date(today.year - back + 1, 1, 1)


def _values(tokens: Sequence[_Token], letters: str) -> list[int]:
    return [value for letter, value, *_ in tokens if letter in letters]


def _read_day(tokens: Sequence[_Token], today: date) -> list[Span]:
    (day,), (month,), years = _values(tokens, "D"), _values(tokens, "M"), _values(tokens, "Y")
    return [span for year in years or _years(today) for span in _day(year, month, day)]


def _read_month(tokens: Sequence[_Token], today: date) -> list[Span]:
    (month,), years = _values(tokens, "M"), _values(tokens, "Y")
    return [span for year in years or _years(today) for span in _month(year, month)]


def _read_season(tokens: Sequence[_Token], today: date) -> list[Span]:
    (season,), years = _values(tokens, "S"), _values(tokens, "Y")
    spans = [span for year in years or _years(today) for span in _month(year, 3 * season + 3, 3)]
    if years or tokens[0][0] == "I":
        return spans
    begun = [span for span in spans if span[0] <= today]  # "last summer", "this summer": the latest that has begun
    return begun[-1:] if tokens[0][0] == "T" else [span for span in begun if span[1] <= today][-1:]


def _read_year(tokens: Sequence[_Token], _today: date) -> list[Span]:
    (year,) = _values(tokens, "Y")
    return [(date(year, 1, 1), date(year + 1, 1, 1))]


def _read_unit(tokens: Sequence[_Token], today: date) -> list[Span]:
    (unit,), back = _values(tokens, "U"), 0 if tokens[0][0] == "T" else 1
    if unit == 2 and back:
        back = 0 if today.weekday() == 6 else 1
    return [_unit(today, unit, back)]


def _read_weekday(tokens: Sequence[_Token], today: date) -> list[Span]:
    (weekday,) = _values(tokens, "W")
    return [_unit(today, 0, (today.weekday() - weekday - 1) % 7 + 1)]


def _read_ago(tokens: Sequence[_Token], today: date) -> list[Span]:
    (number,), (unit,) = _values(tokens, "ND"), _values(tokens, "U")
    return [_unit(today, unit, number)] if number < 1000 and (unit != 4 or number < 100) else []


def _read_lately(tokens: Sequence[_Token], today: date) -> list[Span]:
    (number,), (unit,) = _values(tokens, "ND"), _values(tokens, "U")
    days = number * (1, 7, 7, 30, 365)[unit]
    return [(today - timedelta(days), today + timedelta(1))] if days < 20_000 else []


def _read_relative(tokens: Sequence[_Token], today: date) -> list[Span]:
    return [_unit(today, 0, value) for value in _values(tokens, "R")]


def _read_known(tokens: Sequence[_Token], _today: date) -> list[Span]:
    return [span for _, _, spans, *_ in tokens for span in spans]


_PATTERNS: Final = tuple(  # what says most comes first
    (re.compile(pattern), read)
    for pattern, read in (
        ("X", _read_known),
        ("DMY?|MDY?", _read_day),
        ("MY", _read_month),
        ("SY", _read_season),
        ("[ILT]M", _read_month),
        ("R", _read_relative),
        ("VI?[ND]U|[ND]UA", _read_ago),
        ("L[ND]U", _read_lately),
        ("[LT]U|UP", _read_unit),
        ("[LTI]W|WP", _read_weekday),
        ("[LTI]S|SP", _read_season),
        ("IU?Y", _read_year),
    )
)


def _seconds(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
