"""The network in PyTorch, on a processor, or in half precision on CUDA."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
import torch

from services.devices import torch_device
from services.lipsync.engines.wav2lip.layout import SIDE
from services.lipsync.engines.wav2lip.network import Wav2LipNetwork
from services.lipsync.engines.wav2lip.runtime import CPU_BATCH, CUDA_BATCH
from services.lipsync.engines.wav2lip.settings import ENGINE_NAME, Load

log = logging.getLogger(__name__)


class TorchNetwork:
    """A `Runtime`."""

    side = SIDE

    def __init__(self, weights: Mapping[str, np.ndarray], width: int, load: Load) -> None:
        """Raises as `torch_device`. The threads are those of all that PyTorch does in this process."""
        device = torch_device(ENGINE_NAME)
        if not device.on_cuda:
            torch.set_num_threads(load.threads)
        self._device = torch.device(str(device))
        self._precision = torch.float16 if device.on_cuda else torch.float32
        self.batch = load.batch or (CUDA_BATCH if device.on_cuda else CPU_BATCH)
        network = Wav2LipNetwork(width)
        network.load_state_dict({name: torch.from_numpy(values) for name, values in weights.items()}, strict=True)
        self._network = network.eval().requires_grad_(False).to(self._device, self._precision)
        log.info("wav2lip computes with %s, %d faces at a time", str(self._precision).removeprefix("torch."), self.batch)

    def speak(self, mel: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """See `Runtime.speak`."""
        with torch.inference_mode():
            heard, seen = (torch.from_numpy(values).to(self._device, self._precision) for values in (mel[:, None], faces))
            return np.asarray(self._network(heard, seen).float().cpu().numpy())
