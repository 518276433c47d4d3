"""What a translation by a model that may say anything must pass: nothing lost, nothing added, in the right language, of a possible length."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import langcodes

from services.translate.engine import GlossaryTerm, LengthBudget
from services.translate.numerals import lost
from services.translate.plausible import loops
from services.translate.spans import Kind, find_spans, occurrences

_SPARE = 2.0
"""So many times over, or under, its budget no translation is taken, whatever else there is."""
_LONGEST_RATIO, _SHORTEST_RATIO = 4.0, 0.15
"""Of a translation to its source in characters, with `_SLACK` characters more to spare: English to Chinese is about 0.3, and back 3.3."""
_SLACK = 24
_COPIED_WORDS = 3
"""From so many words on that begin with a small letter, and are no names, a translation that equals its source is none."""
_OWN_SCRIPT_SHARE = 0.25
"""Of the letters, at least: names may stay in another script."""
_FEW_LETTERS = 12
"""Less may be a name alone."""
_MARKUP = re.compile(r"</?[A-Za-z][^<>\n]{0,200}>|```|\*\*|^#{1,6} |&(?:[a-z]{2,8}|#\d+);|\[[^\]\n]+\]\([^)\n]+\)", re.MULTILINE)
_SCRIPTS = {
    "Latn": ("LATIN",),
    "Cyrl": ("CYRILLIC",),
    "Grek": ("GREEK",),
    "Arab": ("ARABIC",),
    "Hebr": ("HEBREW",),
    "Deva": ("DEVANAGARI",),
    "Beng": ("BENGALI",),
    "Taml": ("TAMIL",),
    "Telu": ("TELUGU",),
    "Thai": ("THAI",),
    "Geor": ("GEORGIAN",),
    "Armn": ("ARMENIAN",),
    "Hans": ("CJK",),
    "Hant": ("CJK",),
    "Jpan": ("CJK", "HIRAGANA", "KATAKANA"),
    "Kore": ("HANGUL",),
}


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a translation."""

    unusable: str = ""
    """A reason to throw it away; empty: it can be used."""
    missed_terms: tuple[str, ...] = ()
    """Sources of glossary terms that are not in it."""
    budget_miss: int = 0
    """Code points under or over its budget."""

    @property
    def complaint(self) -> str:
        """What to tell the model; empty where all is well."""
        if self.unusable:
            return self.unusable
        told = [f"the glossary's translation of {term!r} is not in it" for term in self.missed_terms]
        return "; ".join([*told, "its length is not within min_characters and max_characters"] if self.budget_miss else told)


def examine(text: str, translation: str, source: str, target: str, glossary: Sequence[GlossaryTerm], budget: LengthBudget | None) -> Verdict:
    """`source` and `target`: BCP 47."""
    miss = max(budget.min_characters - len(translation), len(translation) - budget.max_characters, 0) if budget else 0
    return Verdict(_unusable(text, translation, source, target, glossary, budget), _missed(text, translation, glossary), miss)


def _unusable(text: str, translation: str, source: str, target: str, glossary: Sequence[GlossaryTerm], budget: LengthBudget | None) -> str:
    if not translation.strip():
        return "it is empty"
    if any(c.isalpha() for c in text) and not any(c.isalpha() for c in translation):
        return "it has no words"
    if translation.count("\n") > text.count("\n") or any(unicodedata.category(c) == "Cc" and c not in "\n\t" for c in translation):
        return "it has line breaks or control characters that the source has not"
    if added := Counter(_MARKUP.findall(translation)) - Counter(_MARKUP.findall(text)):
        return f"it has markup that the source has not ({next(iter(added))[:40]})"
    kept = _kept(text)
    if kept != (told := _kept(translation)):
        wrong = next(iter((kept - told) or (told - kept)))
        return f"the placeholder {wrong[:60]} is not in it as often as in the source"
    if numbers := lost(_plain_digits(text), _plain_digits(translation)):
        return f"the number {numbers[0]} is not in it"
    return _length(text, translation, budget) or _language(text, translation, source, target, glossary)


def _kept(text: str) -> Counter[str]:
    return Counter(span.target for span in find_spans(text, ()) if span.kind in (Kind.CODE, Kind.CUE))


def _plain_digits(text: str) -> str:
    """Digits of any script as those of ASCII."""
    return "".join(str(unicodedata.digit(c)) if c.isdigit() and not c.isascii() and unicodedata.category(c) == "Nd" else c for c in text)


def _length(text: str, translation: str, budget: LengthBudget | None) -> str:
    most, least = len(text) * _LONGEST_RATIO + _SLACK, len(text) * _SHORTEST_RATIO - _FEW_LETTERS
    if budget:
        most, least = min(most, budget.max_characters * _SPARE + _FEW_LETTERS), max(least, budget.min_characters / _SPARE - _FEW_LETTERS)
    if not least <= len(translation) <= most:
        return f"its length of {len(translation)} characters is out of all proportion to the source's {len(text)}, or to its budget"
    return "it says the same again and again" if loops(translation) > loops(text) else ""


def _language(text: str, translation: str, source: str, target: str, glossary: Sequence[GlossaryTerm]) -> str:
    common = [word for word in text.split() if word[0].isalpha() and not word[0].isupper()]
    if len(common) >= _COPIED_WORDS and text.casefold().split() == translation.casefold().split():
        return "it is the source, not a translation"
    script = langcodes.Language.get(target).maximize().script or ""
    names = _SCRIPTS.get(script)
    bare = translation
    for span in find_spans(translation, [GlossaryTerm(term.target or term.source) for term in glossary]):
        bare = bare[: span.begin] + " " * (span.end - span.begin) + bare[span.end :]
    letters = [c for c in bare if c.isalpha()]
    if names and len(letters) >= _FEW_LETTERS and sum(unicodedata.name(c, "").startswith(names) for c in letters) < _OWN_SCRIPT_SHARE * len(letters):
        return f"it is not written in the script of {target}"
    return ""


def _missed(text: str, translation: str, glossary: Sequence[GlossaryTerm]) -> tuple[str, ...]:
    terms = dict.fromkeys((span.term, span.target) for span in find_spans(text, glossary) if span.kind is Kind.TERM)
    return tuple(term for term, wanted in terms if not any(occurrences(wanted, translation, False)))
