"""Takes the networks' jitter out of a face's points, without lag: what comes after a frame counts as much as what came before it."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.signal import savgol_filter

from services.lipsync.landmarks import (
    FACE_OVAL,
    INNER_LIP,
    LEFT_BROW,
    LEFT_EYE_LOWER,
    LEFT_EYE_UPPER,
    LEFT_IRIS,
    OUTER_LIP,
    RIGHT_BROW,
    RIGHT_EYE_LOWER,
    RIGHT_EYE_UPPER,
    RIGHT_IRIS,
)

SKULL = (6, 8, 9, 10, 33, 127, 133, 151, 162, 168, 195, 197, 263, 356, 362, 389)
"""Points that move with the head and with nothing else: forehead, temples, corners of the eyes, bridge of the nose."""
_LONG_S, _SHORT_S, _QUICK_S = 0.55, 0.25, 0.16
"""Lengths of the polynomials that are fitted: to what hardly moves, to what does, and to what is quick (lips, lids, irises).

Of second order (Savitzky and Golay, 1964): heads turn and nod below 5 Hz, lips open and close up to 8 Hz."""
_ORDER = 2
_STRAY = 3.5
"""A frame whose head lies this often the usual residual from its neighbours' median is no measurement (Hampel's identifier)."""
_JUMP = 0.12
"""A head that moves this far between two frames, over its own height, and not nearly so around them, was cut: what is before does not smooth
what is after."""
_JUMP_OVER_USUAL = 4.0
_SLOW, _SUDDEN, _SUDDEN_QUICK = (1.0, 2.0), (3.5, 6.0), (2.0, 4.0)
"""What a shorter fit, and what the measurements themselves, see beyond a longer one is noise up to the first, and motion from the second, of the
track's own usual residual: so a head that starts at once, or lips that close for two frames, are kept as they were measured. Of measurements whose
errors are normal in both directions, one in 10,000 is beyond 3.7 times the median; of quick points less is taken for noise."""
_AROUND = 5
"""Frames around one that tell whether a fit is too long for it."""


def smoothed(points: np.ndarray, seen: np.ndarray, frame_rate: Fraction) -> np.ndarray:
    """`points` (frames, 478, 3) without jitter, float32; frames that are not `seen` (frames,) bool lie between their neighbours."""
    seen = seen & ~_stray(points, seen)
    if not seen.any():
        return points.astype(np.float32)
    filled = _between(points.astype(np.float64), seen)
    result = np.empty(points.shape, np.float32)
    edges = [0, *_jumps(filled), len(points)]
    for begin, end in pairwise(edges):
        result[begin:end] = _segment(filled[begin:end], float(frame_rate))
    return result


def _segment(points: np.ndarray, frame_rate: float) -> np.ndarray:
    """One stretch without jumps: the head's place and the face's shape apart, for they move at different speeds."""
    place = _placed(points)
    shape = _local(points, place)
    lengths = [seconds * frame_rate for seconds in (_LONG_S, _SHORT_S)]
    place[:, :2] = _calmed(place[:, None, :2], lengths)[:, 0]
    place[:, 2:] = _calmed(place[:, 2:, None], lengths)[..., 0]
    calm = _calmed(shape, lengths)
    calm[:, _QUICK] = _calmed(shape[:, _QUICK], [_QUICK_S * frame_rate], _SUDDEN_QUICK)
    return _global(calm, place)


def _calmed(values: np.ndarray, lengths: list[float], sudden: tuple[float, float] = _SUDDEN) -> np.ndarray:
    """(frames, quantities, coordinates) without noise: the longest fit where nothing more is seen by the shorter ones, and by the values themselves."""
    fits = [*(_fitted(values, length) for length in lengths), values]
    noise = np.median(np.linalg.norm(values - fits[-2], axis=-1), axis=0)[:, None] + 1e-9
    result = fits[0]
    for finer in fits[1:-1]:
        apart = uniform_filter1d(((finer - result) ** 2).sum(axis=-1, keepdims=True), _AROUND, axis=0, mode="nearest")
        result = result + _share(np.sqrt(apart) / noise, _SLOW) * (finer - result)
    return result + _share(np.linalg.norm(values - result, axis=-1, keepdims=True) / noise, sudden) * (values - result)


def _share(apart: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """0 for noise, 1 for motion."""
    return np.clip((apart - limits[0]) / (limits[1] - limits[0]), 0, 1)


def _placed(points: np.ndarray) -> np.ndarray:
    """(frames, 4): x, y of the skull's middle, logarithm of its size, angle: the similarity that fits its points best to their mean."""
    skull = points[:, SKULL, :2]
    middle = skull.mean(axis=1)
    form = (skull - middle[:, None]) @ np.array([1, 1j])
    reference = form[len(form) // 2]
    for _ in range(2):
        turn = (form * reference.conj()).sum(axis=1) / (np.abs(reference) ** 2).sum()
        reference = (form / turn[:, None]).mean(axis=0)
    return np.column_stack([middle, np.log(np.abs(turn)), np.unwrap(np.angle(turn))])


def _local(points: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The points as the head would have them upright, in the picture's middle, at the size of the mean."""
    turned = ((points[..., :2] - place[:, None, :2]) @ np.array([1, 1j])) * np.exp(-place[:, 2] - 1j * place[:, 3])[:, None]
    return np.stack([turned.real, turned.imag, points[..., 2] * np.exp(-place[:, 2])[:, None]], axis=-1)


def _global(shape: np.ndarray, place: np.ndarray) -> np.ndarray:
    turned = (shape[..., 0] + 1j * shape[..., 1]) * np.exp(place[:, 2] + 1j * place[:, 3])[:, None]
    return np.stack([turned.real + place[:, :1], turned.imag + place[:, 1:2], shape[..., 2] * np.exp(place[:, 2])[:, None]], axis=-1)


def _fitted(values: np.ndarray, length: float) -> np.ndarray:
    """A polynomial over `length` frames around each frame, at that frame."""
    window = 2 * round((length - 1) / 2) + 1
    window = min(window, len(values) - 1 + len(values) % 2)
    if window <= _ORDER:
        return values.copy()
    return np.asarray(savgol_filter(values, window, _ORDER, axis=0, mode="interp"))


def _between(points: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Points of frames that are not seen, linearly between those that are."""
    if seen.all():
        return points
    frames, known = np.arange(len(points)), np.flatnonzero(seen)
    after = np.clip(np.searchsorted(known, frames), 0, len(known) - 1)
    before = np.clip(np.searchsorted(known, frames, side="right") - 1, 0, len(known) - 1)
    span = np.maximum(known[after] - known[before], 1)
    share = np.clip((frames - known[before]) / span, 0, 1)[:, None, None]
    return points[known[before]] * (1 - share) + points[known[after]] * share


def _stray(points: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(frames,) bool: heads that are elsewhere, or of another size, for a frame or two alone."""
    known = np.flatnonzero(seen)
    if len(known) < 5:
        return np.zeros(len(points), bool)
    skull = points[known][:, SKULL, :2].astype(np.float64)
    size = np.linalg.norm(skull - skull.mean(axis=1, keepdims=True), axis=2).mean(axis=1)
    values = np.column_stack([skull.mean(axis=1), size]) / np.median(size)
    padded = np.pad(values, ((2, 2), (0, 0)), mode="edge")
    medians = np.median(np.stack([padded[i : i + len(values)] for i in range(5)]), axis=0)
    apart = np.linalg.norm(values - medians, axis=1)
    # Half a hundredth of the head is jitter, however still it is otherwise.
    usual = max(1.4826 * float(np.median(apart)), 0.005)
    stray = np.zeros(len(points), bool)
    stray[known[apart > max(_STRAY * usual, 0.08)]] = True
    return stray


def _jumps(points: np.ndarray) -> list[int]:
    """Frames at which the head is suddenly elsewhere, for good: a cut that keeps the camera and the person."""
    middle = points[:, SKULL, :2].mean(axis=1)
    height = float(np.median(np.ptp(points[..., 1], axis=1)))
    steps = np.linalg.norm(np.diff(middle, axis=0), axis=1) / max(height, 1.0)
    found = []
    for index in np.flatnonzero(steps > _JUMP):
        around = np.r_[steps[max(0, index - 3) : index], steps[index + 1 : index + 4]]
        if len(around) and steps[index] > _JUMP_OVER_USUAL * float(np.median(around)):
            found.append(int(index) + 1)
    return found


def _quick_points() -> list[int]:
    eyes = {*LEFT_EYE_LOWER, *LEFT_EYE_UPPER, *RIGHT_EYE_LOWER, *RIGHT_EYE_UPPER, *LEFT_IRIS, *RIGHT_IRIS}
    return sorted({*INNER_LIP, *OUTER_LIP, *eyes} - set(SKULL) - set(FACE_OVAL) - set(LEFT_BROW) - set(RIGHT_BROW))


_QUICK = _quick_points()
