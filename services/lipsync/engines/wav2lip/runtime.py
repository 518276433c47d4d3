"""What runs the network: ONNX Runtime for an ONNX file, PyTorch for a checkpoint of its own."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from services.lipsync.engines.wav2lip.settings import Checkpoint, Load

CPU_BATCH, CUDA_BATCH = 8, 32
"""Faces at a time, where no setting says: on a processor more at once are no faster, and frames wait for each other."""


class Runtime(Protocol):
    """The network, ready. May be called from several threads."""

    side: int
    """Pixels of the square faces that it takes and gives."""
    batch: int
    """Faces that go through it together."""

    def speak(self, mel: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """`mel` (n, 80, 16) float32 and `faces` (n, 6, side, side) float32, see `network`, to (n, 3, side, side) float32 from 0 to 1."""
        ...


def load_runtime(checkpoint: Checkpoint, load: Load) -> Runtime:
    """Raises `MissingExtra` for a PyTorch file without PyTorch, `MissingWeights` for a file that is no Wav2Lip network, and as `torch_device` for a device
    that cannot be had."""
    if checkpoint.is_onnx:
        from services.lipsync.engines.wav2lip.onnx_runtime import OnnxNetwork

        return OnnxNetwork(checkpoint.path, load)
    from services.lipsync.engines.wav2lip.checkpoint import read_checkpoint

    weights, width = read_checkpoint(checkpoint.path)
    from services.lipsync.engines.wav2lip.torch_runtime import TorchNetwork

    return TorchNetwork(weights, width, load)
