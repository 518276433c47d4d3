"""From how near each span is to each voice to who speaks when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from services.asr.diarization.clustering import STRANGER
from services.asr.diarization.engine import SpeakerTurn, SpeechSpan
from services.asr.diarization.windows import Windows

_PAUSE_S = 0.5
"""A turn ends at a longer pause, even where the same speaker goes on."""
_CHANGE_COST = 0.06
_PAUSE_DISCOUNT = 0.8
"""Without a pause a change of speakers costs `_CHANGE_COST`, in seconds of speech times cosine; after a pause of `_PAUSE_S` or more so much less."""
_SHARPNESS = 20.0
"""Of confidences: a voice that is nearer by 0.1 is about 7 times as likely."""


def similarities(spans: Sequence[SpeechSpan], windows: Windows, voices: np.ndarray) -> np.ndarray:
    """(spans, voices) float: cosine of the speech about each span with each voice; NaN where no window is near."""
    near = windows.embeddings @ voices.T
    found = np.full((len(spans), len(voices)), np.nan)
    centres = (windows.start_s + windows.end_s) / 2
    first = np.searchsorted(windows.end_s, [span.start_s for span in spans], "right")
    last = np.searchsorted(windows.start_s, [span.end_s for span in spans], "left")
    for index, span in enumerate(spans):
        here = slice(first[index], last[index])
        overlap = np.minimum(windows.end_s[here], span.end_s) - np.maximum(windows.start_s[here], span.start_s)
        if len(overlap):
            # The window that has the span in its middle tells most about it.
            half = (windows.end_s[here] - windows.start_s[here]) / 2
            off = np.abs(centres[here] - (span.start_s + span.end_s) / 2) / half
            weight = np.maximum(overlap, 1e-3) * np.maximum(1 - off, 0.05) ** 2
            found[index] = weight @ near[here] / weight.sum()
    return found


def label(spans: Sequence[SpeechSpan], similar: np.ndarray) -> np.ndarray:
    """(spans,) int: the most likely sequence of speakers (Viterbi)."""
    seconds = np.array([span.end_s - span.start_s for span in spans])
    gains = np.nan_to_num(similar - np.nanmax(similar, axis=1, keepdims=True, initial=-1)) * seconds[:, None]
    best = gains[0].copy()
    came_from = np.zeros(gains.shape, int)
    for index in range(1, len(spans)):
        pause = spans[index].start_s - spans[index - 1].end_s
        cost = _CHANGE_COST * (1 - _PAUSE_DISCOUNT * min(max(pause, 0) / _PAUSE_S, 1))
        leader = int(best.argmax())
        changes = best < best[leader] - cost
        came_from[index] = np.where(changes, leader, np.arange(len(best)))
        best = np.where(changes, best[leader] - cost, best) + gains[index]
    labels = np.zeros(len(spans), int)
    labels[-1] = int(best.argmax())
    for index in range(len(spans) - 1, 0, -1):
        labels[index - 1] = came_from[index, labels[index]]
    return labels


def turns_of(spans: Sequence[SpeechSpan], labels: np.ndarray, similar: np.ndarray) -> Iterator[SpeakerTurn]:
    """Spans of one speaker as one turn, up to a pause."""
    likely = _confidences(labels, similar)
    seconds = np.array([span.end_s - span.start_s for span in spans])
    begin = 0
    for end in range(1, len(spans) + 1):
        if end == len(spans) or labels[end] != labels[begin] or spans[end].start_s - spans[end - 1].end_s > _PAUSE_S:
            confidence = np.average(likely[begin:end], weights=np.maximum(seconds[begin:end], 1e-3))
            yield SpeakerTurn(spans[begin].start_s, spans[end - 1].end_s, int(labels[begin]), float(confidence))
            begin = end


def _confidences(labels: np.ndarray, similar: np.ndarray) -> np.ndarray:
    """(spans,): how likely each span is its speaker, and neither another nor a stranger; 0 where nothing is known."""
    against = np.concatenate([similar, np.full((len(similar), 1), STRANGER)], axis=1)
    odds = np.exp(_SHARPNESS * (against - np.nanmax(against, axis=1, keepdims=True)))
    return np.nan_to_num(odds[np.arange(len(labels)), labels] / odds.sum(axis=1))
