"""What is said, and how it sounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PhonemeSpan:
    """One speech sound; times in seconds from the first sample of the audio it comes with, of the sound itself."""

    symbol: str
    """IPA with length mark, without stress marks; empty: silence."""
    start_s: float
    end_s: float
    stressed: bool = False


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
