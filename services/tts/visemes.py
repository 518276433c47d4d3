"""From IPA to the fifteen mouth shapes of the MPEG-4 / Oculus set."""

from __future__ import annotations

from collections.abc import Iterable

from services.articulation.phonetics import phones
from services.articulation.shapes import shape_spans
from services.tts.engine import PhonemeSpan, Viseme, VisemeSpan

V = Viseme

# Affricates look like their fricative throughout.
_WHOLE = {**dict.fromkeys(["tʃ", "dʒ", "tɕ", "dʑ", "ʈʂ", "ɖʐ"], V.CH), **dict.fromkeys(["ts", "dz"], V.SS), "pf": V.PP}

# The set's own examples: p b m · f v · th · t d · k g · tS dZ S · s z · n l · r · A: · e · ih · oh · ou. Other sounds
# take the shape whose lips and jaw are nearest; glottal sounds leave the lips to their neighbours.
_SHAPES: dict[str, Viseme] = {
    phone: shape
    for shape, listed in {
        V.PP: "p b m ʙ ɓ",
        V.FF: "f v ʋ ɱ ⱱ",
        V.TH: "θ ð",
        V.DD: "t d ɾ ʈ ɖ ɽ ɗ",
        V.KK: "k ɡ g ŋ x χ ɣ q ɢ c ɟ ʄ ç ʝ ɰ ɴ ɠ ʛ ʟ h ɦ ʔ ħ ʕ",
        V.CH: "ʃ ʒ ʧ ʤ ɕ ʑ ʨ ʥ ʂ ʐ ꭧ ꭦ",
        V.SS: "s z ʦ ʣ",
        V.NN: "n l ɲ ʎ ɳ ɭ ɫ ɬ ɮ ɺ",
        V.RR: "ɹ r ɻ ʁ ʀ ɚ ɝ ɜ",
        V.AA: "a ɑ ɐ æ ʌ",
        V.E: "e ɛ ə ɘ",
        V.IH: "i ɪ ɨ j ᵻ",
        V.OH: "o ɔ ɒ ɤ œ ø ɞ ɵ ɶ",
        V.OU: "u ʊ w ʍ y ʏ ʉ ɥ ɯ β ɸ",
    }.items()
    for phone in listed.split()
}

_UNKNOWN = V.E
"""Half open, as the neutral mouth of a sound that is not charted."""


def shapes_of(symbol: str) -> tuple[Viseme, ...]:
    """Shapes that one phoneme in IPA passes through, in order: one, or two for a diphthong; silence for what is no sound."""
    found = phones(symbol)
    if (whole := _WHOLE.get("".join(found))) is not None:
        return (whole,)
    return tuple(dict.fromkeys(_SHAPES.get(phone, _UNKNOWN) for phone in found)) or (V.SILENCE,)


def visemes_of(phonemes: Iterable[PhonemeSpan]) -> tuple[VisemeSpan, ...]:
    """Mouth shapes over the same spans; equal neighbours are joined."""
    return tuple(VisemeSpan(span.shape, span.start_s, span.end_s) for span in shape_spans(phonemes, shapes_of))
