"""Cutting a stream of audio at its pauses: speech probabilities in, regions of speech out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from services.asr.engine import SAMPLE_RATE

FRAME = 512
"""Samples a speech probability is about: 32 ms, as Silero VAD works."""

_ONSET = 0.5
_OFFSET = 0.35
"""Speech begins above the one and goes on until below the other: Silero VAD's own defaults."""
_PAD_S = 0.15
"""Sound kept on either side of a region: soft onsets and final consonants are under the threshold."""
_PAUSE_S = 0.5
"""A pause that ends a region. It is at least twice the pad, so that regions never overlap."""
_SHORT_PAUSE_S = 0.32
_LONG_REGION_S = 10.0
"""Who talks so long without a pause is cut at the next short one."""
_LEAST_SPEECH_S = 0.13
"""Less is a click, not a word."""
LONGEST_REGION_S = 28.0
_CUT_SEARCH_S = 8.0
"""Where there is no pause at all, the cut falls where speech is least likely within this time before the limit."""


def _frames(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE / FRAME)


@dataclass(frozen=True)
class Region:
    """Speech between two pauses, with a little of the pauses around it."""

    start: int
    """Position of the first sample in the stream."""
    audio: np.ndarray
    """(n,) float32 at 16 kHz."""
    speech_samples: int
    """Without what was kept of the pauses."""

    @property
    def end(self) -> int:
        return self.start + len(self.audio)


class PauseFinder:
    """Collects speech as it arrives. Keeps no more than one region in memory."""

    def __init__(self) -> None:
        self._kept: list[np.ndarray] = []
        self._probabilities: list[float] = []
        self._kept_from = 0  # position of the first kept frame, in frames
        self._onset: int | None = None  # frame at which the present region's speech began
        self._silent_from: int | None = None  # frame since which it may be over
        self._next = 0  # frame that comes next
        self._last_end = 0  # frame at which the last region's speech ended

    @property
    def silent_s(self) -> float:
        """Seconds since speech was last heard, or since the beginning; 0 within speech."""
        if self._onset is not None:
            return 0.0
        return (self._next - self._last_end) * FRAME / SAMPLE_RATE

    def accept(self, frames: np.ndarray, probabilities: np.ndarray) -> Iterator[Region]:
        """Hear (n, 512) samples with their n probabilities; yield the regions that are over."""
        for frame, probability in zip(frames, probabilities.tolist(), strict=True):
            self._kept.append(frame)
            self._probabilities.append(probability)
            now = self._next
            self._next += 1
            if self._onset is None:
                if probability >= _ONSET:
                    self._onset = now
                else:
                    self._forget(self._next - _frames(_PAD_S))
                continue
            if probability >= _ONSET:
                self._silent_from = None
            elif probability < _OFFSET and self._silent_from is None:
                self._silent_from = now
            region = self._region_if_over()
            if region is not None:
                yield region

    def finish(self) -> Iterator[Region]:
        """Yield the region that the end of the stream ends."""
        if self._onset is not None:
            end = self._next if self._silent_from is None else self._silent_from
            region = self._close(end, min(end + _frames(_PAD_S), self._next))
            if region is not None:
                yield region

    def _region_if_over(self) -> Region | None:
        assert self._onset is not None
        length = self._next - self._onset
        if self._silent_from is not None:
            pause = _PAUSE_S if length < _frames(_LONG_REGION_S) else _SHORT_PAUSE_S
            if self._next - self._silent_from >= _frames(pause):
                return self._close(self._silent_from, self._silent_from + _frames(_PAD_S))
        if self._next - self._kept_from >= _frames(LONGEST_REGION_S):
            cut = self._quietest()
            region = self._close(cut, cut)
            # Speech goes on: the rest is the beginning of the next region.
            self._onset = cut
            return region
        return None

    def _quietest(self) -> int:
        """The frame about which speech is least likely in the last seconds."""
        window = 5  # frames, 160 ms: one doubtful frame is not a gap between words
        recent = np.asarray(self._probabilities[-_frames(_CUT_SEARCH_S) :])
        smooth = np.convolve(recent, np.full(window, 1 / window), "valid")
        return self._next - len(recent) + int(smooth.argmin()) + window // 2

    def _close(self, speech_end: int, keep_until: int) -> Region | None:
        assert self._onset is not None
        onset, first = self._onset, self._kept_from
        audio = np.concatenate(self._kept[: keep_until - first])
        self._onset = self._silent_from = None
        self._last_end = speech_end
        self._forget(keep_until)
        if speech_end - onset < _frames(_LEAST_SPEECH_S):
            return None
        return Region(first * FRAME, audio, (speech_end - onset) * FRAME)

    def _forget(self, before: int) -> None:
        count = before - self._kept_from
        if count > 0:
            del self._kept[:count], self._probabilities[:count]
            self._kept_from = before
