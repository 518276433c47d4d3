"""Languages as Whisper's tokens name them, and as BCP 47 does."""

from __future__ import annotations

from collections.abc import Sequence

import langcodes

from locutor.errors import InvalidInput

_ONE_LANGUAGE = 10
"""Largest distance (CLDR's) at which speakers are understood: "nb" is 1 from "no", "gsw" 8 from "de", "arz" 10 from "ar", while "ca" is 20 from "es"."""

_SCRIPT_PROMPTS = {
    ("hi", "Deva"): "नमस्ते, आप कैसे हैं?",
    ("zh", "Hans"): "简体中文。",
    ("zh", "Hant"): "繁體中文。",
    ("ja", "Jpan"): "こんにちは。",
}
"""What the model is shown before the speech, so that it writes in the script, and with the punctuation, of what it was shown:
small models else write Hindi in Arabic letters, Chinese in either script, and Japanese without full stops."""


def script_prompt(locale: str) -> str:
    """A few words in the script of a locale, where Whisper needs to be told; else empty."""
    full = langcodes.Language.get(locale).maximize()
    return _SCRIPT_PROMPTS.get((full.language or "", full.script or ""), "")


def bcp47(token: str) -> str:
    """The BCP 47 tag of a Whisper language: "jw" is "jv", "no" stays "no"."""
    return str(langcodes.standardize_tag(token))


def whisper_language(locale: str, known: Sequence[str]) -> str:
    """The one of Whisper's languages that a BCP 47 tag means: "pt-BR" is "pt", "nb" is "no".

    Raises `InvalidInput` (field "locale") for a malformed tag and for a language that is not known.
    """
    listed = ", ".join(sorted(bcp47(token) for token in known))
    try:
        tag = langcodes.Language.get(locale)
    except langcodes.LanguageTagError:
        tag = None
    if tag is None or not tag.is_valid():
        raise InvalidInput.of("locale", f"{locale!r} is not a BCP 47 tag; give one of {listed}, with or without a region, or none", "MALFORMED_LOCALE")
    distance, nearest = min((langcodes.tag_distance(str(tag.language), bcp47(token)), token) for token in known)
    if distance <= _ONE_LANGUAGE:
        return nearest
    raise InvalidInput.of("locale", f"{locale!r} is not recognised by these weights; they know {listed}", "UNKNOWN_LOCALE")
