"""Choosing the rate at which a text lasts as long as it should."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from locutor.errors import OutOfRange
from services.tts.engines.kokoro.chunks import Chunk
from services.tts.engines.kokoro.graph import frames_at
from services.tts.engines.kokoro.seams import surplus
from services.tts.engines.kokoro.timing import FRAME_S

TOLERANCE = 0.02
"""Largest error of the duration, as a share of the target."""


Predicted = Sequence[tuple[Chunk, np.ndarray]]
"""Chunks with their predicted frames at rate 1 (`KokoroGraph.raw_frames`)."""


def duration_s(predicted: Predicted, rate: float) -> float:
    """How long chunks last at a rate."""
    total = 0
    for chunk, raw_frames in predicted:
        frames = frames_at(raw_frames, rate)
        total += int(frames.sum()) - sum(surplus(frames, chunk))
    return total * FRAME_S


def rate_for(predicted: Predicted, target_s: float, low: float, high: float) -> float:
    """The rate between `low` and `high` whose duration is nearest to the target.

    Raises `OutOfRange` (field target_duration) with the reachable durations where none is within `TOLERANCE`.
    """
    longest, shortest = duration_s(predicted, low), duration_s(predicted, high)
    slow, fast = low, high
    # The duration falls in steps of one frame as the rate grows; 24 halvings separate any two steps.
    for _ in range(24):
        middle = (slow + fast) / 2
        if duration_s(predicted, middle) > target_s:
            slow = middle
        else:
            fast = middle
    rate = min((slow, fast), key=lambda candidate: abs(duration_s(predicted, candidate) - target_s))
    if abs(duration_s(predicted, rate) - target_s) > TOLERANCE * target_s:
        raise OutOfRange.of(
            "target_duration",
            f"{target_s:.2f} s cannot be met: at rates from {low:g} to {high:g} this text lasts {shortest:.2f} to {longest:.2f} s; "
            "change the text, the target or the rates",
            "DURATION_OUT_OF_REACH",
        )
    return rate
