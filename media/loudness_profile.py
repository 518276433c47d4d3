"""How loud a programme is in each 100 ms: what its loudness, and that of any choice of its parts, is reckoned from.

The profile of a programme is those of its pieces, one after the other, so that where one piece is changed only that is measured
again. Silence does not count in it: BS.1770's gate leaves it out.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from media.clock import PROGRAMME_RATE
from media.loudness import EnergyMeter

SETTLING = PROGRAMME_RATE // 2
"""Samples after which the weighting has forgotten what came before: its slowest pole lies at 0.995."""


def energies_of(blocks: Iterable[np.ndarray], skip: int = 0) -> np.ndarray:
    """Weighted energy of each `media.loudness.HOP` of float32 blocks, (n,) or (n, channels) at 48 kHz.

    The first `skip` samples are not counted: `SETTLING` of them make a piece's profile that of the same piece in the whole.
    """
    meter = EnergyMeter(skip)
    for block in blocks:
        meter.push(block)
    return meter.energies()


def raised(energies: np.ndarray, gain_db: float) -> np.ndarray:
    """The profile of the same sound at another level."""
    return np.asarray(energies * 10 ** (gain_db / 10))
