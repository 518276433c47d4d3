"""Further forms of what the mouth does, for clients that animate characters of their own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import Enum

from services.articulation.azure import azure_visemes
from services.articulation.blendshapes import Blendshapes, blendshapes
from services.articulation.mouth_shapes import MouthShape, mouth_shapes
from services.articulation.shapes import ShapeSpan
from services.articulation.speech import Speech
from services.tts.engine import SpokenSentence


class Track(Enum):
    MOUTH_SHAPES = "mouth shapes"
    AZURE_VISEMES = "Azure visemes"
    BLENDSHAPES = "blendshapes"


@dataclass(frozen=True)
class Tracks:
    """Of one sentence; times in seconds from the first sample of the stream. Empty where a track was not asked for."""

    mouth_shapes: tuple[ShapeSpan[MouthShape], ...] = ()
    azure_visemes: tuple[ShapeSpan[int], ...] = ()
    blendshapes: Blendshapes | None = None


def tracks_of(sentence: SpokenSentence, sample_rate: int, wanted: Collection[Track]) -> Tracks:
    """The tracks of `wanted`. Curves cover the sentence's audio."""
    phonemes = sentence.timeline.phonemes
    return Tracks(
        mouth_shapes(phonemes) if Track.MOUTH_SHAPES in wanted else (),
        azure_visemes(phonemes) if Track.AZURE_VISEMES in wanted else (),
        _blendshapes(sentence, sample_rate) if Track.BLENDSHAPES in wanted else None,
    )


def _blendshapes(sentence: SpokenSentence, sample_rate: int) -> Blendshapes:
    start_s = sentence.start_s
    phonemes = [replace(span, start_s=span.start_s - start_s, end_s=span.end_s - start_s) for span in sentence.timeline.phonemes]
    return blendshapes(Speech(sentence.audio, sample_rate, phonemes), start_s, start_s + len(sentence.audio) / sample_rate)
