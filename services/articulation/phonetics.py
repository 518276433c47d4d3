"""What the visible mouth does for a speech sound: IPA symbols to phonetic features, features to mouth targets.

Targets are not listed a symbol at a time: vowels are placed by openness, backness and rounding, consonants by place and manner (the IPA chart),
and a target follows from the place. So a symbol of any language gets the mouth of its neighbours on the chart.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from enum import Enum


class Contact(Enum):
    """An articulation that the lips themselves make, and that must be seen whatever is around it."""

    NONE = "none"
    CLOSURE = "closure"
    """Both lips meet: m b p."""
    TUCK = "tuck"
    """The lower lip meets the upper teeth: f v."""


@dataclass(frozen=True)
class MouthTarget:
    """Where a sound would bring the mouth, were it held. Lengths are in units of the distance between the pupils (about 63 mm)."""

    open: float
    """Height of the lip aperture at its middle."""
    jaw: float
    """Drop of the chin and the lower teeth."""
    width: float = 0.0
    """Outward shift of each mouth corner; negative draws them in."""
    round: float = 0.0
    """Protrusion of the lips, 0 to 1."""
    upper: float = 0.0
    """Raise of the upper lip beyond what `open` brings."""
    lower: float = 0.0
    """Drop of the lower lip beyond what `open` brings."""
    tongue: float = 0.0
    """How near the tongue's tip is to the upper teeth, 0 to 1."""
    hold: float = 1.0
    """Dominance over its neighbours in aperture, jaw and tongue: 0 follows them, 1 is a full vowel."""
    shape_hold: float = 1.0
    """The same for width and rounding."""
    contact: Contact = Contact.NONE

    @property
    def parts_lips(self) -> bool:
        """True where the sound is seen by parted lips: vowels, and consonants that the tongue makes behind them."""
        return self.open >= 0.05 and self.hold >= 0.6 and self.contact is Contact.NONE


# symbol: (openness 0 close to 1 open, backness 0 front to 1 back, rounded), after the IPA vowel chart.
_VOWELS: dict[str, tuple[float, float, bool]] = {
    "i": (0.0, 0.0, False), "y": (0.0, 0.0, True), "ɨ": (0.1, 0.5, False), "ʉ": (0.0, 0.5, True), "ɯ": (0.0, 1.0, False), "u": (0.0, 1.0, True),
    "ɪ": (0.18, 0.2, False), "ʏ": (0.18, 0.2, True), "ʊ": (0.18, 0.85, True), "ᵻ": (0.15, 0.4, False),
    "e": (0.35, 0.0, False), "ø": (0.35, 0.0, True), "ɘ": (0.35, 0.5, False), "ɵ": (0.35, 0.5, True), "ɤ": (0.35, 1.0, False), "o": (0.35, 1.0, True),
    "ɛ": (0.62, 0.0, False), "œ": (0.62, 0.0, True), "ɜ": (0.55, 0.5, False), "ɞ": (0.62, 0.5, True), "ʌ": (0.68, 1.0, False), "ɔ": (0.65, 1.0, True),
    "æ": (0.86, 0.0, False), "ɐ": (0.75, 0.5, False), "a": (0.95, 0.3, False), "ɶ": (1.0, 0.0, True), "ɑ": (1.0, 1.0, False), "ɒ": (1.0, 1.0, True),
}  # fmt: skip

# Reduced vowels take little room of their own.
_REDUCED: dict[str, MouthTarget] = {
    "ə": MouthTarget(open=0.105, jaw=0.045, hold=0.6, shape_hold=0.3),
    "ɚ": MouthTarget(open=0.10, jaw=0.045, width=-0.022, round=0.35, lower=0.01, hold=0.8, shape_hold=0.7),
    "ɝ": MouthTarget(open=0.11, jaw=0.05, width=-0.022, round=0.35, lower=0.01, hold=0.9, shape_hold=0.8),
}

_CLOSURE = MouthTarget(open=0.0, jaw=0.02, hold=0.5, shape_hold=0.05, contact=Contact.CLOSURE)
_TUCK = MouthTarget(open=0.02, jaw=0.02, width=0.005, hold=0.5, shape_hold=0.15, contact=Contact.TUCK)
_BILABIAL_FRICATIVE = MouthTarget(open=0.022, jaw=0.03, width=-0.02, round=0.25, hold=2.0, shape_hold=0.6)
_DENTAL = MouthTarget(open=0.085, jaw=0.03, width=0.008, lower=0.01, tongue=1.0, hold=0.95, shape_hold=0.4)
_ALVEOLAR = MouthTarget(open=0.07, jaw=0.025, width=0.010, upper=0.004, lower=0.014, tongue=0.55, hold=0.65, shape_hold=0.3)
_SIBILANT = MouthTarget(open=0.052, jaw=0.008, width=0.028, upper=0.008, lower=0.026, hold=1.1, shape_hold=0.8)
_POSTALVEOLAR = MouthTarget(open=0.068, jaw=0.012, width=-0.048, round=0.75, upper=0.012, lower=0.032, hold=1.1, shape_hold=1.2)
_ALVEOLO_PALATAL = MouthTarget(open=0.06, jaw=0.010, width=0.012, round=0.1, upper=0.008, lower=0.026, hold=1.05, shape_hold=0.6)
_RETROFLEX_FRICATIVE = replace(_POSTALVEOLAR, width=-0.025, round=0.45, shape_hold=0.9)
_LATERAL = MouthTarget(open=0.11, jaw=0.045, width=0.004, lower=0.004, tongue=0.9, hold=0.8, shape_hold=0.25)
_RHOTIC = MouthTarget(open=0.085, jaw=0.035, width=-0.033, round=0.5, lower=0.014, hold=0.8, shape_hold=0.8)
_TRILL = MouthTarget(open=0.085, jaw=0.035, width=-0.004, tongue=0.5, hold=0.7, shape_hold=0.3)
_PALATAL = MouthTarget(open=0.075, jaw=0.025, width=0.030, lower=0.012, hold=0.8, shape_hold=0.7)
_VELAR = MouthTarget(open=0.095, jaw=0.045, width=0.006, lower=0.004, hold=0.4, shape_hold=0.12)
_GLOTTAL = MouthTarget(open=0.12, jaw=0.05, hold=0.12, shape_hold=0.04)
_LABIAL_VELAR = MouthTarget(open=0.045, jaw=0.018, width=-0.085, round=1.0, hold=1.2, shape_hold=1.6)
_LABIAL_PALATAL = replace(_LABIAL_VELAR, width=-0.07, shape_hold=1.3)

_CONSONANTS: dict[str, MouthTarget] = {
    symbol: target
    for symbols, target in (
        ("p b m ʙ ɓ", _CLOSURE), ("f v ɱ ʋ ⱱ", _TUCK), ("ɸ β", _BILABIAL_FRICATIVE), ("θ ð", _DENTAL),
        ("t d n ɾ ʈ ɖ ɳ ɽ ɗ", _ALVEOLAR), ("s z ʦ ʣ", _SIBILANT), ("ʃ ʒ ʧ ʤ", _POSTALVEOLAR), ("ɕ ʑ ʨ ʥ", _ALVEOLO_PALATAL),
        ("ʂ ʐ ꭧ ꭦ", _RETROFLEX_FRICATIVE), ("l ɫ ɭ ɬ ɮ ɺ", _LATERAL), ("ɹ ɻ", _RHOTIC), ("r", _TRILL), ("j ʝ ç ɲ ʎ c ɟ ʄ", _PALATAL),
        ("k g ɡ x ɣ ŋ ɰ q ɢ χ ʁ ɴ ʀ ɠ ʛ ʟ", _VELAR), ("h ɦ ʔ ħ ʕ", _GLOTTAL), ("w ʍ", _LABIAL_VELAR), ("ɥ", _LABIAL_PALATAL),
    )
    for symbol in symbols.split()
}  # fmt: skip

# Letters of misaki (the phonemizer of Kokoro) for diphthongs and allophones, and a superscript it writes.
_LETTERS: dict[str, str] = {"A": "eɪ", "I": "aɪ", "O": "oʊ", "Q": "əʊ", "W": "aʊ", "Y": "ɔɪ", "S": "s", "T": "ɾ", "R": "ɹ", "ᵊ": "ə"}

# Unicode categories of what marks length, tone or voice of a sound, or is no sound at all: nothing of it is seen.
_INVISIBLE = ("M", "P", "Z", "S", "C", "N", "Lm")

NEUTRAL = MouthTarget(open=0.085, jaw=0.035, hold=0.4, shape_hold=0.1)
"""The mouth of a sound that nothing is known of: half open, left to its neighbours."""


def _vowel(openness: float, backness: float, rounded: bool) -> MouthTarget:
    """Aperture grows with openness from 5 to 14 mm; front close vowels spread the lips, rounded ones draw them in and narrow them."""
    opening = 0.085 + 0.140 * openness**1.15
    if rounded:
        return MouthTarget(
            open=opening * (0.72 + 0.14 * openness),
            jaw=0.025 + 0.085 * openness,
            width=-0.078 + 0.052 * openness + 0.012 * (1.0 - backness),
            round=1.0 - 0.58 * openness,
            shape_hold=1.3 - 0.3 * openness,
        )
    spread = 0.046 * (1.0 - backness) * (1.0 - 0.55 * openness)
    return MouthTarget(open=opening, jaw=0.030 + 0.100 * openness, width=spread, upper=0.006 * (1.0 - openness) * (1.0 - backness),
                       lower=0.018 * (1.0 - openness) * (1.0 - backness), hold=1.0 + 0.35 * openness, shape_hold=0.6 + 0.4 * (1.0 - backness))  # fmt: skip


_TARGETS: dict[str, MouthTarget] = {symbol: _vowel(*place) for symbol, place in _VOWELS.items()} | _REDUCED | _CONSONANTS

CHART: frozenset[str] = frozenset(_TARGETS)
"""Every phone that is known."""


def mouth_targets(symbol: str) -> tuple[MouthTarget, ...]:
    """The targets a symbol passes through, in order: one for most, two for diphthongs and affricates, none for silence and punctuation.

    A symbol off the chart is read by its base letter without diacritics; what is left unknown is `NEUTRAL`.
    """
    return tuple(_TARGETS.get(base, NEUTRAL) for base in phones(symbol))


def is_charted(symbol: str) -> bool:
    """True where every sound of `symbol` is known, so that nothing of it falls back to `NEUTRAL`."""
    return all(base in CHART for base in phones(symbol))


def is_vowel(symbol: str) -> bool:
    """True for vowels and diphthongs."""
    return any(phone in _VOWELS or phone in _REDUCED for phone in phones(symbol))


def phones(symbol: str) -> list[str]:
    """The phones of a symbol, in order, without marks: "aɪ" and "tʃ" have two, "iː" one, silence and punctuation none."""
    spelled = "".join(_LETTERS.get(letter, letter) for letter in unicodedata.normalize("NFC", symbol))
    bases: list[str] = []
    for letter in spelled:
        if letter in _TARGETS:
            bases.append(letter)
            continue
        stripped = unicodedata.normalize("NFD", letter)[0]
        if unicodedata.category(stripped).startswith(_INVISIBLE):
            continue
        bases.append(stripped if stripped in _TARGETS else stripped.lower())
    return bases
