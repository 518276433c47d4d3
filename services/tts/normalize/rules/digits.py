"""Numbers that are names: telephone numbers, codes, versions."""

from __future__ import annotations

import regex

from services.tts.normalize.fragments import Rule
from services.tts.normalize.grammar import Grammar
from services.tts.normalize.numerals import ALPHABETIC

_GROUP_OF_PHONE = r"\(?\d{1,5}\)?"
_PHONE = regex.compile(rf"(?<![{ALPHABETIC}\d.,/-])(?P<plus>\+)?{_GROUP_OF_PHONE}(?:[-\u2011 ]{_GROUP_OF_PHONE}){{1,5}}(?![{ALPHABETIC}\d]|[-/]\d|[.,]\d)")
_CODE = regex.compile(r"(?<![\d.,])(?:0\d+|\d{7,})(?![\d]|[.,]\d)")
_VERSION = regex.compile(rf"(?<![{ALPHABETIC}\d.])(?:(?P<v>[vV])\.?\s?)?(?P<parts>\d+(?:\.\d+){{2,}}|(?<=[vV])\d+(?:\.\d+)*)(?![{ALPHABETIC}\d]|\.\d)")
_ORDINAL_STOP = regex.compile(r"(?<![\d.,])(\d{1,2})\.(?=\s+\p{L})")
# As many digits as are remembered at once.
_GROUP = 3


def ordinal_stop_rules() -> list[Rule]:
    """For synthesizers that pause at every full stop: "3. Oktober" without it."""
    return [Rule(_ORDINAL_STOP, lambda match: match[1])]


def rules(grammar: Grammar) -> list[Rule]:
    def read_phone(match: regex.Match) -> str | None:
        groups = regex.findall(r"\d+", match.group())
        figures = sum(len(group) for group in groups)
        dialled = match["plus"] or "(" in match.group() or "-" in match.group() or len(groups) >= 3
        thousands = " " in match.group() and "-" not in match.group() and all(len(group) == 3 for group in groups[1:]) and not match["plus"]
        if figures < 7 or figures > 15 or not dialled or thousands:
            return None
        spoken = grammar.phone(groups)
        plus = grammar.signs["+"]
        return (f"{plus} {spoken}" if grammar.spaces else plus + spoken) if match["plus"] else spoken

    def read_code(match: regex.Match) -> str | None:
        written = match.group()
        if written.endswith("000") and written[0] != "0":
            return None
        groups = [written] if len(written) <= _GROUP + 1 else [written[i : i + _GROUP] for i in range(0, len(written), _GROUP)]
        return grammar.phone(groups)

    def read_version(match: regex.Match) -> str | None:
        parts = match["parts"].split(".")
        spoken = [grammar.cardinal(int(part)) if part == "0" or part[0] != "0" else grammar.digits(part) for part in parts]
        point = grammar.version_point or grammar.dot
        joined = f" {point} ".join(spoken) if grammar.spaces else point.join(spoken)
        if not match["v"]:
            return joined
        return f"{_VERSION_WORDS.get(grammar.locale, 'version')} {joined}" if grammar.spaces else f"{match['v'].upper()}{joined}"

    return [Rule(_VERSION, read_version), Rule(_PHONE, read_phone), Rule(_CODE, read_code)]


_VERSION_WORDS = {"es": "versión", "it": "versione", "pt-BR": "versão", "hi": "वर्ज़न"}
