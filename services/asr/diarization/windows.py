"""Windows of speech: the encoder's view of a stretch, one embedding every step, at two scales.

Long windows tell who the speakers are, short ones where they change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.asr.diarization.mels import BANDS, HOP, mel_spectrogram
from services.asr.diarization.stretches import Stretch
from services.asr.diarization.voice_encoder import DIMENSIONS, VoiceEncoder
from services.asr.engine import SAMPLE_RATE

FRAME_S = HOP / SAMPLE_RATE

LONG_FRAMES = 160
"""1.6 s, as the encoder was trained on."""
SHORT_FRAMES = 80

_STEP_FRAMES = 40
_LEVEL = 10 ** (-24 / 20)
"""Root mean square that speech is brought to, for the encoder hears power and not its logarithm. It was trained on speech of at least -30 dBFS;
of -22 to -30 this tells voices apart best."""
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


def mels_of(stretch: Stretch) -> np.ndarray:
    """(frames, `BANDS`) float32 of a stretch, at the encoder's level; no frames where there is no sound."""
    level = float(np.sqrt(np.mean(stretch.audio**2))) if len(stretch.audio) else 0.0
    return mel_spectrogram(stretch.audio * (_LEVEL / level)) if level > _SILENT else np.zeros((0, BANDS), np.float32)


def windows_of(mels: np.ndarray, start_s: float, frames: int, encoder: VoiceEncoder) -> Windows:
    """The windows of a stretch that begins at `start_s`; of one shorter than a window, the whole."""
    if len(mels) < _SHORTEST_FRAMES:
        return joined([])
    length = min(len(mels), frames)
    count = 1 + -(-(len(mels) - length) // _STEP_FRAMES)
    firsts = np.linspace(0, len(mels) - length, count).round().astype(int)
    embeddings = encoder.embed(np.stack([mels[at : at + length] for at in firsts]))
    starts_s = (start_s + firsts * FRAME_S).astype(np.float32)
    share_s = np.full(count, len(mels) * FRAME_S / count, np.float32)
    return Windows(starts_s, (starts_s + length * FRAME_S).astype(np.float32), share_s, embeddings)


def joined(parts: list[Windows]) -> Windows:
    """All windows of several stretches."""
    nothing = np.zeros(0, np.float32)
    return Windows(
        np.concatenate([nothing, *(part.start_s for part in parts)]),
        np.concatenate([nothing, *(part.end_s for part in parts)]),
        np.concatenate([nothing, *(part.share_s for part in parts)]),
        np.concatenate([np.zeros((0, DIMENSIONS), np.float32), *(part.embeddings for part in parts)]),
    )
