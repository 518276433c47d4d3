"""The reader of each locale: from written to spoken text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from services.tts.locales import nearest_locale
from services.tts.normalize.fragments import Rule, SpokenText, write_out
from services.tts.normalize.grammar import Grammar
from services.tts.normalize.languages.english import AmericanEnglish, BritishEnglish
from services.tts.normalize.languages.french import French
from services.tts.normalize.languages.hindi import Hindi
from services.tts.normalize.languages.italian import Italian
from services.tts.normalize.languages.japanese import Japanese
from services.tts.normalize.languages.mandarin import Mandarin
from services.tts.normalize.languages.portuguese import BrazilianPortuguese
from services.tts.normalize.languages.spanish import Spanish
from services.tts.normalize.numerals import NumeralPattern
from services.tts.normalize.rules import clock, dates, digits, measures, money, numbers, ordinals, web, words

_GRAMMARS: dict[str, type[Grammar]] = {
    grammar.locale: grammar for grammar in (AmericanEnglish, BritishEnglish, Spanish, French, Hindi, Italian, Japanese, BrazilianPortuguese, Mandarin)
}

_ORDINAL_STOPS = frozenset(["bs", "cs", "da", "de", "et", "fi", "fo", "hr", "hu", "is", "lb", "lt", "lv", "mk", "nb", "nn", "no", "pl", "sk", "sl", "sr", "tr"])
_WITHOUT_SPACES = frozenset(["hak", "km", "lo", "my", "shn", "th", "yue"])


@dataclass(frozen=True)
class Reader:
    """Writes out the texts of one locale."""

    rules: Sequence[Rule]
    abbreviations: frozenset[str]
    """With their full stop: "Dr."."""
    spaces: bool
    """The language puts spaces between words."""
    leaves_figures: bool = False
    """Figures and signs stay as they stand: whoever speaks reads them."""
    ordinals: bool = False
    """A full stop behind a small number does not end a sentence: "3." is "third"."""

    def read(self, text: str) -> SpokenText:
        """The text as a native reads it aloud."""
        return write_out(text, self.rules, spaces=self.spaces)

    def is_abbreviation(self, word: str) -> bool:
        """Whether a word with its full stop does not end a sentence."""
        if self.ordinals and len(word) <= 3 and word[:-1].isdigit():
            return True
        return word in self.abbreviations or (len(word) == 2 and word[0].isupper() and word[0].isascii())


def reader_for(locale: str) -> Reader:
    """The reader of the locale, or of another region of its language; else one that leaves figures to whoever speaks."""
    nearest = nearest_locale(locale, tuple(_GRAMMARS))
    if nearest:
        return reader_of(nearest)
    language = locale.partition("-")[0]
    ordinals = language in _ORDINAL_STOPS
    rules = [*words.emoji_rules(), *(digits.ordinal_stop_rules() if ordinals else [])]
    return Reader(rules, frozenset(), language not in _WITHOUT_SPACES, leaves_figures=True, ordinals=ordinals)


@cache
def reader_of(locale: str) -> Reader:
    """Raises `KeyError` for a locale without a grammar."""
    grammar = _GRAMMARS[locale]()
    numerals = NumeralPattern(grammar)
    # From the most special form to the most general: what one rule has written out, no later one sees.
    rules = [
        *words.emoji_rules(),
        *web.rules(grammar),
        *words.abbreviation_rules(grammar),
        *dates.rules(grammar),
        *clock.rules(grammar),
        *money.rules(grammar, numerals),
        *ordinals.rules(grammar),
        *numbers.decade_rules(grammar),
        *measures.rules(grammar, numerals),
        *digits.rules(grammar),
        *numbers.rules(grammar, numerals),
        *words.initialism_rules(grammar),
        *words.sign_rules(grammar),
    ]
    dotted = {part for name in grammar.abbreviations for part in (name, *name.split()) if part.endswith(".")}
    return Reader(rules, frozenset(dotted - {"etc.", "ecc."}), grammar.spaces)
