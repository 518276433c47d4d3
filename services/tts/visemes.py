"""From IPA to the fifteen mouth shapes of the MPEG-4 / Oculus set."""

from __future__ import annotations

from collections.abc import Iterable

from services.articulation.shapes import shape_spans
from services.tts.engine import PhonemeSpan, Viseme, VisemeSpan

V = Viseme

# The set's own examples: p b m · f v · th · t d · k g · tS dZ S · s z · n l · r · A: · e · ih · oh · ou. Other sounds
# take the shape whose lips and jaw are nearest; glottal sounds leave the lips to their neighbours.
_SHAPES: dict[str, Viseme] = {
    **dict.fromkeys(["p", "b", "m", "ɓ"], V.PP),
    **dict.fromkeys(["f", "v", "ʋ", "ɱ"], V.FF),
    **dict.fromkeys(["θ", "ð"], V.TH),
    **dict.fromkeys(["t", "d", "ɾ", "ʈ", "ɖ", "ɽ"], V.DD),
    **dict.fromkeys(["k", "ɡ", "g", "ŋ", "x", "χ", "ɣ", "q", "c", "ɟ", "ç", "ʝ", "ɰ", "ɴ", "h", "ɦ", "ʔ"], V.KK),
    **dict.fromkeys(["ʃ", "ʒ", "tʃ", "dʒ", "ɕ", "ʑ", "tɕ", "dʑ", "ʂ", "ʐ", "ʈʂ"], V.CH),
    **dict.fromkeys(["s", "z", "ts", "dz"], V.SS),
    **dict.fromkeys(["n", "l", "ɲ", "ʎ", "ɳ", "ɭ"], V.NN),
    **dict.fromkeys(["ɹ", "r", "ɻ", "ʁ", "ɚ", "ɝ", "ɜ"], V.RR),
    **dict.fromkeys(["a", "ɑ", "ɐ", "æ", "ʌ"], V.AA),
    **dict.fromkeys(["e", "ɛ", "ə"], V.E),
    **dict.fromkeys(["i", "ɪ", "ɨ", "j", "ᵻ"], V.IH),
    **dict.fromkeys(["o", "ɔ", "ɒ", "ɤ", "œ", "ø"], V.OH),
    **dict.fromkeys(["u", "ʊ", "w", "y", "ɥ", "ɯ", "β", "ɸ"], V.OU),
}

_MARKS = str.maketrans("", "", "ːˑ\u0303ʰʲʷ\u0329\u032f")


def shapes_of(symbol: str) -> tuple[Viseme, ...]:
    """Shapes of one phoneme in IPA: one, or two for a diphthong. Raises `KeyError` for what is not IPA of the languages spoken here."""
    bare = symbol.translate(_MARKS)
    if not bare:
        return (V.SILENCE,)
    if bare in _SHAPES:
        return (_SHAPES[bare],)
    if len(bare) == 2:
        first, second = _SHAPES[bare[0]], _SHAPES[bare[1]]
        return (first,) if first is second else (first, second)
    raise KeyError(symbol)


def visemes_of(phonemes: Iterable[PhonemeSpan]) -> tuple[VisemeSpan, ...]:
    """Mouth shapes over the same spans; equal neighbours are joined."""
    return tuple(VisemeSpan(span.shape, span.start_s, span.end_s) for span in shape_spans(phonemes, shapes_of))
