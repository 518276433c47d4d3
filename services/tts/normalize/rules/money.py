"""Amounts of money."""

from __future__ import annotations

import regex

from services.tts.normalize.fragments import Rule
from services.tts.normalize.grammar import Grammar
from services.tts.normalize.numerals import ALPHABETIC, NumeralPattern

_VOWELS = frozenset("aeiouéèêâœ")


def rules(grammar: Grammar, numerals: NumeralPattern) -> list[Rule]:
    def either(names: list[str]) -> str:
        return "|".join(regex.escape(name) for name in sorted(names, key=len, reverse=True))

    codes = [name for name in grammar.currencies if name.isalpha()]
    symbols = [name for name in grammar.currencies if not name.isalpha()]
    currency = rf"(?P<currency>{either(symbols)}|\b(?:{either(codes)})\b)"
    magnitude = (
        rf"(?:\s?(?P<magnitude>{either(list(grammar.magnitudes))})(?![\p{{L}}\p{{M}}]))?"
        if grammar.spaces
        else (rf"(?P<magnitude>{either(list(grammar.magnitudes))})?")
    )
    number = rf"(?P<number>{numerals.text})(?:\s?[-–—]\s?(?P<upper>{numerals.text}))?"
    of = r"(?:\s(?:de|di|d['’]))?"
    before = regex.compile(rf"(?P<sign>[-−])?{currency}\s?{number}{magnitude}")
    after = regex.compile(rf"(?P<sign>)(?<![{ALPHABETIC}]){number}{magnitude}{of}\s?{currency}")

    def read(match: regex.Match) -> str:
        money = grammar.currencies[match["currency"]]
        first = numerals.read((match["sign"] or "") + match["number"])
        last = numerals.read(match["upper"]) if match["upper"] else first
        adjective = grammar.locale.startswith("en") and _is_adjective(match)
        name = money.one if adjective else money.many
        if match["magnitude"]:
            spoken = grammar.number(first, "x" if grammar.spaces else "")
            if match["upper"]:
                spoken = grammar.range(spoken, grammar.number(last))
            large = grammar.magnitude(match["magnitude"], last)
            return _joined(grammar, spoken, large, name)
        if match["upper"]:
            return grammar.range(grammar.number(first, money.many), grammar.amount(last, money))
        if adjective and not first.fraction:
            return f"{grammar.number(first)} {name}"
        return grammar.amount(first, money)

    return [Rule(before, read), Rule(after, read)]


def _is_adjective(match: regex.Match) -> bool:
    """ "a $5 bill": English then says "five dollar"."""
    return bool(regex.search(r"\b[Aa]n?\s$", match.string[: match.start()]) and regex.match(r"[ -]\p{Ll}", match.string, pos=match.end()))


def _joined(grammar: Grammar, spoken: str, large: str, name: str) -> str:
    """ "three million dollars", "tres millones de dólares", "trois millions d'euros"."""
    if not grammar.spaces:
        return spoken + large + name
    if large in ("mil", "mille", "mila"):
        return f"{spoken} {large} {name}"
    if grammar.locale == "fr" and name[0] in _VOWELS:
        return f"{spoken} {large} d'{name}"
    return f"{spoken} {large}{grammar.magnitude_link}{name}"
