"""Moving the edges of pauses to where the sound really ends and begins: the model draws out the last sound's duration into the silence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from services.tts.engines.kokoro.graph import SAMPLE_RATE
from services.tts.engines.kokoro.timing import FRAME_S, LEAD_S, Sound

_HOP = SAMPLE_RATE // 100
_HOP_S = _HOP / SAMPLE_RATE
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


@dataclass(frozen=True)
class TimedSound:
    """A phoneme or a silence where it is heard, in seconds from the first sample."""

    symbol: str
    """IPA; empty: silence."""
    start_s: float
    end_s: float
    stressed: bool
    first_symbol: int


def timed(sounds: Sequence[Sound], audio: np.ndarray) -> list[TimedSound]:
    """The sounds at the times they are heard. They cover the audio without gap; the first starts at 0, the last ends with the audio.

    `audio` is (samples,) float32 at the common level.
    """
    length_s = len(audio) / SAMPLE_RATE
    bounds = [0.0, *(min(max(sound.end_frame * FRAME_S - LEAD_S, 0.0), length_s) for sound in sounds[:-1]), length_s]
    silent = _silent_windows(audio)
    kept = list(sounds)
    for index in range(len(kept) - 1, -1, -1):
        if not kept[index].symbol:
            pause = _pause(kept, bounds, index, silent, length_s)
            if pause is not None:
                bounds[index], bounds[index + 1] = pause
            elif 0 < index < len(kept) - 1:
                bounds[index : index + 2] = [(bounds[index] + bounds[index + 1]) / 2]
                del kept[index]
    spans = [TimedSound(s.symbol, start, end, s.stressed, s.first_symbol) for s, start, end in zip(kept, bounds[:-1], bounds[1:], strict=True)]
    return _joined([span for span in spans if span.end_s > span.start_s])


def _silent_windows(audio: np.ndarray) -> np.ndarray:
    """(windows of 10 ms,) bool."""
    windows = np.pad(audio, (0, -len(audio) % _HOP)).reshape(-1, _HOP)
    return np.sqrt(np.mean(np.square(windows, dtype=np.float64), axis=1)) < 10 ** (_SILENCE_DBFS / 20)


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


def _joined(spans: list[TimedSound]) -> list[TimedSound]:
    result: list[TimedSound] = []
    for span in spans:
        if result and not span.symbol and not result[-1].symbol:
            result[-1] = replace(result[-1], end_s=span.end_s)
        else:
            result.append(span)
    return result
