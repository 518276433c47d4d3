"""Blinks and glances, drawn from the seed along the programme's own time."""

from __future__ import annotations

import numpy as np

from services.articulation.prosody import silences
from services.lipsync.engine import Piece, Speech
from services.lipsync.engines.warp.behaviour_cues import eased

_BLINK_MEDIAN_GAP_S, _BLINK_GAP_SPREAD, _BLINK_GAP_LEAST_S = 2.9, 0.45, 0.9
_LID_CLOSING_S, _LID_OPENING_S, _LID_SHUT_S = 0.09, 0.24, 0.03
_BLINK_SHIFT_S = 0.45
"""A blink moves at most this far to fall into a pause of the speech."""
_PAUSE_S = 0.12
_GAZE_MEDIAN_HOLD_S, _GAZE_HOLD_SPREAD = 2.6, 0.5
_GAZE_SIGMA_RAD = 0.030
_SACCADE_S = 0.045


def blinks(rng: np.random.Generator, speech: Speech, piece: Piece, times_s: np.ndarray, frame_rate: float, gap: float, cued_s: np.ndarray) -> np.ndarray:
    """(frames,) 0 open to 1 shut, at `times_s` of the programme. `gap` is a factor on the time between blinks; `cued_s`: when asked-for ones begin."""
    lid = np.zeros(len(times_s))
    if not len(times_s):
        return lid
    start_s = piece.first_frame / frame_rate
    end_s = start_s + piece.frame_count / frame_rate
    drawn = _events(rng, gap * _BLINK_MEDIAN_GAP_S, _BLINK_GAP_SPREAD, _BLINK_GAP_LEAST_S, end_s + 1.0)
    pauses = start_s + np.array([(begin + end) / 2 for begin, end in silences(speech.phonemes) if end - begin > _PAUSE_S])
    shut: list[float] = []
    for time in drawn[np.abs(drawn - (start_s + end_s) / 2) < (end_s - start_s) / 2 + 1.0]:
        inner = start_s + 1.0 < time < end_s - 1.0
        if inner and len(pauses):
            # Only a blink that no neighbouring piece can see may move.
            nearest = float(pauses[np.abs(pauses - time).argmin()])
            if abs(nearest - time) <= _BLINK_SHIFT_S:
                time = nearest
        shut.append(time)
    for time in [*shut, *(cued_s + _LID_CLOSING_S)]:
        since = times_s - time
        closing = eased((since + _LID_CLOSING_S) / _LID_CLOSING_S)
        opening = 1.0 - eased((since - _LID_SHUT_S) / _LID_OPENING_S)
        lid = np.maximum(lid, np.where(since < _LID_SHUT_S, closing, opening))
    # The sampling of frames must not leave a blink half done: at 25 fps the shut phase may fall between two.
    return np.clip(lid * 1.12, 0.0, 1.0)


def glances(rng: np.random.Generator, strength: float, times_s: np.ndarray) -> np.ndarray:
    """(frames, 2) radians, right and down, where the eyes look beside the viewer: back to him after every glance away, quick steps between.
    `strength`: how far and how often; 0 never."""
    if strength <= 0.0:
        return np.zeros((len(times_s), 2))
    sigma, at_viewer_s = _GAZE_SIGMA_RAD * strength, _GAZE_MEDIAN_HOLD_S / (0.5 + 0.5 * strength)
    # A rest before the programme, so that there is always a glance before the one at hand.
    starts, targets = [-np.inf], [np.zeros(2)]
    now, at_viewer = 0.0, True
    while now < times_s.max(initial=0.0) + 1.0:
        hold = float(rng.lognormal(0.0, _GAZE_HOLD_SPREAD)) * (at_viewer_s if at_viewer else 0.35 * _GAZE_MEDIAN_HOLD_S)
        starts.append(now)
        targets.append(rng.normal(0.0, sigma * 0.2, 2) if at_viewer else rng.normal(0.0, [sigma, sigma * 0.6]))
        now, at_viewer = now + hold, not at_viewer
    at, path = np.array(starts), np.array(targets)
    glance = np.searchsorted(at, times_s, side="right") - 1
    step = eased((times_s - at[glance]) / _SACCADE_S)[:, None]
    return path[glance - 1] + (path[glance] - path[glance - 1]) * step


def _events(rng: np.random.Generator, median_s: float, spread: float, least_s: float, until_s: float) -> np.ndarray:
    """Times of a renewal process with log-normal gaps, from the programme's start."""
    times: list[float] = []
    now = 0.0
    while now < until_s:
        now += max(least_s, float(rng.lognormal(np.log(median_s), spread)))
        times.append(now)
    return np.array(times)
