"""Which voice speaks a locale, and which translation leads to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import langcodes

from locutor.errors import InvalidInput
from locutor.translate.v1 import translate_pb2
from locutor.tts.v1 import tts_pb2

_SAME_LANGUAGE = 9
"""Largest distance (langcodes) of two locales that one script may serve: regions of one script differ by at most 5, zh-Hans and zh-Hant by more than 50."""


def canonical(tag: str, field: str) -> str:
    """A BCP 47 tag in its canonical spelling. Raises `InvalidInput` with `field` where it is none."""
    try:
        language = langcodes.Language.get(langcodes.standardize_tag(tag.strip().replace("_", "-")))
    except ValueError:
        language = None
    if language is None or not tag.strip() or not language.is_valid():
        raise InvalidInput.of(field, f"{tag[:40]!r} is not a language tag; write a BCP 47 tag such as en-US, es or pt-BR", "UNKNOWN_LOCALE")
    return language.to_tag()


def same_language(one: str, other: str) -> bool:
    """Whether a text in the one locale may be read to speakers of the other as it is."""
    return langcodes.tag_distance(one, other) <= _SAME_LANGUAGE


def choose_voice(locale: str, voices: Sequence[tts_pb2.Voice]) -> tts_pb2.Voice | None:
    """The default voice of the nearest locale that shares the language, or None where no voice speaks it."""
    near = [voice for voice in voices if same_language(locale, voice.locale)]
    # A locale of its own first, then the default of its locale; engines that are a last resort come last.
    return min(near, key=lambda v: (-v.quality, langcodes.tag_distance(locale, v.locale), not v.is_default), default=None)


def voice_for(locale: str, voices: Mapping[str, str]) -> str:
    """The voice that a script's front matter names for a locale: by the exact tag, else by the language; empty where it names none."""
    exact = {canonical(tag, "voices"): voice for tag, voice in voices.items()}
    if locale in exact:
        return exact[locale]
    return exact.get(langcodes.Language.get(locale).language or "", "")


def choose_pair(source: str, target: str, pairs: Sequence[translate_pb2.Pair]) -> translate_pb2.Pair | None:
    """The pair that translates between two locales, the nearest and most direct one, or None."""
    near = [pair for pair in pairs if same_language(source, pair.source_locale) and same_language(target, pair.target_locale)]
    distance = langcodes.tag_distance
    return min(near, key=lambda p: (distance(target, p.target_locale) + distance(source, p.source_locale), p.pivots), default=None)
