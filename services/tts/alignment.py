"""When each sound of a known text is heard in its audio: for engines that do not tell the durations of what they speak.

The network that hears sounds (`services.articulation.estimator`) scores each frame of 10 ms; the best path through the text's own sounds, each in its
turn and as long as a mouth needs for it, gives their times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import soxr

from services.articulation.estimator import VisemeEstimator
from services.articulation.log_mel import HOP_S, SAMPLE_RATE, loud_power
from services.articulation.phonetics import CHART, mouth_targets, phones
from services.articulation.sound_classes import CLASSES, SILENCE, classes_of
from services.tts.pauses import timed
from services.tts.timing import Sound, sounds_of

_LEAST_FRAMES = 2
"""Of each sound, or of each half of a diphthong."""
_PAUSE_LEAST_FRAMES = 6
"""Less is the closure of a stop."""
_PAUSE_COST = 4.0
"""Log-probability of a pause where the text has no mark for one."""
_FLOOR = -7.0
"""Least log-probability: a sound that is spoken otherwise than written must not push its neighbours away."""
_SILENT_POWER = 1e-9


@dataclass(frozen=True)
class _Path:
    """States in a row; each can be followed by the next one."""

    classes: np.ndarray
    """(states,) index in `CLASSES` of what is heard in each."""
    lasts: np.ndarray
    """(states,) bool: it may go on for any time."""
    skips: np.ndarray
    """(states,) index of a further state that it may follow, or -1."""
    costs: np.ndarray
    """(states,) of entering it."""
    owners: np.ndarray
    """(states,) index of the sound that it belongs to; -1 for a pause between words."""


def align(symbols: str, audio: np.ndarray, sample_rate: int, estimator: VisemeEstimator) -> list[Sound]:
    """The sounds of `symbols`, which are a chunk's in IPA (`services.tts.chunks`), at the times at which they are heard.

    They cover the audio without gap, silences at both ends and where the voice pauses. `audio` is (samples,) float32 at the common level.
    """
    sounds = sounds_of(symbols, [0.0] * (len(symbols) + 3))
    heard = audio if sample_rate == SAMPLE_RATE else soxr.resample(audio, sample_rate, SAMPLE_RATE)
    length_s = len(audio) / sample_rate
    if loud_power(heard) < _SILENT_POWER:
        return [replace(sounds[0], symbol="", start_s=0.0, end_s=length_s)]
    scores = np.maximum(estimator.log_probabilities(heard), _FLOOR)
    path = _path_of(sounds, symbols)
    if len(scores) < np.count_nonzero(path.owners >= 0):
        # Faster than any mouth: nothing can be heard apart.
        bounds = np.linspace(0.0, length_s, len(sounds) + 1)
        return [replace(sound, start_s=float(a), end_s=float(b)) for sound, a, b in zip(sounds, bounds[:-1], bounds[1:], strict=True)]
    return timed(_spans(sounds, path, _best_path(scores, path), length_s), audio, sample_rate)


def _path_of(sounds: Sequence[Sound], symbols: str) -> _Path:
    groups: list[tuple[int, int, int, float, bool]] = []
    """Class, least frames, owner, cost, whether it may be left out."""
    silence = CLASSES.index(SILENCE)
    for index, sound in enumerate(sounds):
        if not sound.symbol:
            groups.append((silence, _PAUSE_LEAST_FRAMES, index, 0.0, True))
            continue
        if groups and groups[-1][0] != silence and " " in symbols[sounds[index - 1].first_symbol : sound.first_symbol]:
            groups.append((silence, _PAUSE_LEAST_FRAMES, -1, _PAUSE_COST, True))
        groups += [(label, _LEAST_FRAMES, index, 0.0, False) for label in _classes(sound.symbol)]
    classes, lasts, skips, costs, owners = [], [], [], [], []
    ends: list[int] = []
    for number, (label, least, owner, cost, _) in enumerate(groups):
        optional_before = number >= 2 and groups[number - 1][4]
        skips += [ends[number - 2] if optional_before else -1, *[-1] * (least - 1)]
        classes += [label] * least
        lasts += [False] * (least - 1) + [True]
        costs += [cost, *[0.0] * (least - 1)]
        owners += [owner] * least
        ends.append(len(classes) - 1)
    return _Path(np.array(classes), np.array(lasts), np.array(skips), np.array(costs, np.float32), np.array(owners))


def _best_path(scores: np.ndarray, path: _Path) -> np.ndarray:
    """(frames,) the state of each frame, by Viterbi's algorithm. A silence at either end may be left out."""
    states = len(path.classes)
    heard = scores[:, path.classes]
    starts = [0, int(np.flatnonzero(path.lasts)[0]) + 1]
    total = np.full(states, -np.inf, np.float32)
    total[starts] = heard[0, starts]
    came = np.empty((len(scores), states), np.uint8)
    skippable = path.skips >= 0
    for frame in range(1, len(scores)):
        options = np.full((3, states), -np.inf, np.float32)
        options[0, path.lasts] = total[path.lasts]
        options[1, 1:] = total[:-1] - path.costs[1:]
        options[2, skippable] = total[path.skips[skippable]]
        came[frame] = options.argmax(axis=0)
        total = options.max(axis=0) + heard[frame]
    ends = np.flatnonzero(path.lasts)[-2:]
    state = int(ends[total[ends].argmax()])
    taken = np.empty(len(scores), np.int64)
    for frame in range(len(scores) - 1, -1, -1):
        taken[frame] = state
        if frame and came[frame, state]:
            state = state - 1 if came[frame, state] == 1 else int(path.skips[state])
    return taken


def _spans(sounds: Sequence[Sound], path: _Path, taken: np.ndarray, length_s: float) -> list[Sound]:
    owners = path.owners[taken]
    edges = [0, *(np.flatnonzero(np.diff(owners)) + 1).tolist()]
    found: list[Sound] = []
    for number, frame in enumerate(edges):
        end_s = edges[number + 1] * HOP_S if number + 1 < len(edges) else length_s
        owner = int(owners[frame])
        like = sounds[owner] if owner >= 0 else Sound("", 0.0, 0.0, False, found[-1].first_symbol)
        found.append(replace(like, start_s=frame * HOP_S, end_s=end_s))
    return found


@cache
def _classes(symbol: str) -> tuple[int, ...]:
    """Indices in `CLASSES`; of what the network was not taught, the class that looks most like it."""
    try:
        return classes_of(symbol)
    except KeyError:
        return tuple(_nearest(phone) for phone in phones(symbol)) or (CLASSES.index("ə"),)


def _nearest(phone: str) -> int:
    try:
        return classes_of(phone)[0]
    except KeyError:
        pass
    if phone not in CHART:
        return CLASSES.index("ə")
    (wanted,) = mouth_targets(phone)

    def distance(index: int) -> float:
        (target,) = mouth_targets(CLASSES[index])
        away = (wanted.open - target.open, wanted.width - target.width, 0.1 * (wanted.round - target.round), 0.1 * (wanted.tongue - target.tongue))
        return sum(part * part for part in away) + (wanted.contact is not target.contact)

    return min(range(1, len(CLASSES)), key=distance)
