"""A Piper voice in ONNX Runtime: durations first, then the sound of just these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort

from services.devices import onnx_session
from services.tts.engines.piper.catalog import ENGINE_NAME
from services.tts.engines.piper.halves import DURATION_CHANNELS, NOISE, halve

_SEED = 20
"""The same noise for every request, so that equal requests give equal sound."""


@dataclass(frozen=True)
class Encoded:
    """An input, as far as it is known before it is spoken."""

    raw_frames: np.ndarray
    """(ids,) float32: predicted frames of each id at length scale 1, before they are rounded up."""
    features: dict[str, np.ndarray]
    """What speaking needs of it."""


class PiperGraph:
    """Its methods may be called from several threads."""

    def __init__(self, path: Path, threads: int, noise_scale: float, noise_width: float) -> None:
        """Raises `InvalidInput` (field "voice") where the file is no voice of Piper's."""
        halves = halve(path)
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        # Spinning threads take the cores from the other services of a small machine.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._durations, self._speech = (onnx_session(model.SerializeToString(), options, ENGINE_NAME) for model in (halves.durations, halves.speech))
        self._frames, self._shared, self._channels = halves.frames, halves.shared, halves.channels
        self._scales = np.array([noise_scale, 1.0, noise_width], np.float32)

    def encode(self, ids: Sequence[int], speaker: int = 0) -> Encoded:
        """About a tenth of the cost of speaking."""
        given: dict[str, np.ndarray] = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": self._scales,
            "sid": np.array([speaker], np.int64),
        }
        raw, *shared = _run(self._durations, {**given, NOISE: _noise(DURATION_CHANNELS, len(ids))})
        return Encoded(raw.ravel(), {**given, **dict(zip(self._shared, shared, strict=True))})

    def speak(self, encoded: Encoded, frames: np.ndarray) -> np.ndarray:
        """Audio (samples,) float32 in which each id lasts `frames` (ids,) int. Every frame has the same number of samples."""
        noise = _noise(self._channels, int(frames.sum()))
        (audio,) = _run(self._speech, {**encoded.features, self._frames: frames[None, None].astype(np.float32), NOISE: noise})
        return audio.ravel()


def _noise(channels: int, length: int) -> np.ndarray:
    return np.random.default_rng(_SEED).standard_normal((1, channels, length), np.float32)


def _run(session: ort.InferenceSession, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    return session.run(None, {node.name: inputs[node.name] for node in session.get_inputs()})
