"""Matching the locale that is asked for with those that an engine speaks (BCP 47)."""

from __future__ import annotations

from collections.abc import Sequence

import langcodes

from locutor.errors import InvalidInput

_MOST_SPOKEN = {"en": "en-US", "pt": "pt-BR"}
"""What a bare language means where an engine speaks several of its locales."""
_NEIGHBOURS = {"en-CA": "en-US", "en-PH": "en-US"}
"""Regions whose speech is nearer to another than their spelling, which CLDR goes by."""

# CLDR language matching: 5 between regions of one language, 20 and more between scripts or languages that are merely understood.
_LARGEST_DISTANCE = 10


def match_locale(asked: str, available: Sequence[str]) -> str:
    """The available locale that speaks for `asked`: itself, its language's most spoken, or the nearest region.

    Raises `InvalidInput` (field "locale") for a malformed tag and for a language that is not there.
    """
    listed = ", ".join(sorted(available))
    if _parsed(asked) is None:
        raise InvalidInput.of("locale", f"{asked!r} is not a BCP 47 tag; give one of {listed}", "MALFORMED_LOCALE")
    found = nearest_locale(asked, available)
    if not found:
        raise InvalidInput.of("locale", f"no voice speaks {asked!r}; there are {listed}", "UNKNOWN_LOCALE")
    return found


def nearest_locale(asked: str, available: Sequence[str]) -> str:
    """As `match_locale`; empty where no locale speaks for it, or it is malformed."""
    tag = _parsed(asked)
    if tag is None:
        return ""
    by_tag = {locale.casefold(): locale for locale in available}
    canonical = tag.to_tag()
    for candidate in (canonical, _MOST_SPOKEN.get(canonical, ""), _NEIGHBOURS.get(canonical, "")):
        if candidate.casefold() in by_tag:
            return by_tag[candidate.casefold()]
    same_language = [locale for locale in available if langcodes.Language.get(locale).language == tag.language]
    # Where two regions are as near, the language's most spoken.
    near = sorted((langcodes.tag_distance(tag, locale), locale not in _MOST_SPOKEN.values(), locale) for locale in same_language)
    if not near or near[0][0] > _LARGEST_DISTANCE:
        return ""
    return near[0][2]


def speaks(locale: str, asked: str) -> bool:
    """Whether a voice of `locale` is one of those that are asked for: of exactly that locale, or of any of a bare language.

    Raises `InvalidInput` (field "locale") for a malformed tag.
    """
    tag = _parsed(asked)
    if tag is None:
        raise InvalidInput.of("locale", f"{asked!r} is not a BCP 47 tag; give one such as en-US, or nothing for all voices", "MALFORMED_LOCALE")
    own = langcodes.Language.get(locale)
    return own.language == tag.language and (not tag.territory or own.territory in (None, tag.territory))


def _parsed(asked: str) -> langcodes.Language | None:
    try:
        tag = langcodes.Language.get(asked) if asked else None
    except langcodes.LanguageTagError:
        return None
    return tag if tag is not None and tag.is_valid() else None
