"""Packing regions of speech into windows: a window costs the same whatever is in it, but who waits for the text does not want it full."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from services.asr.engine import SAMPLE_RATE
from services.asr.pauses import LONGEST_REGION_S, Region

_LEAST_LIVE_S = 2.0
"""A live speaker's window is heard at the next pause from this much on: shorter ones are often misheard."""
_PATIENCE_S = 1.2
"""... or, however short, when he has been silent for so long."""


@dataclass(frozen=True)
class Window:
    """Regions one after the other, without the pauses between them."""

    regions: tuple[Region, ...]

    @property
    def audio(self) -> np.ndarray:
        """(n,) float32 at 16 kHz."""
        return np.concatenate([region.audio for region in self.regions])

    def region_at(self, time_s: float) -> int:
        """Index of the region that is heard at a time of the window."""
        ends = list(accumulate(len(region.audio) for region in self.regions))
        return min(bisect_right(ends, int(time_s * SAMPLE_RATE)), len(ends) - 1)

    def stream_time_s(self, time_s: float, region: int) -> float:
        """A time of the window as a time of the stream, kept within a region."""
        before = sum(len(r.audio) for r in self.regions[:region])
        here = self.regions[region]
        offset = min(max(time_s - before / SAMPLE_RATE, 0.0), len(here.audio) / SAMPLE_RATE)
        return here.start / SAMPLE_RATE + offset


class WindowPacker:
    """Gathers regions until a window is worth hearing."""

    def __init__(self) -> None:
        self._regions: list[Region] = []

    def add(self, region: Region) -> Window | None:
        """Put a region in. Where it does not fit, the window before it is handed out."""
        full = sum(len(r.audio) for r in self._regions) + len(region.audio) > LONGEST_REGION_S * SAMPLE_RATE
        window = self.take() if full else None
        self._regions.append(region)
        return window

    def take_if_due(self, silent_s: float) -> Window | None:
        """For live speech: the window, if a listener should not wait longer."""
        gathered_s = sum(len(r.audio) for r in self._regions) / SAMPLE_RATE
        return self.take() if gathered_s >= _LEAST_LIVE_S or (self._regions and silent_s >= _PATIENCE_S) else None

    def take(self) -> Window | None:
        """The window as it is, if there is anything in it."""
        window = Window(tuple(self._regions)) if self._regions else None
        self._regions = []
        return window
