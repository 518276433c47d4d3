"""Numbers with a unit, and percentages; also as ranges."""

from __future__ import annotations

import regex

from services.tts.normalize.fragments import Rule
from services.tts.normalize.grammar import Grammar, Number
from services.tts.normalize.numerals import ALPHABETIC, NumeralPattern
from services.tts.normalize.units import UNITS


def rules(grammar: Grammar, numerals: NumeralPattern) -> list[Rule]:
    symbols = sorted({*UNITS, *grammar.units}, key=len, reverse=True)
    number = rf"(?<![{ALPHABETIC}\d.,])(?P<number>{numerals.text})(?:\s?[-–—〜～~]\s?(?P<upper>{numerals.text}))?"
    # Chinese and Japanese go on without a space, but not in the letters that units are written in.
    end = r"(?![A-Za-zÀ-ÿ\d²³/])"
    measure = regex.compile(rf"{number}(?P<hyphen>-|\s?)(?P<unit>{'|'.join(regex.escape(s) for s in symbols)}){end}")
    percent = regex.compile(rf"{number}\s?[%％]")

    def spoken(match: regex.Match) -> tuple[Number, str]:
        first = numerals.read(match["number"])
        if not match["upper"]:
            return first, ""
        last = numerals.read(match["upper"])
        return last, grammar.range(grammar.number(first), grammar.number(last))

    def read_measure(match: regex.Match) -> str:
        value, phrase = spoken(match)
        if match["hyphen"] == "-":  # "a 5-km run": the unit stands in the singular
            return grammar.measure(Number(1), match["unit"], phrase or grammar.number(value))
        return grammar.measure(value, match["unit"], phrase)

    def read_percent(match: regex.Match) -> str:
        value, phrase = spoken(match)
        return grammar.percentage(phrase or grammar.number(value))

    return [Rule(percent, read_percent), Rule(measure, read_measure)]
