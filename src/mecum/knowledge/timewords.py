"""The words that have to do with time, in seven languages and Chinese: what `dates` reads. A language is a word in each row.

Words that mean something else in another language ("hier", "an") are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_MONTHS: Final = (
    "january januar janvier enero gennaio janeiro januari jan jän",
    "february februar février febrero febbraio fevereiro februari feb",
    "march märz mars marzo março maart mar",
    "april avril abril aprile apr",
    "may mai mayo maggio maio mei",
    "june juni juin junio giugno junho jun",
    "july juli juillet julio luglio julho jul",
    "august août agosto augustus aug",
    "september septembre septiembre settembre setembro sep sept",
    "october oktober octobre octubre ottobre outubro oct okt",
    "november novembre noviembre novembro nov",
    "december dezember décembre diciembre dicembre dezembro dec dez",
)
_WEEKDAYS: Final = (
    "monday montag lundi lunes lunedì segunda-feira maandag",
    "tuesday dienstag mardi martes martedì terça-feira dinsdag",
    "wednesday mittwoch mercredi miércoles mercoledì quarta-feira woensdag",
    "thursday donnerstag jeudi jueves giovedì quinta-feira donderdag",
    "friday freitag vendredi viernes venerdì sexta-feira vrijdag",
    "saturday samstag sonnabend samedi sábado sabato zaterdag",
    "sunday sonntag dimanche domingo domenica zondag",
)
_SEASONS: Final = (  # from March on, as in the north
    "spring frühling frühjahr printemps primavera lente",
    "summer sommer été verano estate verão zomer",
    "autumn fall herbst automne otoño autunno outono herfst",
    "winter hiver invierno inverno",
)
_UNITS: Final = (  # a day, a week, a weekend, a month, a year
    "day days night tag tage tagen nacht jour jours nuit día días noche giorno giorni notte dia dias noite dag dagen "
    "morning evening afternoon 天",
    "week weeks woche wochen semaine semaines semana semanas settimana settimane weken 周 星期",
    "weekend week-end wochenende finde",
    "month months monat monate monaten mois mes meses mese mesi mês maand maanden 个月 月",
    "year years jahr jahre jahren ans année années año años anno anni ano anos jaar 年",
)
_RELATIVE: Final = (  # today, and the days before it
    "today tonight heute aujourd'hui hoy oggi hoje vandaag 今天",
    "yesterday gestern ayer ieri ontem gisteren 昨天 昨晚",
    "vorgestern avant-hier anteayer anteontem eergisteren 前天",
)
_NUMBERS: Final = (
    "a an one ein eine einem einer einen un une una uno um uma een 一",
    "two couple zwei deux dos due dois duas twee 两 二",
    "three drei trois tres tre três drie 三",
    "four vier quatre cuatro quattro quatro 四",
    "five fünf cinq cinco cinque vijf 五",
    "six sechs seis sei zes 六",
)
_OTHERS: Final = {
    "L": "last past previous letzte letzten letzter letztes letztem vorige vorigen voriges vergangene vergangenen vorig "
    "vergangenes afgelopen 上 上个",
    "T": "this diese diesen dieser dieses diesem cette ce esta este questa questo deze dit 本 这",
    "P": "dernier dernière passé passée pasado pasada scorso scorsa passado passada",  # last, behind its noun
    "F": "next coming nächste nächsten nächster nächstes nächstem kommende kommenden prochain prochaine próximo próxima "
    "prossimo prossima volgende komende 下 下个",
    "I": "in im on en em au during since seit early late mid vom am throughout",
    "A": "ago fa atrás geleden 前",  # behind its number
    "V": "vor hace há",  # ago, in front of it
    "": "of de del the la le el il der dem den das ",
}


def _table() -> Mapping[str, tuple[str, int]]:
    found = {word: (letter, 0) for letter, words in _OTHERS.items() for word in words.split()}
    groups = {"N": _NUMBERS, "S": _SEASONS, "U": _UNITS, "W": _WEEKDAYS, "R": _RELATIVE, "M": _MONTHS}
    for letter, rows in groups.items():
        first = 1 if letter in "NM" else 0
        found |= {word: (letter, value) for value, words in enumerate(rows, first) for word in words.split()}
    return found


TABLE: Final = _table()  # a case-folded word: its letter in the patterns of `dates`, and its place in its row
