"""What a finished video should reach, and whether it does."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass

from services.lipsync.quality import CLOSED_GAPS, OPEN_GAPS, LipsyncQuality


@dataclass(frozen=True)
class Goal:
    """A bound of one figure of `LipsyncQuality`."""

    figure: str
    """Name of the field."""
    label: str
    least: bool
    """The bound is the least that is good, not the most."""
    bound: float
    unit: str
    """ "%": the figure is a share; otherwise of the figure itself."""
    magnitude: bool = False
    """The figure's sign does not matter."""

    def met(self, quality: LipsyncQuality) -> bool | None:
        """None where the video has nothing to measure it on."""
        value = getattr(quality, self.figure)
        if value is None:
            return None
        compare: Callable[[float, float], bool] = operator.ge if self.least else operator.le
        return compare(abs(value) if self.magnitude else value, self.bound)

    def written(self, value: float | None) -> str:
        """A value of the figure as people read it."""
        if value is None:
            return "-"
        return f"{100 * value:.1f} %" if self.unit == "%" else f"{value:.0f} {self.unit}" if self.unit else f"{value:.4f}"


GOALS = (
    Goal("tightly_closed_share", f"lips closed on m, b, p (gap at most {CLOSED_GAPS[0]})", True, 0.99, "%"),
    Goal("open_gap_median", "lips open on a (median gap)", True, OPEN_GAPS[1], ""),
    Goal("pause_moving_share", "frames of silence in which the mouth moves", False, 0.02, "%"),
    Goal("offset_ms", "mouth after sound", False, 20.0, "ms", magnitude=True),
    Goal("jitter", "trembling of still points", False, 0.0020, ""),
    Goal("leakage", "picture changed outside the face", False, 0.001, "%"),
)
"""In the order of a report. Gaps and trembling are over the face's width."""


def missed(quality: LipsyncQuality) -> list[Goal]:
    """The goals that were measured and not met."""
    return [goal for goal in GOALS if goal.met(quality) is False]
