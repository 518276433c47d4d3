"""espeak-ng's IPA as the symbols that Kokoro was trained on.

Source: the conventions of misaki, the converter that labelled Kokoro's training data (its README and espeak.py): capitals for
diphthongs, single letters for affricates, in English no length marks for American, "ᵊ" before syllabic consonants.
"""

from __future__ import annotations

import re

from services.tts.g2p.espeak import TIE

_SYLLABIC = re.compile("(.)\u0329")


def _ordered(pairs: dict[str, str]) -> list[tuple[str, str]]:
    """Longest first, with the tie written "^" for legibility."""
    return sorted(((ipa.replace("^", TIE), symbols) for ipa, symbols in pairs.items()), key=lambda pair: -len(pair[0]))


_GENERAL = _ordered({
    "a^ɪ": "I", "a^ʊ": "W", "d^z": "ʣ", "d^ʒ": "ʤ", "e^ɪ": "A", "o^ʊ": "O", "ə^ʊ": "Q", "s^s": "S", "t^s": "ʦ", "t^ʃ": "ʧ", "ɔ^ɪ": "Y",
    "t^ɕ": "ʨ", "d^ʑ": "ʥ",
})  # fmt: skip

_ENGLISH = _ordered({
    "ʔˌn\u0329": "tᵊn", "ʔn\u0329": "tᵊn", "a^ɪ": "I", "a^ʊ": "W", "d^ʒ": "ʤ", "e^ɪ": "A", "e^ə": "ɛː", "e": "A", "t^ʃ": "ʧ", "ɔ^ɪ": "Y",
    "ə^l": "ᵊl", "ʲo": "jo", "ʲə": "jə", "ʲ": "", "ɚ": "əɹ", "r": "ɹ", "x": "k", "ç": "k", "ɬ": "l", "\u0303": "",
})  # fmt: skip

_AMERICAN = _ordered({"o^ʊ": "O", "ɜːɹ": "ɜɹ", "ɜː": "ɜɹ", "ɪə": "iə", "ː": "", "o": "ɔ", "ɾ": "T", "ʔ": "t"})
_BRITISH = _ordered({"i^ə": "ɪə", "iə": "ɪə", "ə^ʊ": "Q", "o": "ɔ", "ɾ": "t", "ʔ": "t"})

_UNSTRESSED_ARTICLES = frozenset({"a", "an"})


def _replace(ipa: str, pairs: list[tuple[str, str]]) -> str:
    for old, new in pairs:
        ipa = ipa.replace(old, new)
    return ipa


def general(word: str, ipa: str) -> str:
    """Spanish, French, Hindi, Italian and Portuguese."""
    return _replace(ipa, _GENERAL).replace(TIE, "").replace("-", "")


def _english(word: str, ipa: str, dialect: list[tuple[str, str]]) -> str:
    symbols = _replace(_SYLLABIC.sub(r"ᵊ\1", _replace(ipa, _ENGLISH)), dialect).replace(TIE, "").replace("-", "")
    return symbols if word.lower() in _UNSTRESSED_ARTICLES else symbols.replace("ɐ", "ə")


def american(word: str, ipa: str) -> str:
    return _english(word, ipa, _AMERICAN)


def british(word: str, ipa: str) -> str:
    return _english(word, ipa, _BRITISH)
