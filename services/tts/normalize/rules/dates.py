"""Dates in figures, and days beside the name of a month."""

from __future__ import annotations

import regex

from services.tts.normalize.fragments import Rule
from services.tts.normalize.grammar import Grammar

_ISO = regex.compile(r"(?<![\d-])(?P<year>\d{4})-(?P<month>0?[1-9]|1[0-2])-(?P<day>0?[1-9]|[12]\d|3[01])(?![\d-])")
_YEAR_FIRST = regex.compile(r"(?<![\d/])(?P<year>\d{4})/(?P<month>0?[1-9]|1[0-2])/(?P<day>0?[1-9]|[12]\d|3[01])(?![\d/])")
_FIGURES = regex.compile(r"(?<![\d/.-])(?P<first>\d{1,2})(?P<mark>[/.-])(?P<second>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2}(?=\D|$)(?<=/\d\d))(?![\d/-])")
_SUFFIX = r"(?:st|nd|rd|th)?"


def rules(grammar: Grammar) -> list[Rule]:
    def read(match: regex.Match) -> str:
        return grammar.date(int(match["day"]), int(match["month"]), int(match["year"]))

    def read_figures(match: regex.Match) -> str | None:
        first, second = int(match["first"]), int(match["second"])
        month, day = (first, second) if grammar.month_first else (second, first)
        if month > 12 >= day:
            month, day = day, month
        if not (1 <= month <= 12 and 1 <= day <= 31):
            return None
        year = int(match["year"])
        return grammar.date(day, month, year + 2000 if year < 100 else year)

    result = [Rule(_ISO, read), Rule(_YEAR_FIRST, read), Rule(_FIGURES, read_figures)]
    return result + (_english(grammar) if grammar.locale.startswith("en") else _first_of_month(grammar))


def _english(grammar: Grammar) -> list[Rule]:
    """ "March 14, 2026", "14 March 2026" and "Mar. 14": the day is an ordinal, the year is read in two halves."""
    numbers = {name.lower(): month for width in ("wide", "abbreviated") for month, name in grammar.calendar.months["format"][width].items()}
    numbers |= {"sept": 9}
    names = "|".join(sorted((n.capitalize() for n in numbers), key=len, reverse=True))
    year = r"(?:(?P<comma>,?)\s+(?P<year>1[0-9]\d\d|20\d\d)(?!\d))?"
    month_first = regex.compile(rf"\b(?P<month>{names})\.?\s+(?P<day>[12]\d|3[01]|0?[1-9]){_SUFFIX}(?![\d:.]\d|\d|-\d|–\d){year}")
    day_first = regex.compile(rf"(?<![\d/.,-])(?P<the>the\s+)?(?P<day>[12]\d|3[01]|0?[1-9]){_SUFFIX}(?:\s+of)?\s+(?P<month>{names})\b\.?{year}")
    month_year = regex.compile(rf"\b(?P<month>{names})\.?\s+(?P<year>1[0-9]\d\d|20\d\d)(?!\d)")

    def tail(match: regex.Match) -> str:
        return f", {grammar.year(int(match['year']))}" if match["year"] else ""

    def month(match: regex.Match) -> str:
        return grammar.month(numbers[match["month"].lower()])

    return [
        Rule(month_first, lambda match: f"{month(match)} {grammar.ordinal(int(match['day']))}{tail(match)}"),
        Rule(day_first, lambda match: f"the {grammar.ordinal(int(match['day']))} of {month(match)}{tail(match)}"),
        Rule(month_year, lambda match: f"{month(match)} {grammar.year(int(match['year']))}"),
    ]


def _first_of_month(grammar: Grammar) -> list[Rule]:
    """ "1 de mayo", "1 maggio": the first of a month has its own word; all other days are plain numbers."""
    if grammar.day_of_month(1) == grammar.cardinal(1):
        return []
    names = "|".join(grammar.calendar.months["format"]["wide"].values())
    pattern = regex.compile(rf"(?<![\d/.,-])1(?:º|°|er|o)?(?=\s+(?:de\s+)?(?:{names})\b)", regex.IGNORECASE)
    return [Rule(pattern, lambda match: grammar.day_of_month(1))]
