"""When the lips touch: the closures of m b p and the tucks of f v, which are seen whatever is around them.

Each is held for longer than a frame, so that every one of them is seen; and between two of them the lips still part, so that a vowel there is
seen too, however short it is spoken.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.articulation.phonetics import Contact

_HOLD_BEFORE_START_S, _HOLD_AFTER_END_S = 0.010, 0.006
"""A contact is held from before its sound's start to its release: lips touch ahead of the silence they cause."""
_HOLD_LEAST_S = 0.066
"""A frame at 25 fps lasts 40 ms: a hold this long has one in its middle, whatever the phase."""
_YIELDED_HOLDS_S = {Contact.CLOSURE: 0.048, Contact.TUCK: 0.040}
"""What is left of a hold that yields to a vowel: still a frame."""
_PARTING_S = 0.090
"""Between two holds with a vowel between them: a frame of open lips, and two short eases."""
_EASE_S, _EASE_LEAST_S, _EASE_SHARE, _EASE_PARTED_SHARE = 0.085, 0.030, 0.34, 0.8
"""Time to come to a contact or to leave it: within bounds, a share of the time to the next one, and of the sound that would else be lost in it."""


@dataclass(frozen=True)
class Touch:
    """A sound that the lips make by touching. Times of the sound, in seconds."""

    contact: Contact
    start_s: float
    end_s: float
    after_parting: bool
    """A sound with parted lips lies between this one and the touch before it."""
    parted_before_s: float = np.inf
    """Length of the sound with parted lips that comes right before; infinite where there is none."""
    parted_after_s: float = np.inf
    """The same right after."""


def made(touches: Sequence[Touch], contact: Contact, times_s: np.ndarray) -> np.ndarray:
    """(frames,) float64, 0 to 1: how far the contacts of this kind are made at `times_s`. `touches` are those of all kinds, in order of time."""
    holds = _holds(touches)
    result = np.zeros(len(times_s))
    for index, (touch, (start, end)) in enumerate(zip(touches, holds, strict=True)):
        if touch.contact is not contact:
            continue
        before = start - holds[index - 1][1] if index else np.inf
        after = holds[index + 1][0] - end if index + 1 < len(holds) else np.inf
        rise, fall = _ease(before, touch.parted_before_s), _ease(after, touch.parted_after_s)
        near = slice(*np.searchsorted(times_s, [start - rise, end + fall]))
        distance = np.maximum(np.maximum((start - times_s[near]) / rise, (times_s[near] - end) / fall), 0.0)
        result[near] = np.maximum(result[near], 0.5 + 0.5 * np.cos(np.pi * np.clip(distance, 0.0, 1.0)))
    return result


def _ease(room_s: float, parted_s: float) -> float:
    return float(np.clip(min(_EASE_SHARE * room_s, _EASE_PARTED_SHARE * parted_s), _EASE_LEAST_S, _EASE_S))


def _holds(touches: Sequence[Touch]) -> list[tuple[float, float]]:
    """When each contact is fully made."""
    starts, ends, spares = [], [], []
    for touch in touches:
        start, end = touch.start_s - _HOLD_BEFORE_START_S, touch.end_s + _HOLD_AFTER_END_S
        missing = max(0.0, _HOLD_LEAST_S - (end - start)) / 2
        starts.append(start - missing)
        ends.append(end + missing)
        # Half of what a hold can do without for each of its sides.
        spares.append(max(0.0, ends[-1] - starts[-1] - _YIELDED_HOLDS_S[touch.contact]) / 2)
    for left, right in itertools.pairwise(range(len(touches))):
        if not touches[right].after_parting:
            continue
        missing = max(0.0, _PARTING_S - (starts[right] - ends[left]))
        # The longer hold yields more.
        share = min(1.0, missing / max(spares[left] + spares[right], 1e-9))
        ends[left] -= share * spares[left]
        starts[right] += share * spares[right]
    return list(zip(starts, ends, strict=True))
