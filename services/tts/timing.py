"""From the times of a model's input symbols to the times of sounds."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.articulation.phonetics import is_vowel
from services.tts.g2p.espeak import TIE
from services.tts.g2p.tokens import PUNCTUATION, QUOTES

STRESS = frozenset("ˈˌ")
TONES = frozenset("↓→↗↘")

_IPA = {
    "A": "eɪ", "I": "aɪ", "O": "oʊ", "Q": "əʊ", "W": "aʊ", "Y": "ɔɪ", "S": "s", "T": "ɾ", "ᵊ": "ə", "ᵻ": "ɪ",
    "ʤ": "dʒ", "ʧ": "tʃ", "ʣ": "dz", "ʥ": "dʑ", "ʦ": "ts", "ʨ": "tɕ", "ꭧ": "ʈʂ", "ᵝ": "w",
}  # fmt: skip
"""Kokoro's own symbols in IPA; all others are IPA themselves."""


@dataclass(frozen=True)
class Sound:
    """A phoneme or a silence; times in seconds from the first sample."""

    symbol: str
    """IPA; empty: silence."""
    start_s: float
    end_s: float
    stressed: bool
    first_symbol: int
    """Index of its first symbol in the input; silences at the ends have that of their neighbour."""


def is_modifier(symbol: str) -> bool:
    """A mark that belongs to the sound before it: of length, tone, nasalisation and the like."""
    return symbol in TONES or symbol == "ᵝ" or (unicodedata.category(symbol) in ("Mn", "Lm", "Sk", "Nd") and symbol not in STRESS and symbol != "ᵊ")


def sounds_of(symbols: str, bounds_s: Sequence[float]) -> list[Sound]:
    """The sounds of an input.

    `bounds_s` are the times at which a pad, each symbol, and a second pad begin, and the end of that: len(symbols) + 3. Stress marks' time goes to the
    sound behind them, modifiers' to the sound before, what is tied is one sound; the space between two words is shared by its neighbours; punctuation
    is silence.
    """
    return _Sounds(symbols, bounds_s).read()


class _Sounds:
    def __init__(self, symbols: str, bounds_s: Sequence[float]) -> None:
        self._symbols = symbols
        self._bounds_s = bounds_s
        self._sounds = [Sound("", bounds_s[0], bounds_s[1], False, 0)]
        self._begin_s: float | None = None
        """Where the next sound begins, if before its symbol."""
        self._stressed = False
        self._tied = False

    def read(self) -> list[Sound]:
        index = 0
        while index < len(self._symbols):
            symbol = self._symbols[index]
            if symbol == " " or symbol in PUNCTUATION:
                index = self._gap(index)
                continue
            if symbol in STRESS:
                self._stressed = self._stressed or symbol == "ˈ"
                self._begin_s = self._bounds_s[index + 1] if self._begin_s is None else self._begin_s
            elif symbol == TIE:
                self._tied = True
            elif self._sounds[-1].symbol and (self._tied or is_modifier(symbol)):
                self._lengthen(symbol, self._bounds_s[index + 2])
            else:
                self._add(symbol, index)
            index += 1
        self._silence(self._bounds_s[-2], self._bounds_s[-1], len(self._symbols))
        return self._sounds

    def _gap(self, index: int) -> int:
        """The spaces and marks from `index` on; returns what is behind them."""
        stop = index
        while stop < len(self._symbols) and (self._symbols[stop] == " " or self._symbols[stop] in PUNCTUATION):
            stop += 1
        start_s, end_s = self._bounds_s[index + 1], self._bounds_s[stop + 1]
        pause = any(mark in PUNCTUATION and mark not in QUOTES for mark in self._symbols[index:stop])
        if pause or not self._sounds[-1].symbol or stop == len(self._symbols):
            self._silence(start_s, end_s, index)
        else:
            self._begin_s = (start_s + end_s) / 2
            self._sounds[-1] = replace(self._sounds[-1], end_s=self._begin_s)
        return stop

    def _silence(self, start_s: float, end_s: float, index: int) -> None:
        if self._sounds[-1].symbol:
            self._sounds.append(Sound("", start_s, end_s, False, index))
        else:
            self._sounds[-1] = replace(self._sounds[-1], end_s=end_s)

    def _lengthen(self, symbol: str, end_s: float) -> None:
        last = self._sounds[-1]
        unseen = not self._tied and (symbol in TONES or unicodedata.category(symbol) in ("Sk", "Nd"))
        self._sounds[-1] = replace(last, symbol=last.symbol if unseen else last.symbol + _IPA.get(symbol, symbol), end_s=end_s)
        self._tied = False

    def _add(self, symbol: str, index: int) -> None:
        vowel = is_vowel(symbol)
        start_s = self._bounds_s[index + 1] if self._begin_s is None else self._begin_s
        self._sounds.append(Sound(_IPA.get(symbol, symbol), start_s, self._bounds_s[index + 2], self._stressed and vowel, index))
        self._begin_s, self._tied = None, False
        self._stressed = self._stressed and not vowel
