"""Kokoro's ONNX graph: audio with the durations it was made from, and a small graph that predicts durations alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort

from services.devices import onnx_session
from services.tts.engines.kokoro.catalog import WEIGHTS
from services.tts.engines.kokoro.symbols import token_ids
from services.weights import ModelStore

_MODEL_FILE = "kokoro-v1.0.int8.onnx"

SAMPLE_RATE = 24_000
FRAME_SAMPLES = 600
"""The decoder makes 600 samples (25 ms) of every frame of predicted duration."""

_FRAMES_OUTPUT = "/encoder/Clip_output_0"
"""Frames of each token, after division by the speed, rounding, and clipping to at least 1: (1, tokens) float."""
_RAW_FRAMES_OUTPUT = "/encoder/predictor/ReduceSum_output_0"
"""Frames of each token at speed 1, before rounding: (1, tokens) float."""


def _expose_frames(folder: Path, target: Path) -> None:
    import onnx

    model = onnx.load(folder / _MODEL_FILE)
    model.graph.output.append(onnx.ValueInfoProto(name=_FRAMES_OUTPUT))
    onnx.save(model, target)


def _cut_durations(folder: Path, target: Path) -> None:
    import onnx
    from onnx.utils import Extractor

    onnx.save(Extractor(onnx.load(folder / _MODEL_FILE)).extract_model(["tokens", "style"], [_RAW_FRAMES_OUTPUT]), target)


class KokoroGraph:
    """The model in ONNX Runtime. Its methods may be called from several threads."""

    def __init__(self, store: ModelStore, threads: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        # Spinning threads take the cores from the other services of a small machine.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._speech = onnx_session(str(store.derived(WEIGHTS, "speech-1.onnx", _expose_frames)), options, "kokoro")
        self._durations = onnx_session(str(store.derived(WEIGHTS, "durations-1.onnx", _cut_durations)), options, "kokoro")

    def speak(self, symbols: str, style: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray]:
        """Audio (samples,) float32 at 24 kHz, and the frames of pad, each symbol, pad: (len(symbols) + 2,) int; they sum to samples / 600."""
        inputs = {"tokens": token_ids(symbols), "style": style, "speed": np.array([rate], np.float32)}
        audio, frames = self._speech.run(["audio", _FRAMES_OUTPUT], inputs)
        return audio.ravel(), frames.ravel().astype(np.int64)

    def raw_frames(self, symbols: str, style: np.ndarray) -> np.ndarray:
        """Predicted frames of pad, each symbol, pad at rate 1, unrounded: (len(symbols) + 2,) float32. About 2 % of the cost of `speak`."""
        return self._durations.run([_RAW_FRAMES_OUTPUT], {"tokens": token_ids(symbols), "style": style})[0].ravel()


def frames_at(raw_frames: np.ndarray, rate: float) -> np.ndarray:
    """The frames that `speak` will use at a rate, from `raw_frames`: the graph's own Div, Round and Clip."""
    return np.maximum(np.rint(raw_frames / np.float32(rate)), 1).astype(np.int64)
