"""From IPA to the ten mouths that animators draw (Preston Blair, "Cartoon Animation", 1994)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from services.articulation.phonetics import phones
from services.articulation.shapes import ShapeSpan, shape_spans
from services.articulation.speech import PhonemeSpan


class MouthShape(Enum):
    """Named by the letters that Blair draws them for."""

    REST = "rest"
    AI = "AI"
    E = "E"
    O = "O"  # noqa: E741 - the drawing's name
    U = "U"
    WQ = "WQ"
    MBP = "MBP"
    FV = "FV"
    L = "L"
    ETC = "etc"
    """All other consonants: teeth together, lips parted."""


# Vowels go to the drawing whose opening, width and rounding are theirs; th shows the tongue where l does.
_SHAPES: dict[str, MouthShape] = {
    phone: shape
    for shape, listed in {
        MouthShape.AI: "a ɑ ɐ æ ʌ",
        MouthShape.E: "i ɪ ɨ ᵻ e ɛ ɘ ɜ ə ɯ ɤ",
        MouthShape.O: "o ɔ ɒ ø œ ɶ ɵ ɞ",
        MouthShape.U: "u ʊ ʉ y ʏ ɚ ɝ ɸ β",
        MouthShape.WQ: "w ʍ ɥ",
        MouthShape.MBP: "m b p ʙ ɓ",
        MouthShape.FV: "f v ɱ ʋ ⱱ",
        MouthShape.L: "l ɫ ɭ ɬ ɮ ɺ θ ð",
    }.items()
    for phone in listed.split()
}


def mouth_shapes_of(symbol: str) -> tuple[MouthShape, ...]:
    """The drawings a phoneme in IPA passes through, in order: one, or two for a diphthong that changes its drawing."""
    shapes = tuple(_SHAPES.get(phone, MouthShape.ETC) for phone in phones(symbol))
    return tuple(dict.fromkeys(shapes)) or (MouthShape.REST,)


def mouth_shapes(phonemes: Iterable[PhonemeSpan]) -> tuple[ShapeSpan[MouthShape], ...]:
    """Drawings over the same spans; equal neighbours are joined."""
    return shape_spans(phonemes, mouth_shapes_of)
