"""From Kokoro's predicted durations to the times of the sounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.tts.engines.kokoro.graph import FRAME_SAMPLES, SAMPLE_RATE
from services.tts.engines.kokoro.symbols import MODIFIERS, PUNCTUATION, STRESS, TONES

FRAME_S = FRAME_SAMPLES / SAMPLE_RATE

LEAD_S = 0.055
"""By how much the sound comes before its token's frames. Measured on the middles of stop closures and sibilants against their tokens', median in ms:
en-US 56, en-GB 54, es 56, fr 54, hi 53, it 54, ja 60, pt-BR 50, zh 45."""

_IPA = {
    "A": "eɪ", "I": "aɪ", "O": "oʊ", "Q": "əʊ", "W": "aʊ", "Y": "ɔɪ", "S": "s", "T": "ɾ", "ᵊ": "ə", "ᵻ": "ɪ",
    "ʤ": "dʒ", "ʧ": "tʃ", "ʣ": "dz", "ʥ": "dʑ", "ʦ": "ts", "ʨ": "tɕ", "ꭧ": "ʈʂ", "ᵝ": "w",
}  # fmt: skip
"""Kokoro's own symbols in IPA; all others are IPA themselves."""

_QUOTES = frozenset('"“”')
_VOWELS = frozenset("AIOQWYaeiouyɐɑɒæɔəɚɛɜɨɪɯʊʌɤøœᵊᵻ")


@dataclass(frozen=True)
class Sound:
    """A phoneme or a silence on the frames of its tokens, counted from the first token's."""

    symbol: str
    """IPA; empty: silence."""
    start_frame: float
    end_frame: float
    stressed: bool
    first_symbol: int
    """Index of its first symbol in the input; silences at the ends have that of their neighbour."""


def sounds_of(symbols: str, frames: Sequence[int]) -> list[Sound]:
    """The sounds of an input.

    `frames` are those of pad, each symbol, pad. Stress marks' frames go to the sound behind them, modifiers' to the sound before; the space between
    two words is shared by its neighbours; punctuation is silence.
    """
    ends = np.cumsum(frames)
    starts = ends - np.asarray(frames)
    sounds: list[Sound] = []

    def add(symbol: str, start: float, end: float, stressed: bool, index: int) -> None:
        if not symbol and sounds and not sounds[-1].symbol:
            last = sounds[-1]
            sounds[-1] = Sound("", last.start_frame, end, False, last.first_symbol)
        else:
            sounds.append(Sound(symbol, start, end, stressed, index))

    add("", 0, float(ends[0]), False, 0)
    stress_start: float | None = None
    stressed = False
    index = 0
    while index < len(symbols):
        symbol = symbols[index]
        start, end = float(starts[index + 1]), float(ends[index + 1])
        if symbol == " " or symbol in PUNCTUATION:
            stop = index
            while stop < len(symbols) and (symbols[stop] == " " or symbols[stop] in PUNCTUATION):
                stop += 1
            end = float(ends[stop])
            pause = any(mark in PUNCTUATION and mark not in _QUOTES for mark in symbols[index:stop])
            at_edge = not sounds[-1].symbol or stop == len(symbols)
            if pause or at_edge:
                add("", start, end, False, index)
            else:
                middle = (start + end) / 2
                last = sounds[-1]
                sounds[-1] = Sound(last.symbol, last.start_frame, middle, last.stressed, last.first_symbol)
                stress_start = middle
            index = stop
            continue
        if symbol in STRESS:
            stressed = stressed or symbol == "ˈ"
            stress_start = start if stress_start is None else stress_start
        elif symbol in MODIFIERS and sounds[-1].symbol:
            last = sounds[-1]
            name = last.symbol if symbol in TONES else last.symbol + _IPA.get(symbol, symbol)
            sounds[-1] = Sound(name, last.start_frame, end, last.stressed, last.first_symbol)
        else:
            vowel = symbol in _VOWELS
            add(_IPA.get(symbol, symbol), start if stress_start is None else stress_start, end, stressed and vowel, index)
            stress_start = None
            stressed = stressed and not vowel
        index += 1
    add("", float(ends[-2]), float(ends[-1]), False, len(symbols))
    return sounds
