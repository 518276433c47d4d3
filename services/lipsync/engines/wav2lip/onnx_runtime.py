"""The network in ONNX Runtime: exports of any size and of any maker, told apart by the shapes of what they take."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import onnxruntime as ort

from locutor.errors import LocutorError, MissingWeights
from services.devices import onnx_session
from services.lipsync.engines.wav2lip.layout import COLORS, FACE_CHANNELS, MEL_BANDS, MEL_COLUMNS
from services.lipsync.engines.wav2lip.runtime import CPU_BATCH, CUDA_BATCH
from services.lipsync.engines.wav2lip.settings import CHECKPOINT_VARIABLE, ENGINE_NAME, Load

_CUDA = "CUDAExecutionProvider"
_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
_SIDES = (32, 1024)

log = logging.getLogger(__name__)


class OnnxNetwork:
    """A `Runtime`."""

    def __init__(self, path: Path, load: Load) -> None:
        """Raises `MissingWeights` for a file that is no Wav2Lip network, and as `torch_device` for a device that cannot be had."""
        self._session = _session(path, load.threads)
        on_cuda = self._session.get_providers()[0] == _CUDA
        self._mel, self._face = _inputs(self._session, path)
        self.side = int(self._face.shape[2])
        fixed = [int(value.shape[0]) for value in (self._mel, self._face) if isinstance(value.shape[0], int)]
        self._fixed = fixed[0] if fixed else 0
        self.batch = load.batch or (CUDA_BATCH if on_cuda else CPU_BATCH)
        self._try(path)
        log.info("wav2lip draws faces of %d pixels, %d at a time", self.side, self._fixed or self.batch)

    def speak(self, mel: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """See `Runtime.speak`."""
        if not self._fixed:
            return self._run(mel, faces)
        parts = []
        for begin in range(0, len(mel), self._fixed):
            heard, seen = mel[begin : begin + self._fixed], faces[begin : begin + self._fixed]
            missing = self._fixed - len(heard)
            filled = (np.concatenate([values, np.repeat(values[-1:], missing, axis=0)]) for values in (heard, seen))
            parts.append(self._run(*filled)[: len(heard)])
        return np.concatenate(parts)

    def _run(self, mel: np.ndarray, faces: np.ndarray) -> np.ndarray:
        given = {self._mel.name: mel[:, None].astype(_TYPES[self._mel.type]), self._face.name: faces.astype(_TYPES[self._face.type])}
        return np.asarray(self._session.run(None, given)[0], np.float32)

    def _try(self, path: Path) -> None:
        """One run, so that what does not work is told now, and the first frame is not the slowest."""
        count = self._fixed or 1
        try:
            found = self._run(np.zeros((count, MEL_BANDS, MEL_COLUMNS), np.float32), np.zeros((count, FACE_CHANNELS, self.side, self.side), np.float32))
        except Exception as error:  # ONNX Runtime's own errors have no base class of theirs
            raise _refused(path, f"cannot be run: {str(error)[:200]}") from error
        if found.shape != (count, COLORS, self.side, self.side):
            raise _refused(path, f"gives {found.shape} for faces of {self.side} pixels, not {(count, COLORS, self.side, self.side)}")


def _session(path: Path, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnx_session(str(path), options, ENGINE_NAME)
    except LocutorError:
        raise
    except Exception as error:  # ONNX Runtime's own errors have no base class of theirs
        raise _refused(path, f"cannot be loaded as an ONNX model: {str(error)[:200]}") from error


def _inputs(session: ort.InferenceSession, path: Path) -> tuple[ort.NodeArg, ort.NodeArg]:
    """The input for the sound and that for the face, whatever their names and order."""
    inputs = session.get_inputs()
    mels = [value for value in inputs if list(value.shape[1:]) == [1, MEL_BANDS, MEL_COLUMNS] and value.type in _TYPES]
    faces = [value for value in inputs if len(value.shape) == 4 and value.shape[1] == FACE_CHANNELS and value.type in _TYPES]
    if len(inputs) != 2 or len(mels) != 1 or len(faces) != 1:
        found = ", ".join(f"{value.name} {value.shape} {value.type}" for value in inputs)
        raise _refused(path, f"takes {found}; a Wav2Lip network takes (n, 1, {MEL_BANDS}, {MEL_COLUMNS}) and (n, {FACE_CHANNELS}, side, side) in floats")
    high, wide = faces[0].shape[2:]
    if not isinstance(high, int) or high != wide or not _SIDES[0] <= high <= _SIDES[1] or high % 2:
        raise _refused(path, f"takes faces of {high} by {wide} pixels; export it for squares of one even side from {_SIDES[0]} to {_SIDES[1]}, such as 96")
    return mels[0], faces[0]


def _refused(path: Path, what: str) -> MissingWeights:
    return MissingWeights(f"{CHECKPOINT_VARIABLE}: {path.name} {what}")
