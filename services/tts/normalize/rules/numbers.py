"""Plain numbers: fractions, ranges, years, large amounts, everything that is left."""

from __future__ import annotations

import regex

from services.tts.normalize.fragments import Rule
from services.tts.normalize.grammar import Grammar
from services.tts.normalize.numerals import ALPHABETIC, NumeralPattern

_NOUN = regex.compile(r"\s+(?P<noun>\p{Ll}[\p{L}\p{M}]*)|(?P<counter>\p{Han})")
_YEAR_WORDS = frozenset(
    [
        "in",
        "since",
        "by",
        "until",
        "till",
        "before",
        "after",
        "from",
        "of",
        "during",
        "year",
        "spring",
        "summer",
        "autumn",
        "fall",
        "winter",
        "early",
        "late",
        "mid",
        "copyright",
        "and",
    ]
)
_NOT_PLURALS = frozenset(["is", "was", "has", "as", "does", "this", "us", "yes", "its"])
_EARLIEST_YEAR, _LATEST_YEAR = 1100, 2099


def rules(grammar: Grammar, numerals: NumeralPattern) -> list[Rule]:
    named = regex.compile("|".join(rf"(?<![\d/]){regex.escape(name)}(?![\d/])" for name in sorted(grammar.fractions, key=len, reverse=True)))
    fraction = regex.compile(rf"(?<![\d/.,{ALPHABETIC}])(?P<over>\d{{1,3}})/(?P<under>\d{{1,3}})(?![\d/{ALPHABETIC}])")
    span = regex.compile(rf"(?<![{ALPHABETIC}\d.,-])(?P<first>{numerals.text})\s?[-–—~〜～]\s?(?P<last>\d[\d.,]*(?<=\d))(?![{ALPHABETIC}\d-])")
    ratio = regex.compile(r"(?<![\d:.,])(?P<left>\d{1,3}):(?P<right>\d{1,3})(?![\d:])")
    number = regex.compile(numerals.text)

    def read_span(match: regex.Match) -> str:
        first, last = (_plain(grammar, numerals, match, match[group]) for group in ("first", "last"))
        return grammar.range(first, last)

    result = [
        Rule(named, lambda match: grammar.fractions[match.group()]),
        Rule(fraction, lambda match: grammar.fraction(int(match["over"]), int(match["under"]))),
        Rule(span, read_span),
    ]
    link = " " if grammar.spaces else ""
    result.append(Rule(ratio, lambda match: link.join(grammar.cardinal(int(match[side])) for side in ("left", "right"))))
    if grammar.locale.startswith("en"):
        millions = regex.compile(rf"(?<![{ALPHABETIC}\d.,])(?P<number>{numerals.text})(?P<magnitude>M|bn)\b")
        result.append(Rule(millions, lambda match: f"{grammar.number(numerals.read(match['number']))} {grammar.magnitudes[match['magnitude']]}"))
    if grammar.locale == "zh":
        result.append(Rule(regex.compile(r"(?<!\d)(?P<year>\d{4})(?=年)"), lambda match: grammar.digits(match["year"])))
    result.append(Rule(number, lambda match: _plain(grammar, numerals, match, match.group())))
    return result


def decade_rules(grammar: Grammar) -> list[Rule]:
    """ "1980s", "'90s": English alone."""
    if not grammar.locale.startswith("en"):
        return []
    decade = regex.compile(r"(?<![\d.,'’])['’]?(?P<year>1[1-9]\d0|20\d0|(?<=['’])\d0)'?s\b")
    return [Rule(decade, lambda match: _decade(grammar, int(match["year"])))]


def _plain(grammar: Grammar, numerals: NumeralPattern, match: regex.Match, written: str) -> str:
    number = numerals.read(written)
    behind = _NOUN.match(match.string, match.end())
    noun = (behind["noun"] or behind["counter"] or "") if behind else ""
    is_year = grammar.locale.startswith("en") or grammar.locale == "hi"
    if is_year and regex.fullmatch(r"\d{4}", written) and _EARLIEST_YEAR <= number.integer <= _LATEST_YEAR and _reads_as_year(match, noun):
        return grammar.year(number.integer)
    return grammar.number(number, noun)


def _reads_as_year(match: regex.Match, noun: str) -> bool:
    """Four figures are a year, unless a plural behind them is counted: "1500 people" is read alike, "2026 seats" is not."""
    before = regex.search(r"(\p{L}+)\W*$", match.string[: match.start()])
    if before and before[1].lower() in _YEAR_WORDS:
        return True
    return not (noun.endswith("s") and noun not in _NOT_PLURALS)


def _decade(grammar: Grammar, year: int) -> str:
    spoken = grammar.year(year) if year >= 1000 else grammar.cardinal(year)
    return spoken[:-1] + "ies" if spoken.endswith("y") else spoken + "s"
