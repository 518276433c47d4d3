"""Silero VAD, as faster-whisper brings it, on a stream: its state is carried from chunk to chunk."""

from __future__ import annotations

import numpy as np
from faster_whisper.vad import get_vad_model

_CONTEXT = 64
"""Samples of the frame before that the model sees with each frame (Silero VAD v6 at 16 kHz)."""


class SpeechProbability:
    """How likely each frame of a stream is speech."""

    def __init__(self) -> None:
        # The session is shared by all streams, its state is not.
        self._session = get_vad_model().session
        self._hidden = np.zeros((1, 1, 128), np.float32)
        self._cell = np.zeros((1, 1, 128), np.float32)
        self._context = np.zeros(_CONTEXT, np.float32)

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """(n, 512) float32 at 16 kHz to n probabilities."""
        if len(frames) == 0:
            return np.zeros(0, np.float32)
        before = np.vstack([self._context, frames[:-1, -_CONTEXT:]])
        self._context = frames[-1, -_CONTEXT:].copy()
        inputs = {"input": np.hstack([before, frames]), "h": self._hidden, "c": self._cell}
        probabilities, self._hidden, self._cell = self._session.run(None, inputs)
        return np.asarray(probabilities, np.float32).reshape(len(frames))
