"""Choosing a voice."""

from __future__ import annotations

from collections.abc import Sequence

from locutor.errors import InvalidInput
from services.tts.engine import Voice


def choose_voice(asked: str, locale: str, voices: Sequence[Voice]) -> Voice:
    """Of an engine's voices the one with the id `asked`, or the default of `locale`, which is one of theirs.

    Raises `InvalidInput` (field "voice") for one that is not there, or speaks another locale.
    """
    of_locale = [voice for voice in voices if voice.locale == locale]
    if not asked:
        return next(voice for voice in of_locale if voice.is_default)
    for voice in of_locale:
        if voice.id == asked:
            return voice
    other = next((voice for voice in voices if voice.id == asked), None)
    listed = ", ".join(voice.id for voice in of_locale)
    if other is not None:
        raise InvalidInput.of("voice", f"{asked!r} speaks {other.locale}, not {locale}; its voices are {listed}", "VOICE_OF_OTHER_LOCALE")
    raise InvalidInput.of("voice", f"there is no voice {asked!r}; the voices of {locale} are {listed}", "UNKNOWN_VOICE")
