"""Numbers as they are written in a language."""

from __future__ import annotations

import regex

from services.tts.normalize.grammar import Grammar, Number

ALPHABETIC = r"\p{Latin}\p{Greek}\p{Cyrillic}\p{Devanagari}"
"""Letters that a number behind them belongs to ("MP3"), unlike Chinese and Japanese ones; for use inside brackets of a pattern."""

_NO_BREAK_SPACES = "\u00a0\u202f\u2009"


class NumeralPattern:
    """Finds and reads the numbers of one language."""

    def __init__(self, grammar: Grammar) -> None:
        groups = regex.escape(grammar.group_marks + _NO_BREAK_SPACES)
        decimal = regex.escape(grammar.decimal_mark)
        # Three digits behind the other mark are a group; one, two or more than three are decimals all the same.
        foreign = r"|\.\d{1,2}(?![\d.])|\.\d{4,}(?!\d)" if grammar.decimal_mark == "," else ""
        grouped = r"\d{1,2}(?:,\d{2})+,\d{3}|" if grammar.locale == "hi" else ""
        plain_spaces = r"|\d{1,3}(?: \d{3})+" if " " in grammar.group_marks else ""
        integer = rf"(?:{grouped}\d{{1,3}}(?:[{groups}]\d{{3}})+(?!\d){plain_spaces}|\d+)"
        self.text = rf"(?:(?<![{ALPHABETIC}\d)\]])[-−](?=\d))?{integer}(?:{decimal}\d+(?!\d){foreign})?"
        """Source of a pattern without groups of its own."""
        self._grammar = grammar

    def read(self, written: str) -> Number:
        negative = written[0] in "-−"
        body = written.lstrip("-−")
        mark = self._grammar.decimal_mark
        if mark not in body and mark == "," and regex.fullmatch(r"\d+\.(?:\d{1,2}|\d{4,})", body):
            mark = "."
        whole, _, fraction = body.partition(mark)
        return Number(int("".join(c for c in whole if c.isdigit())), "".join(str(int(c)) for c in fraction), negative)
