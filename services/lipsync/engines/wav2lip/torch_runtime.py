"""The network in PyTorch, on a processor, or in half precision on CUDA."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
import torch

from locutor.errors import Unavailable
from services.lipsync.engines.wav2lip.layout import SIDE
from services.lipsync.engines.wav2lip.network import Wav2LipNetwork
from services.lipsync.engines.wav2lip.runtime import CPU_BATCH, CUDA_BATCH
from services.lipsync.engines.wav2lip.settings import DEVICE_VARIABLE, Placement

log = logging.getLogger(__name__)


class TorchNetwork:
    """A `Runtime`."""

    side = SIDE

    def __init__(self, weights: Mapping[str, np.ndarray], width: int, placement: Placement) -> None:
        """Raises `Unavailable` where the device that is asked for is not there."""
        if placement.device == "cuda" and not torch.cuda.is_available():
            raise Unavailable(f"{DEVICE_VARIABLE} asks for CUDA, and PyTorch finds none; set it to auto or cpu", reason="NO_DEVICE")
        on_cuda = placement.device != "cpu" and torch.cuda.is_available()
        self._device = torch.device("cuda" if on_cuda else "cpu")
        self._precision = torch.float16 if on_cuda else torch.float32
        self.batch = placement.batch or (CUDA_BATCH if on_cuda else CPU_BATCH)
        network = Wav2LipNetwork(width)
        network.load_state_dict({name: torch.from_numpy(values) for name, values in weights.items()}, strict=True)
        self._network = network.eval().requires_grad_(False).to(self._device, self._precision)
        log.info("wav2lip runs in PyTorch on %s, %s, %d faces at a time", self._device.type, str(self._precision).removeprefix("torch."), self.batch)

    def speak(self, mel: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """See `Runtime.speak`."""
        with torch.inference_mode():
            heard, seen = (torch.from_numpy(values).to(self._device, self._precision) for values in (mel[:, None], faces))
            return np.asarray(self._network(heard, seen).float().cpu().numpy())
