"""What the estimator tells apart: groups of sounds that look alike on the lips, each with one sound that stands for it."""

from __future__ import annotations

import unicodedata

_MEMBERS: dict[str, str] = {
    "m": "m ɱ ʙ",
    "b": "b p ɓ",
    # Spanish b and v between vowels: the lips come near, as for v.
    "v": "f v ʋ β ɸ",
    "ð": "θ ð",
    "t": "t d ʈ ɖ ɗ",
    "n": "n ɳ",
    "ɾ": "r ɾ ɽ",
    "l": "l ɭ ɫ",
    "s": "s z ʦ ʣ",
    "ʃ": "ʃ ʒ ʧ ʤ ʂ ʐ ꭧ",
    "ɕ": "ɕ ʑ ʨ ʥ ç ʝ c ɟ",
    "ɹ": "ɹ ɻ ɚ ɝ ɜ",
    "k": "k ɡ g x ɣ χ q ɰ ʁ",
    "ŋ": "ŋ ɴ ɲ ʎ",
    "h": "h ɦ ʔ",
    "w": "w ɥ ʍ",
    "i": "i j",
    "ɪ": "ɪ ɨ ᵻ ɯ",
    "e": "e",
    "ɛ": "ɛ",
    "ə": "ə ɤ ᵊ",
    "a": "a ɑ ɐ æ ʌ",
    "ɔ": "ɔ ɒ",
    "o": "o",
    "u": "u ʊ",
    "y": "y ø œ",
}

SILENCE = ""
CLASSES: tuple[str, ...] = (SILENCE, *_MEMBERS)
"""Their IPA symbols, in the order of the network's outputs."""

CLOSURES = frozenset(["m", "b"])
"""Classes whose lips are closed."""

_CLASS_OF = {member: index for index, members in enumerate(_MEMBERS.values(), 1) for member in members.split()}


def classes_of(symbol: str) -> tuple[int, ...]:
    """Indices in `CLASSES` of what an IPA symbol passes through: two for a diphthong, else one; an affricate looks like its fricative throughout.

    Raises `KeyError` for what is not IPA of the languages spoken here.
    """
    bases = [letter for letter in unicodedata.normalize("NFD", symbol) if not unicodedata.category(letter).startswith(("M", "Lm"))]
    if not bases:
        return (0,)
    found = tuple(_CLASS_OF[base] for base in bases)
    affricate = len(bases) == 2 and bases[0] in "tdʈɖ"
    return found[1:] if affricate else found if len(set(found)) > 1 else found[:1]
