"""Moving the edges of pauses to where the sound really ends and begins: models draw out the last sound's duration into the silence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

import numpy as np

from services.tts.timing import Sound

_HOP_S = 0.01
_SILENCE_DBFS = -52.0
"""30 dB below the common speech level: weaker than a final fricative, stronger than what the decoder leaves in pauses."""
_SHORTEST_PAUSE_S = 0.06
"""Shorter gaps are closures of stops."""
_SHORTEST_SOUND_S = 0.03
_CLOSURE_S = 0.05
"""A stop is silent this long before its burst, and the mouth is closed."""
_REACH_S = 0.3
"""How far an edge may be from where the model has it."""
_STOPS = frozenset(["p", "b", "t", "d", "k", "ɡ", "ʈ", "ɖ", "c", "ɟ", "q", "tʃ", "dʒ", "ts", "dz", "tɕ", "dʑ", "ʈʂ"])


def timed(sounds: Sequence[Sound], audio: np.ndarray, sample_rate: int) -> list[Sound]:
    """The sounds at the times they are heard. They cover the audio without gap; the first starts at 0, the last ends with the audio.

    `audio` is (samples,) float32 at the common level.
    """
    length_s = len(audio) / sample_rate
    bounds = [0.0, *(min(max(sound.end_s, 0.0), length_s) for sound in sounds[:-1]), length_s]
    silent = _silent_windows(audio, sample_rate)
    kept = list(sounds)
    for index in range(len(kept) - 1, -1, -1):
        if not kept[index].symbol:
            pause = _pause(kept, bounds, index, silent, length_s)
            if pause is not None:
                bounds[index], bounds[index + 1] = pause
            elif 0 < index < len(kept) - 1:
                bounds[index : index + 2] = [(bounds[index] + bounds[index + 1]) / 2]
                del kept[index]
    spans = [replace(sound, start_s=start, end_s=end) for sound, start, end in zip(kept, bounds[:-1], bounds[1:], strict=True)]
    return _joined([span for span in spans if span.end_s > span.start_s])


def _silent_windows(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """(windows of 10 ms,) bool."""
    # 22,050 Hz has no whole number of samples in 10 ms: the last window begins where it should, and a sample at an edge counts for one of its sides.
    edges = np.round(np.arange(0, ceil(len(audio) / sample_rate / _HOP_S)) * _HOP_S * sample_rate).astype(int)
    edges = edges[edges < len(audio)]
    energies = np.add.reduceat(np.square(audio, dtype=np.float64), edges)
    return np.sqrt(energies / np.diff(edges, append=len(audio))) < 10 ** (_SILENCE_DBFS / 20)


def _pause(sounds: Sequence[Sound], bounds: Sequence[float], index: int, silent: np.ndarray, length_s: float) -> tuple[float, float] | None:
    """The real edges of the silence `index`; None where the voice goes on through it."""
    first, last = index == 0, index == len(sounds) - 1
    before, after = ("" if first else sounds[index - 1].symbol), ("" if last else sounds[index + 1].symbol)
    low = 0.0 if first else max(bounds[index - 1] + (_CLOSURE_S if before in _STOPS else _SHORTEST_SOUND_S), bounds[index] - _REACH_S)
    high = length_s if last else min(bounds[index + 2] - _SHORTEST_SOUND_S, bounds[index + 1] + _REACH_S)
    window = silent[max(round(low / _HOP_S), 0) : round(high / _HOP_S)]
    begin, end = _longest_run(window)
    start, stop = low + begin * _HOP_S, low + end * _HOP_S
    if stop - start < _SHORTEST_PAUSE_S:
        return None
    if after in _STOPS:
        stop = max(min(stop - _CLOSURE_S, bounds[index + 1]), start)
    return (0.0 if first else start), (length_s if last else min(stop, high))


def _longest_run(mask: np.ndarray) -> tuple[int, int]:
    """[begin, end) of the longest run of True; (0, 0) where there is none."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.astype(np.int8), [0]))))
    runs = [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return max(runs, key=lambda run: run[1] - run[0], default=(0, 0))


def _joined(spans: list[Sound]) -> list[Sound]:
    result: list[Sound] = []
    for span in spans:
        if result and not span.symbol and not result[-1].symbol:
            result[-1] = replace(result[-1], end_s=span.end_s)
        else:
            result.append(span)
    return result
