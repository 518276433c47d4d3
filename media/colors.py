"""What the numbers of a picture mean."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Colors:
    """Code points of ISO/IEC 23091-2 (ITU-T H.273), in which 2 is "not said"."""

    matrix: int
    """1: BT.709, 5 and 6: BT.601, 9: BT.2020."""
    range: int
    """As FFmpeg numbers it: 1 limited, 2 full, 0 not said."""
    primaries: int
    transfer: int


BT709 = Colors(matrix=1, range=1, primaries=1, transfer=1)
"""Of all that is made here: limited range."""
