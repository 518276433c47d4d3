"""A look-ahead limiter on true peaks: the gain goes down before a peak and comes back slowly, so that no wave is clipped."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import minimum_filter1d, uniform_filter1d

from media.clock import PROGRAMME_RATE
from media.true_peak import DELAY, TruePeakEnvelope

ATTACK_S = 0.005
"""The gain begins to fall this long before a peak: long enough not to click, too short to be heard as a dip."""
RELEASE_DB_S = 60.0
"""The gain comes back by 6 dB in 100 ms, slower than a voice's own vibration, so that it does not distort."""
MARGIN_DB = 0.1
"""Fourfold oversampling reads the peaks of a voice too low by up to that much, and the moving gain bends the wave a little."""


class Limiter:
    """Keeps a stream of float32 blocks, (n,) or (n, channels), at or under `ceiling_dbtp`. Sound below it passes untouched."""

    def __init__(self, ceiling_dbtp: float, sample_rate: int = PROGRAMME_RATE) -> None:
        # Even, for two smoothings of half the length each.
        self._reach = 2 * round(ATTACK_S * sample_rate / 2)
        self._release_db = RELEASE_DB_S / sample_rate
        self._ceiling = 10 ** ((ceiling_dbtp - MARGIN_DB) / 20)
        self._envelope = TruePeakEnvelope()
        self._skip = DELAY
        # Gain after release for the samples of `_audio`, with `_reach` samples of the past before them.
        self._gain_db = np.zeros(self._reach)
        self._audio: np.ndarray | None = None
        self._last_gain_db = 0.0
        self.deepest_db = 0.0
        """The greatest reduction so far, in dB, as a positive number."""

    def process(self, block: np.ndarray) -> np.ndarray:
        """Takes a block, returns what is finished: (m,) or (m, channels), `ATTACK_S` and some samples late."""
        self._audio = block if self._audio is None else np.concatenate([self._audio, block])
        envelope = self._envelope.push(block, floor=self._ceiling)
        skipped = min(self._skip, len(envelope))
        self._skip -= skipped
        self._follow(envelope[skipped:])
        return self._finished()

    def flush(self) -> np.ndarray:
        """The end of the stream."""
        if self._audio is None:
            return np.zeros(0, np.float32)
        self._follow(self._envelope.push(np.zeros((DELAY, *self._audio.shape[1:]), np.float32), floor=self._ceiling)[self._skip :])
        self._gain_db = np.concatenate([self._gain_db, np.zeros(self._reach)])
        return self._finished()

    def _follow(self, envelope: np.ndarray) -> None:
        if len(envelope) == 0:
            return
        if self._last_gain_db >= 0 and envelope.max() <= self._ceiling:
            self._gain_db = np.concatenate([self._gain_db, np.zeros(len(envelope))])
            return
        wanted = -20 * np.log10(np.maximum(envelope.astype(np.float64) / self._ceiling, 1.0))
        # A peak after the last sample of a row belongs to the next sample too; the attack's smoothing covers it.
        # gain[n] = min(wanted[n], gain[n-1] + release), written without a loop.
        slope = self._release_db * np.arange(1, len(wanted) + 1)
        gain = np.minimum.accumulate(np.minimum(wanted - slope, self._last_gain_db)) + slope
        gain = np.minimum(gain, 0.0)
        self._last_gain_db = float(gain[-1])
        self._gain_db = np.concatenate([self._gain_db, gain])

    def _finished(self) -> np.ndarray:
        assert self._audio is not None
        count = min(len(self._gain_db) - 2 * self._reach, len(self._audio))
        if count <= 0:
            return self._audio[:0]
        ready, self._audio = self._audio[:count], self._audio[count:]
        window = self._gain_db[: count + 2 * self._reach]
        self._gain_db = self._gain_db[count:]
        if window.min() >= 0:
            return ready
        # The least gain of the samples to come, then its mean over the same length: never above what a sample needs.
        half = self._reach // 2
        least = minimum_filter1d(window, self._reach + 1)[half : half + count + self._reach]
        smooth = uniform_filter1d(uniform_filter1d(least, half + 1), half + 1)[half : half + count]
        self.deepest_db = max(self.deepest_db, float(-smooth.min()))
        factor = (10 ** (smooth / 20)).astype(np.float32)
        return ready * (factor if ready.ndim == 1 else factor[:, None])
