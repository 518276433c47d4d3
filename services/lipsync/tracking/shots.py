"""Where one shot ends and the next begins: a hard cut, told from flashes of light and from fast motion."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from itertools import pairwise

import cv2
import numpy as np

from services.lipsync.tracking.picture import Picture

_THUMBNAIL = (48, 32)
"""Width and height. Small motion moves little in it."""
_STEP = 9.0
"""Least difference of neighbouring frames at a cut: mean over the thumbnail, of 255, of brightness and, at half its weight each, the two colours.
Between two cameras of one room it is 12 or more; a talking head moves it by 0.2 to 2."""
_OVER_USUAL = 3.5
"""At a cut, how often the difference is that of the frames around: a fast pan moves every frame alike."""
_LASTING = 0.7
"""Whatever is seen before a cut is at least this part of the step away from whatever is seen after it: a flash goes and the old picture is back."""
_LOOK_S = 0.12
"""How far before and after a frame is looked: the longest flash of a camera, and the shortest shot."""


class ShotFinder:
    """Give it the frames in order with `add`; it answers some frames later, and for the rest at the `finish`."""

    def __init__(self, frame_rate: Fraction) -> None:
        self._look = max(2, round(_LOOK_S * frame_rate))
        self._recent: deque[np.ndarray] = deque(maxlen=2 * self._look)
        self._added = 0

    @property
    def delay(self) -> int:
        """Frames to come that must be seen before one is judged."""
        return self._look - 1

    def add(self, picture: Picture) -> bool | None:
        """Whether a shot begins with the frame `delay` frames before this one; None: there was no such frame yet."""
        self._recent.append(_signature(picture))
        self._added += 1
        return self._begins(self._added - 1 - self.delay) if self._added > self.delay else None

    def finish(self) -> list[bool]:
        """The same for the last frames, in order."""
        return [self._begins(number) for number in range(max(0, self._added - self.delay), self._added)]

    def _begins(self, number: int) -> bool:
        if number == 0:
            return True
        oldest = self._added - len(self._recent)
        at = number - oldest
        frames = list(self._recent)
        before, after = frames[max(0, at - self._look) : at], frames[at : at + self._look]
        step = _difference(before[-1], after[0])
        if step < _STEP:
            return False
        around = [_difference(a, b) for part in (before, after) for a, b in pairwise(part)]
        if around and step < _OVER_USUAL * float(np.median(around)):
            return False
        return all(_difference(a, b) >= _LASTING * step for a in before for b in after)


def _signature(picture: Picture) -> np.ndarray:
    thumbnail = picture.thumbnail(*_THUMBNAIL) * np.array([1.0, 0.5, 0.5], np.float32)
    return cv2.GaussianBlur(thumbnail, (0, 0), 0.8)


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).sum(axis=2).mean())
