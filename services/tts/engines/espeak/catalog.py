"""What espeak-ng speaks: two voices for each language."""

from __future__ import annotations

from services.tts.engine import Gender, Quality, Voice

ENGINE_NAME = "espeak"
MODEL = "espeak-ng"
LICENSE = "GPL-3.0-or-later"
"""Of the library; what it speaks is the user's."""

# Without languages that nobody speaks or whose dictionaries the library lacks (fo, kaa), dialects within a region, and Japanese, of which it reads no
# kanji.
_OWN_NAMES = {
    "cmn": "zh", "en-029": "en-029", "en": "en-GB", "en-us": "en-US", "es-419": "es-419", "fr-be": "fr-BE", "fr-ch": "fr-CH", "pt": "pt-PT",
    "pt-br": "pt-BR",
}  # fmt: skip
_LANGUAGES = (
    "af am an ar as az ba be bg bn bpy bs ca cs cv cy da de el eo es et eu fa fi fr ga gd gn gu hak haw he hi hr ht hu hy hyw ia id io is it ka kk kl kn "
    "ko kok ku ky la lb lfn lt ltg lv mi mk ml mr ms mt my nb ne nl nog om or pa pap pl qu quc ro ru sd shn si sk sl smj sq sr sv sw ta te th ti tk tn tr tt "
    "ug uk ur uz vi yue"
)

NAMES: dict[str, str] = {
    **{locale: name for name, locale in _OWN_NAMES.items()},
    **{language: language for language in _LANGUAGES.split()},
}
"""Locale (BCP 47) to espeak-ng's name of it."""

FEMALE_VARIANT = "+f1"
"""One without breath: its noise differs from one time to the next."""


def _voices(locale: str) -> tuple[Voice, Voice]:
    own = f"{ENGINE_NAME}:{locale}"
    male = Voice(own, locale, Gender.MALE, ENGINE_NAME, f"espeak {locale}", True, Quality.FORMANT, LICENSE, model=MODEL)
    female = Voice(own + FEMALE_VARIANT, locale, Gender.FEMALE, ENGINE_NAME, f"espeak {locale} female", False, Quality.FORMANT, LICENSE, model=MODEL)
    return male, female


LOCALES: tuple[str, ...] = tuple(sorted(NAMES))
VOICES: tuple[Voice, ...] = tuple(voice for locale in LOCALES for voice in _voices(locale))


def espeak_name(voice: Voice) -> str:
    """espeak-ng's own name of a voice: "de+f1"."""
    return NAMES[voice.locale] + (FEMALE_VARIANT if voice.id.endswith(FEMALE_VARIANT) else "")
