"""Where a sentence was cut, the silence that the model puts at both ends of what it says would be a pause in mid-sentence."""

from __future__ import annotations

import numpy as np

from services.tts.chunks import Chunk
from services.tts.engines.kokoro.graph import FRAME_SAMPLES

_HEAD_FRAMES = 4
"""100 ms in front of the first token; its sound begins about 55 ms before it."""
_TAIL_FRAMES = 2


def surplus(frames: np.ndarray, chunk: Chunk) -> tuple[int, int]:
    """Frames to leave out at the beginning and at the end: of the first pad, and of the last mark and pad."""
    head = 0 if chunk.opens else max(int(frames[0]) - _HEAD_FRAMES, 0)
    tail = 0 if chunk.closes else max(int(frames[-2:].sum()) - _TAIL_FRAMES, 0)
    return head, tail


def without_surplus(audio: np.ndarray, frames: np.ndarray, chunk: Chunk) -> tuple[np.ndarray, np.ndarray]:
    """Audio and frames of a chunk without what `surplus` tells; the frames still sum to the audio's length."""
    head, tail = surplus(frames, chunk)
    kept = frames.copy()
    kept[0] -= head
    of_pad = min(tail, int(kept[-1]))
    kept[-1] -= of_pad
    kept[-2] -= tail - of_pad
    return audio[head * FRAME_SAMPLES : len(audio) - tail * FRAME_SAMPLES], kept
