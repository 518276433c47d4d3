"""What moves besides the speaking mouth: blinks, gaze, brows, smile, breath and the head.

What goes on in pauses (sway, breath, blinks, saccades) is drawn from the seed along the programme's own time, so a piece that starts in the middle
finds the state that the piece before left; so it is with cues. What belongs to the speech of a piece (nods, brow raises) starts and ends at rest
within it. A style changes the statistics, and nothing of how they are drawn.

Statistics: blinks 15 to 26 a minute with log-normal gaps; lids close in 90 ms and open in 240 ms; nods of 150 to 400 ms on pitch accents, about one
strong brow accent a sentence, both the larger the higher and louder the voice; gaze rests on the viewer for about 3 s at a time, with small saccades between.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from services.articulation.coarticulation import VISUAL_LEAD_S
from services.articulation.prosody import accents, voice_level
from services.lipsync.engine import CueKind, Piece, Speech
from services.lipsync.engines.warp.behaviour_cues import CueEffects, eased, effects
from services.lipsync.engines.warp.behaviour_eyes import blinks, glances
from services.lipsync.engines.warp.behaviour_manners import MANNERS, Manner

_EDGE_S = 0.4
"""Over this time at either end of a piece, what is the piece's own fades to rest."""

# Standard deviations of the sway: radians and interpupillary distances.
_YAW_SIGMA, _PITCH_SIGMA, _ROLL_SIGMA, _X_SIGMA, _Y_SIGMA = 0.034, 0.017, 0.015, 0.022, 0.009
_NOD_RAD, _NOD_DROP, _BROW_RAISE = 0.018, 0.004, 0.022
_ACCENT_REACH_S = 1.6
"""Beyond this distance an accent is nothing: eight times the widest spread from its middle."""
_BROW_PAUSE_S = 1.4
"""Between two raises of the brows at least."""
_BREATH_HERTZ, _BREATH = 0.25, 0.005
"""Fifteen breaths a minute lift head and shoulders by a third of a millimetre to either side."""
_QUIET_SHARE = 0.55
"""Sway in silence over sway in speech."""

# What a cue does at its fullest: radians, interpupillary distances, share of a smile.
_CUE_NOD_RAD, _CUE_NOD_DROP, _CUE_SHAKE_RAD, _CUE_BROW, _CUE_SMILE = 0.100, 0.026, 0.095, 0.045, 0.85
_CUE_LOOK_RAD, _CUE_TURN_RAD = np.array([0.27, 0.17]), np.array([0.095, 0.06])
"""Where the eyes look beside the viewer, right and down, and how much of that the head does."""
_SMILE_WAVER = 0.12
"""By how much a style's smile comes and goes, as a standard deviation of it."""
_STILL_CUES = (CueKind.SMILE, CueKind.BLINK)

_STREAMS = {"yaw": 1, "pitch": 2, "roll": 3, "x": 4, "y": 5, "blink": 6, "gaze": 7, "accent": 8, "smile": 9, "breath": 10}


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
    smile: np.ndarray
    """0 to 1."""
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
    performance, manner = piece.performance, MANNERS[piece.performance.style]
    seed, expression = performance.seed, min(performance.expression, 1.5)
    head = 0.0 if performance.still else performance.head_motion
    face = 0.0 if performance.still else expression
    local_s = (np.arange(piece.frame_count) + 0.5) / frame_rate
    times_s = local_s + piece.first_frame / frame_rate
    edge = eased(local_s / _EDGE_S) * eased((piece.frame_count / frame_rate - local_s) / _EDGE_S)
    cued = effects([cue for cue in piece.cues if cue.kind in _STILL_CUES or not performance.still], times_s)
    nod, brow = _accents(speech, piece, local_s, edge, manner)
    turn = _CUE_TURN_RAD * cued.turn
    sway = manner.sway * _liveliness(speech, local_s, edge)
    yaw = head * (_wander(seed, "yaw", 0.17 * manner.tempo, times_s) * _YAW_SIGMA * sway + _CUE_SHAKE_RAD * cued.shake + turn[:, 0])
    pitch = head * (_wander(seed, "pitch", 0.20 * manner.tempo, times_s) * _PITCH_SIGMA * sway + _NOD_RAD * nod + _CUE_NOD_RAD * cued.nod + turn[:, 1])
    gaze = _gaze(piece, cued, times_s, manner)
    tracks = {
        "yaw": yaw,
        "pitch": pitch,
        "roll": head * _wander(seed, "roll", 0.15 * manner.tempo, times_s) * _ROLL_SIGMA * sway,
        "x": head * _wander(seed, "x", 0.12 * manner.tempo, times_s) * _X_SIGMA * manner.sway,
        "y": head
        * (_wander(seed, "y", 0.17 * manner.tempo, times_s) * _Y_SIGMA * manner.sway + _breath(seed, times_s) + _NOD_DROP * nod + _CUE_NOD_DROP * cued.nod),
        "brow": face * (manner.brow_rest + np.maximum(_BROW_RAISE * brow, _CUE_BROW * cued.brow)),
        "smile": _smile(piece, cued, times_s, manner),
        "blink": blinks(_rng(seed, "blink"), speech, piece, times_s, frame_rate, manner.blink_gap, cued.blinks_s),
        # Eyes that look at the viewer turn against the head.
        "gaze_x": gaze[:, 0] - yaw,
        "gaze_y": gaze[:, 1] - pitch,
    }
    return MotionTrack(**{name: values.astype(np.float32) for name, values in tracks.items()})


def _rng(seed: int, stream: str) -> np.random.Generator:
    return np.random.default_rng([seed & 0xFFFFFFFFFFFFFFFF, _STREAMS[stream]])


def _liveliness(speech: Speech, local_s: np.ndarray, edge: np.ndarray) -> np.ndarray:
    """(frames,): size of the sway, less in silence than in speech."""
    talk = np.clip(voice_level(speech.audio, speech.sample_rate, local_s, smoothing_s=0.3) * 1.2, 0.0, 1.0) * edge
    return _QUIET_SHARE + (1.0 - _QUIET_SHARE) * talk


def _gaze(piece: Piece, cued: CueEffects, times_s: np.ndarray, manner: Manner) -> np.ndarray:
    """(frames, 2) radians, right and down, from the viewer: glances, and in their place what a cue says."""
    performance = piece.performance
    own = glances(_rng(performance.seed, "gaze"), 0.0 if performance.still else performance.gaze * manner.gaze, times_s)
    away = np.abs(cued.look).max(1, keepdims=True)
    return (1.0 - away) * own + _CUE_LOOK_RAD * cued.look


def _smile(piece: Piece, cued: CueEffects, times_s: np.ndarray, manner: Manner) -> np.ndarray:
    """(frames,): the style's smile, which wavers a little, or a cue's where that is broader."""
    performance = piece.performance
    waver = 0.0 if performance.still else _SMILE_WAVER * _wander(performance.seed, "smile", 0.06, times_s)
    return np.clip(min(performance.expression, 1.0) * np.maximum(manner.smile * (1.0 + waver), _CUE_SMILE * cued.smile), 0.0, 1.0)


def _wander(seed: int, stream: str, hertz: float, times_s: np.ndarray) -> np.ndarray:
    """A smooth random path of standard deviation 1, a function of the programme's time alone."""
    rng = _rng(seed, stream)
    rates = hertz * np.array([0.47, 0.81, 1.0, 1.41, 1.93, 2.6])
    weights = np.array([1.0, 1.0, 0.9, 0.6, 0.4, 0.2])
    phases = rng.uniform(0.0, 2.0 * np.pi, len(rates))
    rates = rates * rng.uniform(0.9, 1.1, len(rates))
    waves = np.sin(2.0 * np.pi * rates * times_s[:, None] + phases)
    return waves @ weights / np.sqrt(0.5 * np.square(weights).sum())


def _breath(seed: int, times_s: np.ndarray) -> np.ndarray:
    """(frames,): rise and fall with the breath, in interpupillary distances; its pace wavers."""
    return _BREATH * np.sin(2.0 * np.pi * _BREATH_HERTZ * times_s + 1.2 * _wander(seed, "breath", 0.04, times_s))


def _accents(speech: Speech, piece: Piece, local_s: np.ndarray, edge: np.ndarray, manner: Manner) -> tuple[np.ndarray, np.ndarray]:
    """Nods and brow raises on stressed vowels, (frames,) of about 0 to 1 in a neutral manner."""
    nod, brow = np.zeros(len(local_s)), np.zeros(len(local_s))
    rng = np.random.default_rng([piece.performance.seed & 0xFFFFFFFFFFFFFFFF, _STREAMS["accent"], piece.first_frame])
    raised = -10.0
    for accent in accents(speech):
        chance, nods, raises = rng.random(3)
        # Heads and brows go with the voice, and not with all of it.
        size = 0.2 + 0.55 * accent.prominence + 0.3 * chance
        time = accent.time_s - VISUAL_LEAD_S
        near = slice(*np.searchsorted(local_s, [time - _ACCENT_REACH_S, time + _ACCENT_REACH_S]))
        since = local_s[near] - time
        if nods < manner.nod_share * (0.5 + accent.prominence):
            nod[near] += size * (np.exp(-0.5 * ((since - 0.02) / 0.11) ** 2) - 0.35 * np.exp(-0.5 * ((since - 0.28) / 0.16) ** 2))
        if raises < manner.brow_share * 2.0 * accent.prominence and time - raised > _BROW_PAUSE_S:
            raised = time
            brow[near] = np.maximum(brow[near], size * np.exp(-0.5 * ((since + 0.02) / 0.17) ** 2))
    return manner.nod_size * np.tanh(nod) * edge, manner.brow_size * brow * edge
