"""Numbers: whether a translation still has them all, and whether they are written as its language writes them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from babel import Locale, UnknownLocaleError
from babel.numbers import get_decimal_symbol, get_group_symbol

_NUMERAL = re.compile(r"(?<![\w.,])\d+(?:[.,:/-]\d+)*(?!\w)")
"""A number, date or time with its separators, not glued to letters: "17h30" and "B2" are for the model."""
_HALF_DAY = re.compile(r"\s*[ap]\.?\s?m\b", re.IGNORECASE)
"""What turns 5:30 into 17:30."""


def numerals(text: str) -> Iterator[re.Match[str]]:
    """The numbers that a translation must have too; single digits may be spelled out."""
    for match in _NUMERAL.finditer(text):
        if len(re.sub(r"\D", "", match.group())) > 1 and not _HALF_DAY.match(text, match.end()):
            yield match


def _digits(numeral: str) -> list[str]:
    """What is compared: digits without group separators; the parts of a date in any order."""
    return [part for piece in re.split(r"[:/-]", numeral) if len(part := re.sub(r"\D", "", piece)) > 1]


def lost(source: str, translation: str) -> list[str]:
    """The numbers of the source that the translation has not."""
    found = Counter(part for match in _NUMERAL.finditer(translation) for part in _digits(match.group()))
    # Glued to letters ("17h30", "30s") it is still there.
    loose = Counter(re.findall(r"\d+", translation))
    missing = []
    for match in numerals(source):
        parts = Counter(_digits(match.group()))
        if any(max(found[part], loose[part]) < count for part, count in parts.items()):
            missing.append(match.group())
        found -= parts
        loose -= parts
    return missing


def localized(numeral: str, source: str, target: str) -> str:
    """A number with group separators or decimals as the target language writes it; anything else (dates, versions, years) as it is."""
    decimal, group = _symbols(source)
    if not re.fullmatch(rf"\d{{1,3}}(?:{re.escape(group)}\d{{3}})+(?:{re.escape(decimal)}\d+)?|\d+{re.escape(decimal)}\d+", numeral):
        return numeral
    theirs = _symbols(target)
    return numeral.translate({ord(decimal): theirs[0], ord(group): theirs[1]})


def respelled(translation: str, text: str, source: str, target: str) -> str:
    """The translation, with numbers of the source that it writes half in the source's manner set right."""
    for match in numerals(text):
        right = localized(match.group(), source, target)
        if right != match.group() and right not in translation:
            digits = re.sub(r"\D", "", right)
            for other in _NUMERAL.finditer(translation):
                if re.sub(r"\D", "", other.group()) == digits and not re.search(r"[:/-]", other.group()):
                    translation = translation[: other.start()] + right + translation[other.end() :]
                    break
    return translation


def _symbols(language: str) -> tuple[str, str]:
    """Decimal and group separator."""
    try:
        locale = Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        locale = Locale("en")
    # The narrow spaces of some locales are one character here, as everywhere.
    return str(get_decimal_symbol(locale)), str(get_group_symbol(locale))
