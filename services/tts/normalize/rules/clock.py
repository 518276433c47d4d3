"""Times of day: 14:30, 14h30, 3 pm."""

from __future__ import annotations

import regex

from services.tts.normalize.fragments import Rule
from services.tts.normalize.grammar import Grammar

_HALF = r"(?P<half>[aApP])\.?\s?[mM]\b\.?"


def rules(grammar: Grammar) -> list[Rule]:
    words = rf"(?:\s*(?:{grammar.clock_words})\b)?" if grammar.clock_words else ""
    full = regex.compile(rf"(?<![\d:.,/])(?P<hour>[01]?\d|2[0-4]):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?(?![\d:])(?:\s?{_HALF}|{words})")
    result = [Rule(full, lambda match: _read(grammar, match))]
    if grammar.locale in ("fr", "pt-BR", "es"):
        lettered = regex.compile(r"(?<![\d:.,/])(?P<hour>[01]?\d|2[0-4])\s?h(?:\s?(?P<minute>[0-5]\d)(?:\s?min)?)?(?!\w)(?P<second>)(?P<half>)")
        result.append(Rule(lettered, lambda match: _read(grammar, match)))
    if grammar.locale.startswith("en"):
        bare = regex.compile(rf"(?<![\d:.,/$€£])(?P<hour>1[0-2]|[1-9])\s?{_HALF}(?P<minute>)(?P<second>)")
        result.append(Rule(bare, lambda match: _read(grammar, match)))
    return result


def _read(grammar: Grammar, match: regex.Match) -> str:
    half = f"{match['half'].lower()}m" if match["half"] else ""
    second = int(match["second"]) if match["second"] else None
    spoken = grammar.time(int(match["hour"]), int(match["minute"] or 0), second, half)
    # A full stop behind "p.m." may be the sentence's as well.
    ends = match.group().endswith(".") and not match.string[match.end() :].strip()
    return spoken + "." if ends else spoken
