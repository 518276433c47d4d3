"""Cutting the speech out of a stream: stretches without a long pause, where spans are given and where they are found."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from services.asr.diarization.engine import SpeechSpan
from services.asr.engine import SAMPLE_RATE
from services.asr.engines.silero import SpeechProbability
from services.asr.pauses import FRAME, PauseFinder, Region

_JOINED_GAP_S = 0.2
"""Spans with a shorter gap between them are one stretch: windows do not go over a longer one, where the speaker may change."""
_LONGEST_S = 28.0
"""Longer stretches are cut: what is kept of the stream stays small."""
_GRID_S = 0.4
"""Where no spans are given, the speaker may change at any of these steps within a stretch."""


@dataclass(frozen=True)
class Stretch:
    """A piece of the stream that is speech."""

    start: int
    """Position of the first sample in the stream."""
    audio: np.ndarray
    """(n,) float32 at 16 kHz."""

    @property
    def start_s(self) -> float:
        return self.start / SAMPLE_RATE


class Stretches(Protocol):
    """Finds the stretches of a stream as it arrives."""

    spans: list[SpeechSpan]
    """Between which a speaker may change, in order of time; complete once `finish` is exhausted."""

    def accept(self, samples: np.ndarray) -> Iterator[Stretch]:
        """Hear (n,) float32 at 16 kHz; yield the stretches that are complete. Exhaust the iterator."""
        ...

    def finish(self) -> Iterator[Stretch]:
        """Yield what the end of the stream completes."""
        ...


class GivenStretches:
    """Around spans that are known. Keeps at most one stretch of the stream."""

    def __init__(self, spans: Sequence[SpeechSpan]) -> None:
        self.spans = list(spans)
        self._planned = list(reversed([cut for begin, end in _joined(spans) for cut in _cut(begin, end)]))
        self._kept = np.zeros(0, np.float32)
        self._kept_from = 0

    def accept(self, samples: np.ndarray) -> Iterator[Stretch]:
        heard = self._kept_from + len(self._kept) + len(samples)
        self._kept = np.concatenate([self._kept, samples])
        while self._planned and self._planned[-1][1] <= heard:
            yield self._stretch(*self._planned.pop())
        wanted = min(self._planned[-1][0], heard) if self._planned else heard
        self._kept = self._kept[wanted - self._kept_from :].copy()
        self._kept_from = wanted

    def finish(self) -> Iterator[Stretch]:
        heard = self._kept_from + len(self._kept)
        if self._planned and self._planned[-1][0] < heard:
            yield self._stretch(self._planned[-1][0], heard)

    def _stretch(self, begin: int, end: int) -> Stretch:
        return Stretch(begin, self._kept[begin - self._kept_from : end - self._kept_from])


class FoundStretches:
    """Found by voice activity."""

    def __init__(self) -> None:
        self.spans: list[SpeechSpan] = []
        self._probability = SpeechProbability()
        self._pauses = PauseFinder()
        self._rest = np.zeros(0, np.float32)

    def accept(self, samples: np.ndarray) -> Iterator[Stretch]:
        audio = np.concatenate([self._rest, samples])
        whole = len(audio) // FRAME * FRAME
        self._rest = audio[whole:].copy()
        yield from self._hear(audio[:whole])

    def finish(self) -> Iterator[Stretch]:
        yield from self._hear(np.pad(self._rest, (0, -len(self._rest) % FRAME)))
        yield from map(self._stretch, self._pauses.finish())

    def _hear(self, audio: np.ndarray) -> Iterator[Stretch]:
        frames = audio.reshape(-1, FRAME)
        yield from map(self._stretch, self._pauses.accept(frames, self._probability(frames)))

    def _stretch(self, region: Region) -> Stretch:
        count = max(1, round(len(region.audio) / SAMPLE_RATE / _GRID_S))
        edges = np.linspace(region.start, region.end, count + 1) / SAMPLE_RATE
        self.spans += [SpeechSpan(float(begin), float(end)) for begin, end in itertools.pairwise(edges)]
        return Stretch(region.start, region.audio)


def _joined(spans: Sequence[SpeechSpan]) -> Iterator[tuple[int, int]]:
    begin = end = -1.0
    for span in spans:
        if begin >= 0 and span.start_s - end < _JOINED_GAP_S:
            end = span.end_s
            continue
        if begin >= 0:
            yield round(begin * SAMPLE_RATE), round(end * SAMPLE_RATE)
        begin, end = span.start_s, span.end_s
    if begin >= 0:
        yield round(begin * SAMPLE_RATE), round(end * SAMPLE_RATE)


def _cut(begin: int, end: int) -> Iterator[tuple[int, int]]:
    count = max(1, -(-(end - begin) // round(_LONGEST_S * SAMPLE_RATE)))
    edges = np.linspace(begin, end, count + 1).round().astype(int).tolist()
    yield from itertools.pairwise(edges)
