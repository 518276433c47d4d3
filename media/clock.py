"""Seconds, samples and frames, converted without error.

A position in a programme is an integer count of samples or frames from its start; a frame rate is a `Fraction`. Each
conversion rounds once, half up, from the exact value, so that positions never drift however long the programme is.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

PROGRAMME_RATE = 48_000
"""Sample rate of a programme's mix, in hertz."""


def nearest(value: Fraction) -> int:
    """The nearest integer; halves go up, as in a ruler's reading, never to even."""
    return floor(value + Fraction(1, 2))


def exact_seconds(seconds: float | Fraction) -> Fraction:
    """`seconds` as a fraction. A float is taken as the microsecond it was written for: 0.1 is 1/10."""
    return seconds if isinstance(seconds, Fraction) else Fraction(nearest(Fraction(seconds) * 1_000_000), 1_000_000)


def seconds_to_samples(seconds: float | Fraction, sample_rate: int = PROGRAMME_RATE) -> int:
    return nearest(exact_seconds(seconds) * sample_rate)


def frame_to_sample(frame: int, frame_rate: Fraction, sample_rate: int = PROGRAMME_RATE) -> int:
    """First sample of frame number `frame`; also the number of samples that `frame` frames last."""
    return nearest(frame * sample_rate / Fraction(frame_rate))


def frames_to_hold(samples: int, frame_rate: Fraction, sample_rate: int = PROGRAMME_RATE) -> int:
    """Fewest frames that last at least as long as `samples`."""
    return ceil(samples * Fraction(frame_rate) / sample_rate)


def rescale_samples(position: int, from_rate: int, to_rate: int) -> int:
    """A position at one sample rate as a position at another."""
    return nearest(Fraction(position * to_rate, from_rate))
