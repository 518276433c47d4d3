"""The one gain that brings a programme, measured in pieces, to its loudness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, log10

import numpy as np

from media.dub_mix import PieceLevels
from media.limiter import MARGIN_DB
from media.loudness import WEB, LoudnessTarget, gated_loudness
from media.speech_level import SourceLevels

SOURCE_CEILING_DBTP = -1.0
"""True peak where the loudness is the source's own: EBU R 128's limit, so that an encoder does not clip."""
STEP_DB = 0.2
"""Of the gain: a programme is at most 0.1 LU from its target, and a line that is said otherwise does not move all others by a hair."""
MAX_ROUNDS = 4
"""Gains that are tried where the limiter costs loudness. Each closes nine tenths of what is left, if the target can be reached at all."""


@dataclass(frozen=True)
class Leveled:
    """What was done to a programme."""

    target: LoudnessTarget
    gain_db: float
    result_lufs: float
    """-inf: it is silent."""


def mix_target(asked: LoudnessTarget | None, levels: SourceLevels | None) -> LoudnessTarget:
    """`asked`; else as loud as the source; where that has no sound, or only silence, as for the web."""
    if asked is not None:
        return asked
    if levels is None or not isfinite(levels.programme_lufs):
        return WEB
    return LoudnessTarget(levels.programme_lufs, SOURCE_CEILING_DBTP)


def first_gain(pieces: Sequence[PieceLevels], target: LoudnessTarget) -> float:
    """In dB; 0 where the programme is silent."""
    loudness = gated_loudness(np.concatenate([piece.energies for piece in pieces])) if pieces else -float("inf")
    return _in_steps(target.integrated_lufs - loudness) if isfinite(loudness) else 0.0


def next_gain(gain_db: float, result_lufs: float, target: LoudnessTarget) -> float:
    """The gain to be tried after one that gave `result_lufs`; the same one where that is near enough."""
    return _in_steps(gain_db + target.integrated_lufs - result_lufs) if isfinite(result_lufs) else gain_db


def is_limited(piece: PieceLevels, gain_db: float, target: LoudnessTarget) -> bool:
    """Whether the limiter changes the piece at a gain."""
    return piece.peak > 0 and 20 * log10(piece.peak) + gain_db > target.true_peak_dbtp - MARGIN_DB


def _in_steps(gain_db: float) -> float:
    return round(round(gain_db / STEP_DB) * STEP_DB, 3)
