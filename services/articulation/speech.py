"""What is said, and how it sounds."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_NUCLEUS_SHARE = 0.6
"""The first part of a diphthong is the longer one."""


@dataclass(frozen=True)
class PhonemeSpan:
    """One speech sound; times in seconds from the first sample of the audio it comes with, of the sound itself."""

    symbol: str
    """IPA with length mark, without stress marks; empty: silence."""
    start_s: float
    end_s: float
    stressed: bool = False

    def divided(self, count: int) -> list[tuple[float, float]]:
        """Begin and end of each of the `count` parts that the sound passes through, in seconds."""
        if count < 2:
            return [(self.start_s, self.end_s)] * count
        length_s = self.end_s - self.start_s
        rest = (1.0 - _NUCLEUS_SHARE) / (count - 1)
        edges = [self.start_s, *(self.start_s + length_s * (_NUCLEUS_SHARE + rest * part) for part in range(count - 1)), self.end_s]
        return list(itertools.pairwise(edges))


@dataclass(frozen=True)
class Speech:
    """The sound of one piece and what is said in it."""

    audio: np.ndarray
    """(samples,) float32, -1 to 1, mono."""
    sample_rate: int
    phonemes: Sequence[PhonemeSpan]
    """In order of time; gaps are silence."""
    locale: str = ""
    """BCP 47, where known."""
