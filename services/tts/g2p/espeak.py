"""espeak-ng: IPA in context for the languages that it reads well, and the units of languages with spaces."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from threading import Lock

import espeakng_loader
from phonemizer.backend.espeak.wrapper import EspeakWrapper

from locutor.errors import InvalidInput
from services.tts.g2p.align import share_out
from services.tts.g2p.tokens import QUOTES, Token, tokens_of
from services.tts.g2p.unit import Unit

TIE = "\u0361"
"""Stands between the characters of one phoneme in espeak's IPA, as in "a͡ɪ"."""

# espeak writes the voice that it borrows for a foreign word in brackets: "(en)wiːkɛnd(fr)".
_VOICE_SWITCH = re.compile(r"\([^)]*\)")

# espeak keeps its state in the library's globals.
_LOCK = Lock()
_wrapper: EspeakWrapper | None = None


def _phonemize(voice: str, texts: Iterable[str]) -> list[str]:
    """IPA with ties of each text, words separated by single spaces."""
    global _wrapper
    with _LOCK:
        if _wrapper is None:
            EspeakWrapper.set_library(espeakng_loader.get_library_path())
            EspeakWrapper.set_data_path(espeakng_loader.get_data_path())
            _wrapper = EspeakWrapper()
        _wrapper.set_voice(_language(_wrapper, voice))
        return [" ".join(_VOICE_SWITCH.sub("", _wrapper.text_to_phonemes(text, tie=True)).split()) for text in texts]


def _language(wrapper: EspeakWrapper, voice: str) -> str:
    """What phonemizer calls a voice: it knows "fr" by its first language alone, "fr-fr"."""
    voices = wrapper.available_voices()
    languages = {each.language for each in voices}
    if voice in languages:
        return voice
    named = next((each.language for each in voices if each.identifier.rpartition("/")[2].lower() == voice.lower()), None)
    if named is None:
        raise InvalidInput.of("voice", f"espeak-ng has no voice {voice!r} to read with; it has {', '.join(sorted(languages))}", "UNUSABLE_VOICE")
    return named


def ipa_of_words(voice: str, words: list[str]) -> list[str]:
    """IPA of each word of one clause, as it sounds beside its neighbours."""
    (clause,) = _phonemize(voice, [" ".join(words)])
    pieces = clause.split(" ")
    if len(pieces) == len(words):
        return pieces
    return share_out(clause, [alone.replace(" ", "") for alone in _phonemize(voice, words)])


class EspeakG2P:
    """Units by espeak-ng: `to_symbols(word, ipa)` turns its IPA into what the voice was trained on, empty where nothing of it is known."""

    def __init__(self, voice: str, to_symbols: Callable[[str, str], str], with_figures: bool = False) -> None:
        """`with_figures`: figures and signs are read too, as espeak does."""
        self._voice = voice
        self._to_symbols = to_symbols
        self._with_figures = with_figures

    def units(self, spoken: str) -> list[Unit]:
        units: list[Unit] = []
        clause: list[Token] = []
        for token in tokens_of(spoken, self._with_figures):
            if token.is_word or token.mark == " " or token.mark in QUOTES:
                clause.append(token)
                continue
            units += self._clause(clause)
            units.append(Unit(token.mark, token.begin, token.end, False))
            clause = []
        return units + self._clause(clause)

    def _clause(self, tokens: list[Token]) -> list[Unit]:
        words = [token.text for token in tokens if token.is_word]
        ipa = iter(ipa_of_words(self._voice, words) if words else ())
        units = []
        for token in tokens:
            symbols = self._to_symbols(token.text, next(ipa)) if token.is_word else token.mark
            if symbols:
                units.append(Unit(symbols, token.begin, token.end, token.is_word))
        return units
