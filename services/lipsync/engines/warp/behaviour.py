"""What moves besides the mouth: blinks, gaze, brows and the head.

What goes on in pauses (sway, blinks, saccades) is drawn from the seed along the programme's own time, so a piece that starts in the middle
finds the state that the piece before left. What belongs to the speech of a piece (nods, brow raises) starts and ends at rest within it.

Statistics: blinks 15 to 26 a minute with log-normal gaps; lids close in 90 ms and open in 240 ms; nods of 150 to 400 ms on pitch accents, about one
strong brow accent a sentence; gaze rests on the viewer for about 3 s at a time, with small saccades between.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from services.articulation.coarticulation import VISUAL_LEAD_S
from services.articulation.prosody import silences, stress_times, voice_level
from services.lipsync.engine import Piece, Speech

_BLINK_MEDIAN_GAP_S, _BLINK_GAP_SPREAD, _BLINK_GAP_LEAST_S = 2.9, 0.45, 0.9
_LID_CLOSING_S, _LID_OPENING_S, _LID_SHUT_S = 0.09, 0.24, 0.03
_BLINK_SHIFT_S = 0.45
"""A blink moves at most this far to fall into a pause of the speech."""
_PAUSE_S = 0.12
_GAZE_MEDIAN_HOLD_S, _GAZE_HOLD_SPREAD = 2.6, 0.5
_GAZE_SIGMA_RAD = 0.030
_SACCADE_S = 0.045
_EDGE_S = 0.4
"""Over this time at either end of a piece, what is the piece's own fades to rest."""

# Standard deviations of the sway: radians and interpupillary distances.
_YAW_SIGMA, _PITCH_SIGMA, _ROLL_SIGMA, _X_SIGMA, _Y_SIGMA = 0.034, 0.017, 0.015, 0.022, 0.010
_NOD_RAD, _NOD_DROP, _BROW_RAISE = 0.018, 0.004, 0.022
_ACCENT_REACH_S = 1.6
"""Beyond this distance an accent is nothing: eight times the widest spread from its middle."""
_QUIET_SHARE = 0.55
"""Sway in silence over sway in speech."""

_STREAMS = {"yaw": 1, "pitch": 2, "roll": 3, "x": 4, "y": 5, "blink": 6, "gaze": 7, "accent": 8}


@dataclass(frozen=True)
class MotionTrack:
    """Head and eyes, an array of (frames,) float32 for each control."""

    yaw: np.ndarray
    """Radians, positive to the viewer's right."""
    pitch: np.ndarray
    """Radians, positive down."""
    roll: np.ndarray
    """Radians, positive clockwise."""
    x: np.ndarray
    """Interpupillary distances, positive to the viewer's right."""
    y: np.ndarray
    """Interpupillary distances, positive down."""
    brow: np.ndarray
    """Raise of the brows, interpupillary distances."""
    blink: np.ndarray
    """0 open to 1 shut."""
    gaze_x: np.ndarray
    """Turn of the eyes in the head, radians, positive to the viewer's right."""
    gaze_y: np.ndarray
    """Radians, positive down."""

    def at(self, frame: int) -> dict[str, float]:
        """The controls of one frame by name."""
        return {field.name: float(getattr(self, field.name)[frame]) for field in fields(self)}


def move(speech: Speech, piece: Piece, frame_rate: float) -> MotionTrack:
    """The motion of the piece's frames."""
    performance = piece.performance
    local_s = (np.arange(piece.frame_count) + 0.5) / frame_rate
    absolute_s = local_s + piece.first_frame / frame_rate
    edge = _eased(local_s / _EDGE_S) * _eased((piece.frame_count / frame_rate - local_s) / _EDGE_S)
    talk = np.clip(voice_level(speech.audio, speech.sample_rate, local_s, smoothing_s=0.3) * 1.2, 0.0, 1.0) * edge
    sway = _QUIET_SHARE + (1.0 - _QUIET_SHARE) * talk
    nod, brow = _accents(speech, piece, local_s, edge)
    seed, head = performance.seed, performance.head_motion
    yaw = _wander(seed, "yaw", 0.17, absolute_s) * _YAW_SIGMA * sway * head
    pitch = (_wander(seed, "pitch", 0.20, absolute_s) * _PITCH_SIGMA * sway + _NOD_RAD * nod) * head
    gaze_x, gaze_y = _gaze(seed, absolute_s)
    tracks = {
        "yaw": yaw,
        "pitch": pitch,
        "roll": _wander(seed, "roll", 0.15, absolute_s) * _ROLL_SIGMA * sway * head,
        "x": _wander(seed, "x", 0.12, absolute_s) * _X_SIGMA * head,
        "y": (_wander(seed, "y", 0.22, absolute_s) * _Y_SIGMA + _NOD_DROP * nod) * head,
        "brow": _BROW_RAISE * brow * min(performance.expression, 1.5),
        "blink": _blinks(speech, piece, absolute_s, frame_rate),
        # Eyes that look at the viewer turn against the head.
        "gaze_x": gaze_x - yaw,
        "gaze_y": gaze_y - pitch,
    }
    return MotionTrack(**{name: values.astype(np.float32) for name, values in tracks.items()})


def _rng(seed: int, stream: str) -> np.random.Generator:
    return np.random.default_rng([seed & 0xFFFFFFFFFFFFFFFF, _STREAMS[stream]])


def _eased(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def _wander(seed: int, stream: str, hertz: float, times_s: np.ndarray) -> np.ndarray:
    """A smooth random path of standard deviation 1, a function of the programme's time alone."""
    rng = _rng(seed, stream)
    rates = hertz * np.array([0.47, 0.81, 1.0, 1.41, 1.93, 2.6])
    weights = np.array([1.0, 1.0, 0.9, 0.6, 0.4, 0.2])
    phases = rng.uniform(0.0, 2.0 * np.pi, len(rates))
    rates = rates * rng.uniform(0.9, 1.1, len(rates))
    waves = np.sin(2.0 * np.pi * rates * times_s[:, None] + phases)
    return waves @ weights / np.sqrt(0.5 * np.square(weights).sum())


def _events(rng: np.random.Generator, median_s: float, spread: float, least_s: float, until_s: float) -> np.ndarray:
    """Times of a renewal process with log-normal gaps, from the programme's start."""
    times: list[float] = []
    now = 0.0
    while now < until_s:
        now += max(least_s, float(rng.lognormal(np.log(median_s), spread)))
        times.append(now)
    return np.array(times)


def _blinks(speech: Speech, piece: Piece, absolute_s: np.ndarray, frame_rate: float) -> np.ndarray:
    lid = np.zeros(len(absolute_s))
    if not len(absolute_s):
        return lid
    start_s = piece.first_frame / frame_rate
    end_s = start_s + piece.frame_count / frame_rate
    blinks = _events(_rng(piece.performance.seed, "blink"), _BLINK_MEDIAN_GAP_S, _BLINK_GAP_SPREAD, _BLINK_GAP_LEAST_S, end_s + 1.0)
    pauses = start_s + np.array([(begin + end) / 2 for begin, end in silences(speech.phonemes) if end - begin > _PAUSE_S])
    for time in blinks[np.abs(blinks - (start_s + end_s) / 2) < (end_s - start_s) / 2 + 1.0]:
        inner = start_s + 1.0 < time < end_s - 1.0
        if inner and len(pauses):
            # Only a blink that no neighbouring piece can see may move.
            nearest = float(pauses[np.abs(pauses - time).argmin()])
            if abs(nearest - time) <= _BLINK_SHIFT_S:
                time = nearest
        since = absolute_s - time
        closing = _eased((since + _LID_CLOSING_S) / _LID_CLOSING_S)
        opening = 1.0 - _eased((since - _LID_SHUT_S) / _LID_OPENING_S)
        lid = np.maximum(lid, np.where(since < _LID_SHUT_S, closing, opening))
    # The sampling of frames must not leave a blink half done: at 25 fps the shut phase may fall between two.
    return np.clip(lid * 1.12, 0.0, 1.0)


def _gaze(seed: int, times_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turns of the eyes: back to the viewer after every glance away, quick steps between."""
    rng = _rng(seed, "gaze")
    # A rest before the programme, so that there is always a glance before the one at hand.
    starts, targets = [-np.inf], [np.zeros(2)]
    now, at_viewer = 0.0, True
    while now < times_s.max(initial=0.0) + 1.0:
        hold = float(rng.lognormal(np.log(_GAZE_MEDIAN_HOLD_S), _GAZE_HOLD_SPREAD)) * (1.0 if at_viewer else 0.35)
        starts.append(now)
        targets.append(rng.normal(0.0, _GAZE_SIGMA_RAD * 0.2, 2) if at_viewer else rng.normal(0.0, [_GAZE_SIGMA_RAD, _GAZE_SIGMA_RAD * 0.6]))
        now, at_viewer = now + hold, not at_viewer
    at, path = np.array(starts), np.array(targets)
    glance = np.searchsorted(at, times_s, side="right") - 1
    step = _eased((times_s - at[glance]) / _SACCADE_S)[:, None]
    x, y = (path[glance - 1] + (path[glance] - path[glance - 1]) * step).T
    return x, y


def _accents(speech: Speech, piece: Piece, local_s: np.ndarray, edge: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nods and brow raises on stressed vowels, (frames,) of about 0 to 1."""
    nod, brow = np.zeros(len(local_s)), np.zeros(len(local_s))
    rng = np.random.default_rng([piece.performance.seed & 0xFFFFFFFFFFFFFFFF, _STREAMS["accent"], piece.first_frame])
    raised = -10.0
    for time in stress_times(speech):
        size, chance = rng.uniform(0.25, 1.0), rng.random()
        near = slice(*np.searchsorted(local_s, [time - VISUAL_LEAD_S - _ACCENT_REACH_S, time - VISUAL_LEAD_S + _ACCENT_REACH_S]))
        since = local_s[near] - (time - VISUAL_LEAD_S)
        nod[near] += size * (np.exp(-0.5 * ((since - 0.02) / 0.11) ** 2) - 0.35 * np.exp(-0.5 * ((since - 0.28) / 0.16) ** 2))
        if chance < 0.4 and time - raised > 1.4:
            raised = float(time)
            brow[near] = np.maximum(brow[near], size * np.exp(-0.5 * ((since + 0.02) / 0.17) ** 2))
    return np.tanh(nod) * edge, brow * edge
