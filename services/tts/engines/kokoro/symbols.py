"""The symbols Kokoro-82M was trained on: IPA with a few capitals of its own, punctuation, stress and tone marks.

Source: the `vocab` of config.json of hexgrad/Kokoro-82M (v1.0). Id 0 is the pad that stands at both ends.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SYMBOL_IDS: dict[str, int] = {
    # punctuation and the space between words
    ";": 1, ":": 2, ",": 3, ".": 4, "!": 5, "?": 6, "—": 9, "…": 10, '"': 11, "(": 12, ")": 13, "“": 14, "”": 15, " ": 16,
    # nasalisation (combining tilde), affricates
    "\u0303": 17, "ʣ": 18, "ʥ": 19, "ʦ": 20, "ʨ": 21, "ᵝ": 22, "ꭧ": 23,
    # diphthongs: A eɪ, I aɪ, O oʊ, Q əʊ, W aʊ, Y ɔɪ; S is a geminate s, T an alveolar flap
    "A": 24, "I": 25, "O": 31, "Q": 33, "S": 35, "T": 36, "W": 39, "Y": 41, "ᵊ": 42,
    "a": 43, "b": 44, "c": 45, "d": 46, "e": 47, "f": 48, "h": 50, "i": 51, "j": 52, "k": 53, "l": 54, "m": 55, "n": 56, "o": 57, "p": 58,
    "q": 59, "r": 60, "s": 61, "t": 62, "u": 63, "v": 64, "w": 65, "x": 66, "y": 67, "z": 68,
    "ɑ": 69, "ɐ": 70, "ɒ": 71, "æ": 72, "β": 75, "ɔ": 76, "ɕ": 77, "ç": 78, "ɖ": 80, "ð": 81, "ʤ": 82, "ə": 83, "ɚ": 85, "ɛ": 86, "ɜ": 87,
    "ɟ": 90, "ɡ": 92, "ɥ": 99, "ɨ": 101, "ɪ": 102, "ʝ": 103, "ɯ": 110, "ɰ": 111, "ŋ": 112, "ɳ": 113, "ɲ": 114, "ɴ": 115, "ø": 116, "ɸ": 118,
    "θ": 119, "œ": 120, "ɹ": 123, "ɾ": 125, "ɻ": 126, "ʁ": 128, "ɽ": 129, "ʂ": 130, "ʃ": 131, "ʈ": 132, "ʧ": 133, "ʊ": 135, "ʋ": 136, "ʌ": 138,
    "ɣ": 139, "ɤ": 140, "χ": 142, "ʎ": 143, "ʒ": 147, "ʔ": 148,
    # primary and secondary stress, length, aspiration, palatalisation
    "ˈ": 156, "ˌ": 157, "ː": 158, "ʰ": 162, "ʲ": 164,
    # Mandarin's third, first, second and fourth tone
    "↓": 169, "→": 171, "↗": 172, "↘": 173,
    "ᵻ": 177,
}  # fmt: skip

MAX_SYMBOLS = 510
"""Longest input: the model has 512 positions, two of them for the pads."""


def known(symbols: str) -> str:
    """`symbols` without what the model has no input for."""
    return "".join(symbol for symbol in symbols if symbol in SYMBOL_IDS)


def token_ids(symbols: Sequence[str]) -> np.ndarray:
    """Model input (1, len(symbols) + 2) int64: pad, symbols, pad."""
    return np.array([[0, *(SYMBOL_IDS[symbol] for symbol in symbols), 0]], dtype=np.int64)
