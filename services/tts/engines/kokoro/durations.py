"""How long Kokoro will speak."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.tts.chunks import Chunk
from services.tts.engines.kokoro.graph import FRAME_SAMPLES, SAMPLE_RATE, frames_at
from services.tts.engines.kokoro.seams import surplus

FRAME_S = FRAME_SAMPLES / SAMPLE_RATE

Predicted = Sequence[tuple[Chunk, np.ndarray]]
"""Chunks with their predicted frames at rate 1 (`KokoroGraph.raw_frames`)."""


def duration_s(predicted: Predicted, rate: float) -> float:
    """How long chunks last at a rate."""
    total = 0
    for chunk, raw_frames in predicted:
        frames = frames_at(raw_frames, rate)
        total += int(frames.sum()) - sum(surplus(frames, chunk))
    return total * FRAME_S
