"""Ordinal numbers in figures, and Roman numerals."""

from __future__ import annotations

import regex

from services.tts.normalize.fragments import Rule
from services.tts.normalize.grammar import Grammar

_ENDINGS = {
    "en-US": r"(?:st|nd|rd|th)(?P<feminine>)",
    "en-GB": r"(?:st|nd|rd|th)(?P<feminine>)",
    "es": r"\.?(?:º|er|(?P<feminine>ª))",
    "pt-BR": r"\.?(?:º|(?P<feminine>ª))",
    "it": r"(?:º|°(?=\s(?!(?:sotto|sopra|all|alle|a|di|e|in|con|nel|al)\b)\p{Ll})|(?P<feminine>ª))",
    "fr": r"(?:er|ème|nd|e|(?P<feminine>re|ère|nde))",
    "hi": r"\s?(?:वाँ|वां|वें|(?P<feminine>वीं))",
}

_ROMAN = r"(?=[IVX]{1,7})X{0,3}(?:IX|IV|V?I{0,3})"
# Centuries, and what is numbered: "siglo XXI", "World War II".
_NUMBERED = {
    "en-US": r"(?<=\b(?:War|Part|Chapter|Phase|Act|Type|Volume|Level|Stage|Book|Section)\s)",
    "en-GB": r"(?<=\b(?:War|Part|Chapter|Phase|Act|Type|Volume|Level|Stage|Book|Section)\s)",
    "es": r"(?<=\b(?:[Ss]iglos?|[Cc]apítulo|[Tt]omo|[Ff]ase|[Tt]ipo)\s)",
    "pt-BR": r"(?<=\b(?:[Ss]éculos?|[Cc]apítulo|[Tt]omo|[Ff]ase|[Tt]ipo)\s)",
    "fr": r"(?<=\b(?:[Cc]hapitre|[Tt]ome|[Pp]hase|[Tt]ype)\s)",
    "it": r"(?<=\b(?:[Cc]apitolo|[Tt]omo|[Ff]ase|[Tt]ipo)\s)",
}


def rules(grammar: Grammar) -> list[Rule]:
    result = []
    if grammar.locale in _ENDINGS:
        figures = regex.compile(rf"(?<![\d.,])(?P<number>\d{{1,6}}){_ENDINGS[grammar.locale]}(?![\p{{L}}\p{{M}}\d])")
        result.append(Rule(figures, lambda match: _ordinal(grammar, match)))
    if grammar.locale in _NUMBERED:
        result.append(Rule(regex.compile(rf"{_NUMBERED[grammar.locale]}{_ROMAN}\b"), lambda match: grammar.cardinal(_roman(match.group()))))
        result.append(Rule(regex.compile(rf"(?<=\p{{Lu}}\p{{Ll}}+\s)(?=[IVX]{{2}}){_ROMAN}\b(?!')"), lambda match: _reign(grammar, _roman(match.group()))))
    if grammar.locale == "fr":
        century = regex.compile(rf"\b(?P<roman>{_ROMAN})(?P<ending>er|ère|ème|e)\b(?=\s)")
        result.append(Rule(century, lambda match: grammar.ordinal(_roman(match["roman"]), match["ending"] == "ère") if match["roman"] else None))
    if grammar.locale == "it":
        result.append(Rule(regex.compile(rf"\b{_ROMAN}(?=\ssecol[oi]\b)"), lambda match: grammar.ordinal(_roman(match.group()))))
    return result


def _ordinal(grammar: Grammar, match: regex.Match) -> str:
    number = int(match["number"])
    if grammar.locale == "es" and match.group().endswith("er"):
        return grammar.ordinal(number)[:-1]  # primer, tercer
    return grammar.ordinal(number, bool(match["feminine"]))


def _roman(written: str) -> int:
    values = [{"I": 1, "V": 5, "X": 10}[letter] for letter in written]
    return sum(-value if index + 1 < len(values) and values[index + 1] > value else value for index, value in enumerate(values))


def _reign(grammar: Grammar, number: int) -> str:
    """The number behind a ruler's name."""
    if grammar.locale.startswith("en"):
        return f"the {grammar.ordinal(number)}"
    if grammar.locale == "it" or (grammar.locale in ("es", "pt-BR") and number <= 10):
        return grammar.ordinal(number)
    return grammar.cardinal(number)
