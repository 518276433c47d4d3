"""Windows of speech: the encoder's view of a stretch, one embedding every step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.asr.diarization.mels import HOP, mel_spectrogram
from services.asr.diarization.stretches import Stretch
from services.asr.diarization.voice_encoder import DIMENSIONS, WINDOW_FRAMES, VoiceEncoder
from services.asr.engine import SAMPLE_RATE

FRAME_S = HOP / SAMPLE_RATE

_STEP_FRAMES = 40
_LEVEL = 10 ** (-30 / 20)
"""Root mean square that speech is brought to: the encoder was trained on speech of -30 dBFS, and hears power, not its logarithm."""
_SILENT = 1e-5
_SHORTEST_FRAMES = 16
"""What is shorter holds no more than a sound, and tells nobody."""


@dataclass(frozen=True)
class Windows:
    """n windows in order of time. They overlap."""

    start_s: np.ndarray
    """(n,) float32, seconds from the first sample of the stream."""
    end_s: np.ndarray
    """(n,) float32."""
    share_s: np.ndarray
    """(n,) float32, seconds of speech that each stands for: they add up to the speech's duration."""
    embeddings: np.ndarray
    """(n, `DIMENSIONS`) float32, each row of length 1."""

    def __len__(self) -> int:
        return len(self.start_s)


def windows_of(stretch: Stretch, encoder: VoiceEncoder) -> Windows:
    """The windows of a stretch; of one shorter than a window, the whole."""
    level = float(np.sqrt(np.mean(stretch.audio**2))) if len(stretch.audio) else 0.0
    mels = mel_spectrogram(stretch.audio * (_LEVEL / level)) if level > _SILENT else np.zeros((0, 0), np.float32)
    if len(mels) < _SHORTEST_FRAMES:
        return joined([])
    length = min(len(mels), WINDOW_FRAMES)
    count = 1 + -(-(len(mels) - length) // _STEP_FRAMES)
    starts = np.linspace(0, len(mels) - length, count).round().astype(int)
    embeddings = encoder.embed(np.stack([mels[at : at + length] for at in starts]))
    start_s = (stretch.start_s + starts * FRAME_S).astype(np.float32)
    share_s = np.full(count, len(mels) * FRAME_S / count, np.float32)
    return Windows(start_s, (start_s + length * FRAME_S).astype(np.float32), share_s, embeddings)


def joined(parts: list[Windows]) -> Windows:
    """All windows of several stretches."""
    nothing = np.zeros(0, np.float32)
    return Windows(
        np.concatenate([nothing, *(part.start_s for part in parts)]),
        np.concatenate([nothing, *(part.end_s for part in parts)]),
        np.concatenate([nothing, *(part.share_s for part in parts)]),
        np.concatenate([np.zeros((0, DIMENSIONS), np.float32), *(part.embeddings for part in parts)]),
    )
