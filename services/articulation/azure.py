"""From IPA to the 22 viseme ids of Azure's speech service, which are those of SAPI 5 (SPVISEMES, Microsoft)."""

from __future__ import annotations

from collections.abc import Iterable

from services.articulation.phonetics import phones
from services.articulation.shapes import ShapeSpan, shape_spans
from services.articulation.speech import PhonemeSpan

SILENCE = 0
VISEME_IDS = range(22)

# Sounds that move within one id.
_WHOLE: dict[str, int] = {
    "aʊ": 9,
    "ɔɪ": 10,
    "aɪ": 11,
    "eɪ": 4,
    "oʊ": 8,
    "əʊ": 8,
    "tʃ": 16,
    "dʒ": 16,
    "tɕ": 16,
    "dʑ": 16,
    "ʈʂ": 16,
    "ɖʐ": 16,
    "ts": 15,
    "dz": 15,
}

# The ids' own English sounds first; sounds of other languages take the id whose lips and jaw are nearest.
_IDS: dict[str, int] = {
    phone: number
    for number, listed in {
        1: "æ ə ʌ ɐ",
        2: "ɑ a",
        3: "ɔ ɒ œ ɶ ɞ",
        4: "ɛ ʊ e ɘ ɤ",
        5: "ɝ ɚ ɜ",
        6: "i ɪ j ɨ ᵻ ɯ",
        7: "u w y ʉ ʏ ʍ ɥ ɸ β",
        8: "o ø ɵ",
        12: "h ɦ ʔ ħ ʕ",
        13: "ɹ ɻ",
        14: "l ɫ ɭ ɬ ɮ ɺ",
        15: "s z ʦ ʣ",
        16: "ʃ ʒ ʧ ʤ ɕ ʑ ʨ ʥ ʂ ʐ ꭧ ꭦ",
        17: "θ ð",
        18: "f v ɱ ʋ ⱱ",
        19: "t d n ɾ r ʈ ɖ ɳ ɽ ɗ",
        20: "k g ɡ ŋ x ɣ ɰ q ɢ χ ʁ ɴ ʀ ɠ ʛ ʟ ç ʝ c ɟ ʄ ɲ ʎ",
        21: "p b m ʙ ɓ",
    }.items()
    for phone in listed.split()
}

_UNKNOWN = 1
"""Half open, as the neutral mouth of a sound that is not charted."""


def azure_ids_of(symbol: str) -> tuple[int, ...]:
    """The ids a phoneme in IPA passes through, in order: one for most, two for diphthongs that have none of their own."""
    found = phones(symbol)
    if (whole := _WHOLE.get("".join(found))) is not None:
        return (whole,)
    return tuple(dict.fromkeys(_IDS.get(phone, _UNKNOWN) for phone in found)) or (SILENCE,)


def azure_visemes(phonemes: Iterable[PhonemeSpan]) -> tuple[ShapeSpan[int], ...]:
    """Ids over the same spans; equal neighbours are joined."""
    return shape_spans(phonemes, azure_ids_of)
