"""One piece, rendered and encoded frame by frame, as a stream of events that may be left at any of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from media.fragments import FragmentEncoder
from services.articulation.estimator import VisemeEstimator
from services.lipsync.engine import LipsyncEngine, Piece, Speech
from services.lipsync.inspection import Finding
from services.lipsync.portraits import PortraitOrder, Portraits


@dataclass(frozen=True)
class Started:
    """The portrait can be used; its frames come now."""

    warnings: tuple[Finding, ...]


@dataclass(frozen=True)
class Rendered:
    """One more frame is done."""

    frames: int
    """So far."""
    parts: tuple[bytes, ...]
    """Parts of the MP4 that became ready with it: mostly none."""


def render(portraits: Portraits, order: PortraitOrder, engine: LipsyncEngine, speech: Speech, piece: Piece) -> Iterator[Started | Rendered]:
    """Yields `Started`, then `Rendered` for each frame, and one more with the last parts. Raises `InvalidInput` before `Started`.

    Where the speech comes without phonemes, they are estimated from its sound.
    """
    portrait, warnings = portraits.prepare(order, engine)
    yield Started(warnings)
    encoder = FragmentEncoder(order.video.width, order.video.height, order.video.frame_rate)
    try:
        frames = 0
        for frame in engine.animate(portrait, heard(speech), piece):
            frames += 1
            yield Rendered(frames, tuple(encoder.add(frame)))
        yield Rendered(frames, tuple(encoder.finish()))
    finally:
        encoder.close()


def heard(speech: Speech) -> Speech:
    """The speech with sounds estimated from its audio where none are given; those that are given are never touched."""
    if speech.phonemes or not speech.audio.size:
        return speech
    return replace(speech, phonemes=tuple(_estimator().estimate(speech.audio, speech.sample_rate)))


@cache
def _estimator() -> VisemeEstimator:
    return VisemeEstimator()
