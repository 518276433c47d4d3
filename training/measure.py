"""How good an estimate is: against the sounds that were really made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.articulation.coarticulation import articulate
from services.articulation.shapes import shape_spans
from services.articulation.speech import PhonemeSpan, Speech
from services.tts.visemes import shapes_of

NEAR_S = 0.040
"""A closure is found where one is estimated within this time of it."""
_STEP_S = 0.010
_BILABIALS = frozenset("mbpɓ")


@dataclass(frozen=True)
class Score:
    """Counts, which add up over recordings."""

    frames: int = 0
    right_frames: int = 0
    """Frames of 10 ms whose shape of the fifteen is the true one."""
    closures: int = 0
    found_closures: int = 0
    estimated_closures: int = 0
    true_closures: int = 0
    """Of the estimated ones."""
    apertures: tuple[np.ndarray, ...] = ()
    """(2, frames): lip aperture from the true and from the estimated sounds."""

    def __add__(self, other: Score) -> Score:
        return Score(
            self.frames + other.frames,
            self.right_frames + other.right_frames,
            self.closures + other.closures,
            self.found_closures + other.found_closures,
            self.estimated_closures + other.estimated_closures,
            self.true_closures + other.true_closures,
            self.apertures + other.apertures,
        )

    @property
    def accuracy(self) -> float:
        return self.right_frames / max(self.frames, 1)

    @property
    def recall(self) -> float:
        """Of bilabial closures."""
        return self.found_closures / max(self.closures, 1)

    @property
    def precision(self) -> float:
        return self.true_closures / max(self.estimated_closures, 1)

    @property
    def aperture_correlation(self) -> float:
        """Of what the lips do by the estimate with what they do by the true sounds."""
        return float(np.corrcoef(np.concatenate(self.apertures, axis=1))[0, 1])


def score(true: Sequence[PhonemeSpan], estimated: Sequence[PhonemeSpan], audio: np.ndarray, sample_rate: int, near_s: float = NEAR_S) -> Score:
    times_s = np.arange(0.0, len(audio) / sample_rate, _STEP_S) + _STEP_S / 2
    closures, found = ([span for span in spans if is_closure(span)] for spans in (true, estimated))
    lips = np.stack([articulate(Speech(audio, sample_rate, spans), times_s, 1.0).open for spans in (true, estimated)])
    return Score(
        frames=len(times_s),
        right_frames=int((_shapes_at(true, times_s) == _shapes_at(estimated, times_s)).sum()),
        closures=len(closures),
        found_closures=sum(any(_meet(span, other, near_s) for other in found) for span in closures),
        estimated_closures=len(found),
        true_closures=sum(any(_meet(span, other, near_s) for other in closures) for span in found),
        apertures=(lips,),
    )


def is_closure(span: PhonemeSpan) -> bool:
    return bool(span.symbol) and span.symbol[0] in _BILABIALS


def _meet(first: PhonemeSpan, second: PhonemeSpan, near_s: float) -> bool:
    return first.start_s - near_s < second.end_s and second.start_s < first.end_s + near_s


def _shapes_at(phonemes: Sequence[PhonemeSpan], times_s: np.ndarray) -> np.ndarray:
    """(frames,) names of shapes; silence where nothing is."""
    names = np.full(len(times_s), "sil", dtype=object)
    for span in shape_spans(phonemes, shapes_of):
        names[(times_s >= span.start_s) & (times_s < span.end_s)] = span.shape.value
    return names
