"""Choosing the rate at which a text lasts as long as it should."""

from __future__ import annotations

from collections.abc import Callable

from locutor.errors import OutOfRange

TOLERANCE = 0.02
"""Largest error of the duration, as a share of the target."""


def rate_for(duration_s: Callable[[float], float], target_s: float, low: float, high: float) -> float:
    """The rate between `low` and `high` at which `duration_s(rate)`, which falls as the rate grows, is nearest to the target.

    Raises `OutOfRange` (field target_duration) with the reachable durations where none is within `TOLERANCE`.
    """
    longest, shortest = duration_s(low), duration_s(high)
    slow, fast = low, high
    # The duration falls in steps as the rate grows; 24 halvings separate any two steps.
    for _ in range(24):
        middle = (slow + fast) / 2
        if duration_s(middle) > target_s:
            slow = middle
        else:
            fast = middle
    rate = min((slow, fast), key=lambda candidate: abs(duration_s(candidate) - target_s))
    if abs(duration_s(rate) - target_s) > TOLERANCE * target_s:
        raise OutOfRange.of(
            "target_duration",
            f"{target_s:.2f} s cannot be met: at rates from {low:g} to {high:g} this text lasts {shortest:.2f} to {longest:.2f} s; "
            "change the text, the target or the rates",
            "DURATION_OUT_OF_REACH",
        )
    return rate
