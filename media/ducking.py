"""How far the original sound steps back while somebody speaks.

When speech begins and ends is known beforehand, so the gain is a function of time alone: down before the first sound,
up after the last, along half cosines in decibels, and exactly 1 everywhere else.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from media.clock import seconds_to_samples

DEPTH_DB = 15.0
"""Broadcasters put an original 12 to 18 dB under a voice-over."""
ATTACK = seconds_to_samples(0.03)
"""Samples; the gain is down when the speech begins."""
RELEASE = seconds_to_samples(0.3)
HOLD = seconds_to_samples(0.6)
"""A gap no longer than this stays ducked: utterances are joined over such gaps, and a gain that goes up and down with every breath pumps."""


class DuckingGain:
    """The gain around spans of speech, each [first, last) in samples at 48 kHz, in any order; they may overlap."""

    def __init__(self, spans: Iterable[tuple[int, int]], depth_db: float = DEPTH_DB) -> None:
        """`depth_db`: how much lower, positive."""
        self._depth_db = depth_db
        times: list[int] = []
        for begin, end in _joined(spans):
            times += [begin - ATTACK, begin, end, end + RELEASE]
        self._times = np.array(times, np.float64)
        self._depths = np.tile([0.0, 1.0, 1.0, 0.0], len(times) // 4)

    def of(self, begin: int, end: int) -> np.ndarray:
        """Gain of samples [begin, end), float32 in 0 to 1."""
        first, last = np.searchsorted(self._times, [begin, end])
        if first == last and (first % 4 == 0):
            return np.ones(end - begin, np.float32)
        near = slice(max(0, first - 1), last + 1)
        way = np.interp(np.arange(begin, end), self._times[near], self._depths[near])
        return (10 ** (-self._depth_db / 20 * (0.5 - 0.5 * np.cos(np.pi * way)))).astype(np.float32)

    def knots(self, begin: int, end: int, origin: int) -> list[list[float]]:
        """All that the gain of samples [begin, end) depends on: times in samples from `origin`, and the share of the depth at each."""
        first, last = np.searchsorted(self._times, [begin, end])
        near = slice(max(0, first - 1), last + 1)
        return [[time - origin, depth] for time, depth in zip(self._times[near], self._depths[near], strict=True)]


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans in order, as one where they overlap or hardly part."""
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(span for span in spans if span[1] > span[0]):
        if joined and begin - joined[-1][1] <= HOLD:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((begin, end))
    return joined
