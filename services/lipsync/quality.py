"""Measures a finished video of a speaking face against what was said in it: are the lips where the sounds say they are?

It knows nothing of the engine that made the video: MediaPipe looks at every frame, and the timeline of phonemes says what to expect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from services.lipsync.engine import PhonemeSpan
from services.lipsync.landmarks import FaceLandmarker
from services.lipsync.quality_stillness import jitter
from services.lipsync.quality_track import MouthTrack, track_mouth

CLOSED_GAPS = (0.012, 0.015)
"""Inner-lip gap over the face's width at which MediaPipe sees lips as closed. A real speaker's closures have .011."""
OPEN_GAPS = (0.035, 0.040)
"""The same for open vowels; a real speaker's have .045."""
NEAR_S = 0.040
"""A closure may be seen this much before or after its sound."""
PAUSE_LEAST_S, PAUSE_EDGE_S = 0.45, 0.16
"""Silences from this length on are pauses; at both ends of one the mouth may still close, or get ready."""
STILL_GAP = 0.004
"""In a pause the gap may differ by this from the pause's median: MediaPipe wavers by .0006 (standard deviation) on closed mouths of idle people."""
LARGEST_OFFSET_S = 0.30
_OFFSET_STEP_S = 0.005
_SMOOTHING_S = 0.045
"""Of the expected opening: lips travel for about 90 ms between two sounds."""
_BLINK_RISE, _BLINK_LEAST, _BLINK_FALL = 0.20, 0.30, 0.5
"""A blink raises the blendshape by this over its median, at least to the second, and ends where half of its height is lost."""

_CLOSURES = frozenset("mbpɓ")
_OPEN_VOWELS = frozenset("aɑæɐɒ")
_OPENING = {**dict.fromkeys("aɑæɐɒ", 1.0), **dict.fromkeys("ɔʌɛɜ", 0.75), **dict.fromkeys("eoəɤøœ", 0.55), **dict.fromkeys("iɪuʊyɨɯ", 0.35)}
"""How far each vowel opens the mouth, relative to the open ones; consonants have _CONSONANT."""
_CONSONANT = 0.25


@dataclass(frozen=True)
class LipsyncQuality:
    """Shares are 0 to 1; gaps are over the face's width; a figure is None where the video has nothing to measure it on."""

    frames: int
    frames_without_face: int
    closures: int
    """Sounds with closed lips (m, b, p) in the timeline."""
    closed_share: float | None
    """Of closures whose smallest gap within 40 ms is at most .015."""
    tightly_closed_share: float | None
    """... at most .012."""
    closure_gap_mean: float | None
    closure_gap_worst: float | None
    closure_worst_at_s: float | None
    open_vowels: int
    open_share: float | None
    """Of open vowels whose largest gap is at least .035."""
    widely_open_share: float | None
    """... at least .040."""
    open_gap_median: float | None
    pause_frames: int
    pause_moving_share: float | None
    """Of the pauses' frames in which the lips' gap is not that of the rest of the pause."""
    offset_ms: float | None
    """By how much the mouth comes after the sound; negative: before it."""
    offset_correlation: float | None
    """Of the gap with what the sounds lead to expect, at that offset."""
    blinks: int
    blinks_per_minute: float
    jitter: float | None
    """Trembling of points that move with the skull, over the face's width: root mean square (`quality_stillness`)."""
    leakage: float | None = None
    """Share of the picture outside the face that is not as in the original, where one was given (`quality_leakage`)."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: round(value, 5) if isinstance(value, float) else value for name, value in asdict(self).items()}


def measure(video: Path, phonemes: Sequence[PhonemeSpan], landmarker: FaceLandmarker) -> LipsyncQuality:
    """Look at every frame of a video file and hold it against the phonemes, whose times count from the video's beginning.

    `landmarker` is one for images: following faces from frame to frame smooths away what is measured here. Raises `InvalidInput` (field
    "video") for what is no video.
    """
    return assess(track_mouth(video, landmarker), phonemes)


def assess(track: MouthTrack, phonemes: Sequence[PhonemeSpan]) -> LipsyncQuality:
    """What a track is worth against the phonemes, in order of time."""
    closures = [(span.start_s, gap) for span in phonemes if _is(span, _CLOSURES) and (gap := _extreme(track, span, np.nanmin)) is not None]
    vowels = [gap for span in phonemes if _is(span, _OPEN_VOWELS) and (gap := _extreme(track, span, np.nanmax)) is not None]
    closed, opened = np.array([gap for _, gap in closures]), np.array(vowels)
    worst = int(closed.argmax()) if len(closed) else None
    pauses = [pause for pause in (_inside(track, *span) for span in silences(phonemes, float(track.times_s[-1]))) if len(pause)]
    deviations = np.concatenate([np.abs(pause - np.median(pause)) for pause in pauses]) if pauses else np.zeros(0)
    offset, correlation = _offset(track, phonemes)
    blinks = count_blinks(track.blink)
    minutes = float(track.times_s[-1] + track.times_s[0]) / 60
    return LipsyncQuality(
        frames=len(track.times_s),
        frames_without_face=int(np.isnan(track.gap).sum()),
        closures=len(closed),
        closed_share=_share(closed <= CLOSED_GAPS[1]),
        tightly_closed_share=_share(closed <= CLOSED_GAPS[0]),
        closure_gap_mean=float(closed.mean()) if len(closed) else None,
        closure_gap_worst=float(closed.max()) if len(closed) else None,
        closure_worst_at_s=closures[worst][0] if worst is not None else None,
        open_vowels=len(opened),
        open_share=_share(opened >= OPEN_GAPS[0]),
        widely_open_share=_share(opened >= OPEN_GAPS[1]),
        open_gap_median=float(np.median(opened)) if len(opened) else None,
        pause_frames=len(deviations),
        pause_moving_share=_share(deviations > STILL_GAP),
        offset_ms=offset * 1000 if offset is not None else None,
        offset_correlation=correlation,
        blinks=blinks,
        blinks_per_minute=blinks / minutes,
        jitter=jitter(track),
    )


def silences(phonemes: Sequence[PhonemeSpan], end_s: float) -> list[tuple[float, float]]:
    """Spans without sound from the beginning to `end_s`, in seconds."""
    found, reached = [], 0.0
    for span in phonemes:
        if span.symbol:
            if span.start_s > reached:
                found.append((reached, span.start_s))
            reached = max(reached, span.end_s)
    return [*found, (reached, end_s)] if end_s > reached else found


def count_blinks(blink: np.ndarray) -> int:
    """Number of blinks in a track of blendshapes. Those that are cut off by the beginning or the end count too."""
    if np.isnan(blink).all():
        return 0
    rest = float(np.nanmedian(blink))
    high = max(rest + _BLINK_RISE, _BLINK_LEAST)
    low = rest + _BLINK_FALL * (high - rest)
    count, closed = 0, False
    for value in blink:
        if not closed and value >= high:
            count, closed = count + 1, True
        elif closed and value < low:
            closed = False
    return count


def _is(span: PhonemeSpan, kind: frozenset[str]) -> bool:
    return bool(span.symbol) and span.symbol[0] in kind


def _extreme(track: MouthTrack, span: PhonemeSpan, of: Any) -> float | None:
    """Of the gap while a sound lasts and shortly around it; None where no frame shows it with a face."""
    gaps = track.gap[(track.times_s >= span.start_s - NEAR_S) & (track.times_s <= span.end_s + NEAR_S)]
    gaps = gaps[~np.isnan(gaps)]
    return float(of(gaps)) if len(gaps) else None


def _inside(track: MouthTrack, start_s: float, end_s: float) -> np.ndarray:
    """The gaps well inside a silence; none where it is too short to be a pause."""
    if end_s - start_s < PAUSE_LEAST_S:
        return np.zeros(0)
    gaps = track.gap[(track.times_s >= start_s + PAUSE_EDGE_S) & (track.times_s <= end_s - PAUSE_EDGE_S)]
    return gaps[~np.isnan(gaps)]


def _share(true: np.ndarray) -> float | None:
    return float(true.mean()) if len(true) else None


def _expected(phonemes: Sequence[PhonemeSpan], times_s: np.ndarray) -> np.ndarray:
    """Relative opening of the mouth at `times_s`, evenly spaced: by the sounds, smoothed."""
    opening = np.zeros(len(times_s))
    for span in phonemes:
        if span.symbol and not _is(span, _CLOSURES):
            opening[(times_s >= span.start_s) & (times_s < span.end_s)] = _OPENING.get(span.symbol[0], _CONSONANT)
    reach = round(4 * _SMOOTHING_S / _OFFSET_STEP_S)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * _OFFSET_STEP_S / _SMOOTHING_S) ** 2)
    return np.convolve(opening, kernel / kernel.sum(), mode="same")


def _offset(track: MouthTrack, phonemes: Sequence[PhonemeSpan]) -> tuple[float | None, float | None]:
    """Seconds by which the gap follows the expected opening, and their correlation there: the peak of the correlation over the shift, by a
    parabola through its three highest steps. None where too little is said, or too little moves."""
    seen = ~np.isnan(track.gap)
    spoken = [span for span in phonemes if span.symbol]
    if seen.sum() < 10 or len(spoken) < 5:
        return None, None
    first, last = spoken[0].start_s - LARGEST_OFFSET_S, spoken[-1].end_s + LARGEST_OFFSET_S
    times = np.arange(max(first, track.times_s[0]), min(last, track.times_s[-1]), _OFFSET_STEP_S)
    gap = np.interp(times, track.times_s[seen], track.gap[seen])
    if len(times) < 50 or gap.std() < 1e-4:
        return None, None
    shifts = np.arange(-LARGEST_OFFSET_S, LARGEST_OFFSET_S + _OFFSET_STEP_S / 2, _OFFSET_STEP_S)
    grid = np.arange(times[0] - LARGEST_OFFSET_S - 1, times[-1] + LARGEST_OFFSET_S + 1, _OFFSET_STEP_S)
    expected = _expected(phonemes, grid)
    correlations = np.array([np.corrcoef(gap, np.interp(times - shift, grid, expected))[0, 1] for shift in shifts])
    peak = int(np.clip(correlations.argmax(), 1, len(shifts) - 2))
    before, at, after = correlations[peak - 1 : peak + 2]
    curvature = before - 2 * at + after
    bend = 0.5 * (before - after) / curvature if curvature < 0 else 0.0
    return float(shifts[peak] + bend * _OFFSET_STEP_S), float(at)
