"""The reader of each locale: from written to spoken text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from services.tts.normalize.fragments import Rule, SpokenText, write_out


@dataclass(frozen=True)
class Reader:
    """Writes out the texts of one locale."""

    rules: Sequence[Rule]
    abbreviations: frozenset[str]
    """With their full stop: "Dr."."""
    spaces: bool = True
    """The language puts spaces between words."""

    def read(self, text: str) -> SpokenText:
        return write_out(text, self.rules, spaces=self.spaces)

    def is_abbreviation(self, word: str) -> bool:
        return word in self.abbreviations


@cache
def reader_of(locale: str) -> Reader:
    return Reader((), frozenset())
