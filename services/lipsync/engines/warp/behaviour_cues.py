"""What a presenter does because a cue says so, on the programme's own time: an effect may begin in one piece and end in another.

Nothing of a cue is seen before its start.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from services.lipsync.engine import Cue, CueKind

NATURAL_S: dict[CueKind, float] = {
    CueKind.NOD: 0.95,
    CueKind.SHAKE: 1.15,
    CueKind.SMILE: 2.4,
    CueKind.LOOK_LEFT: 1.5,
    CueKind.LOOK_RIGHT: 1.5,
    CueKind.LOOK_UP: 1.5,
    CueKind.LOOK_DOWN: 1.5,
    CueKind.RAISE_BROWS: 0.9,
    CueKind.BLINK: 0.36,
}
"""How long a cue lasts that says nothing about it, in seconds; what is held then takes up to 0.7 s to come back."""

_NOD_PERIOD_S, _SHAKE_PERIOD_S = 0.48, 0.58
"""Of one nod and of one turn to and fro: nods of agreement come at about 2 a second."""
_FADING = 0.6
"""Each nod or turn of a cue to the one before it."""
_ATTACK_S = {"smile": 0.45, "brow": 0.18, "head": 0.35, "eyes": 0.055}
_RELEASE_S = {"smile": 0.70, "brow": 0.35, "head": 0.45, "eyes": 0.055}
_DIRECTIONS = {CueKind.LOOK_LEFT: (-1.0, 0.0), CueKind.LOOK_RIGHT: (1.0, 0.0), CueKind.LOOK_UP: (0.0, -1.0), CueKind.LOOK_DOWN: (0.0, 1.0)}


@dataclass(frozen=True, eq=False)
class CueEffects:
    """What cues ask for in each frame: (frames,) float64."""

    nod: np.ndarray
    """0 to 1, down."""
    shake: np.ndarray
    """-1 to 1, positive to the viewer's right."""
    smile: np.ndarray
    """0 to 1."""
    brow: np.ndarray
    """0 to 1."""
    look: np.ndarray
    """(frames, 2), -1 to 1: where the eyes are turned, right and down."""
    turn: np.ndarray
    """(frames, 2), -1 to 1: how far the head has followed them."""
    blinks_s: np.ndarray
    """(blinks,): when lids begin to close, in seconds of the programme."""


def effects(cues: Sequence[Cue], times_s: np.ndarray) -> CueEffects:
    """The effects of `cues` at `times_s`, seconds of the programme."""
    nod, shake, smile, brow = (np.zeros(len(times_s)) for _ in range(4))
    look, turn = np.zeros((len(times_s), 2)), np.zeros((len(times_s), 2))
    blinks = []
    for cue in cues:
        since, length_s = times_s - cue.start_s, cue.duration_s or NATURAL_S[cue.kind]
        match cue.kind:
            case CueKind.NOD:
                nod += _swings(since, length_s, _NOD_PERIOD_S, lambda phase: 0.5 - 0.5 * np.cos(2 * np.pi * phase))
            case CueKind.SHAKE:
                # Rising with the first half turn: a head does not start at full speed.
                shake += _swings(since, length_s, _SHAKE_PERIOD_S, lambda phase: np.sin(2 * np.pi * phase) * np.sin(np.pi * np.clip(phase * 2, 0, 0.5)))
            case CueKind.SMILE:
                smile = np.maximum(smile, _held(since, length_s, "smile"))
            case CueKind.RAISE_BROWS:
                brow = np.maximum(brow, _held(since, length_s, "brow"))
            case CueKind.BLINK:
                blinks.append(cue.start_s)
            case _:
                direction = np.array(_DIRECTIONS[cue.kind])
                look += _held(since, length_s, "eyes")[:, None] * direction
                turn += _held(since, length_s, "head")[:, None] * direction
    nod, shake, look, turn = (np.clip(values, -1.0, 1.0) for values in (nod, shake, look, turn))
    return CueEffects(nod, shake, smile, brow, look, turn, np.array(blinks))


def eased(x: np.ndarray) -> np.ndarray:
    """0 up to 0, 1 from 1 on, smooth between."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def _held(since: np.ndarray, length_s: float, what: str) -> np.ndarray:
    """Rises from 0 at the start, is held until `length_s`, and comes back."""
    attack_s = min(_ATTACK_S[what], length_s)
    return eased(since / attack_s) * (1.0 - eased((since - length_s) / _RELEASE_S[what]))


def _swings(since: np.ndarray, length_s: float, period_s: float, swing: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """As many whole swings as fit into `length_s` best, at least one, each smaller than the one before. `swing` is one over 0 to 1."""
    count = max(1, round(length_s / period_s))
    phase = since / length_s * count
    number = np.floor(np.clip(phase, 0.0, count - 1e-9))
    return np.where((phase > 0.0) & (phase < count), swing(phase - number) * _FADING**number, 0.0)
