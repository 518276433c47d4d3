"""MDX-Net models (Kim et al., KUIELab-MDX-Net, 2021) as ONNX files of the operator's: spectra of a chunk in, spectra of one stem out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort

from locutor.errors import InvalidInput, LocutorError, MissingWeights
from services.asr.separation.chunks import ChunkedStream
from services.asr.separation.spectrum import Spectrum
from services.devices import onnx_session
from services.engine import ModelInfo
from services.weights import ModelStore
from services.weights.archive import lasting_sha256_of

MODEL_VARIABLE = "LOCUTOR_SEPARATION_MODEL"
"""Environment variable: the ONNX file. Its input is (1, 4, bins, frames): left real, left imaginary, right real, right imaginary."""
STEM_VARIABLE = "LOCUTOR_SEPARATION_STEM"
"""What the model yields: "vocals" (default) or "instrumental"."""
N_FFT_VARIABLE = "LOCUTOR_SEPARATION_N_FFT"
HOP_VARIABLE = "LOCUTOR_SEPARATION_HOP"
"""Samples of a spectrum and between two: 6144 and 1024 by default, as most published models have them."""
GAIN_VARIABLE = "LOCUTOR_SEPARATION_GAIN"
"""What the model's output is multiplied by, 1 by default: its maker says how much too quiet it is."""
LICENSE_VARIABLE = "LOCUTOR_SEPARATION_LICENSE"
COMMERCIAL_VARIABLE = "LOCUTOR_SEPARATION_COMMERCIAL_USE"
"""The licence of the weights (SPDX), and "1" where it allows commercial use."""

_REMEDY = f"set {MODEL_VARIABLE} to an ONNX file of an MDX-Net model"
_STEMS = ("vocals", "instrumental")
_LONGEST_CHUNK = 60 * 44_100
"""Samples: published models take some 6 s at a time."""


@dataclass(frozen=True)
class _Setup:
    """The operator's settings."""

    path: Path | None
    stem: str
    n_fft: int
    hop: int
    gain: float

    @classmethod
    def read(cls) -> _Setup:
        """Raises `InvalidInput` for a setting that cannot be."""
        path = os.environ.get(MODEL_VARIABLE)
        stem = os.environ.get(STEM_VARIABLE) or _STEMS[0]
        if stem not in _STEMS:
            raise InvalidInput.of(STEM_VARIABLE, f"found {stem!r}; give one of {', '.join(_STEMS)}")
        n_fft, hop = int(_number(N_FFT_VARIABLE, 6144, 16, 65536)), int(_number(HOP_VARIABLE, 1024, 4, 65536))
        if n_fft % 2 or hop * 2 > n_fft:
            raise InvalidInput.of(HOP_VARIABLE, f"found {hop} for spectra of {n_fft} samples; give an even {N_FFT_VARIABLE}, and at most half of it")
        return cls(Path(path).expanduser() if path else None, stem, n_fft, hop, _number(GAIN_VARIABLE, 1.0, 0.1, 10.0))


class MdxEngine:
    """May be used from several threads; each stream by one."""

    sample_rate = 44_100

    def __init__(self, store: ModelStore, threads: int = 0) -> None:
        """Raises `MissingWeights` where no model is set, or the file is none, and `InvalidInput` for a setting that cannot be."""
        self.info = self.describe(store)
        if not self.info.installed:
            raise MissingWeights(f"no separation model is installed: {self.info.remedy}")
        self._setup = _Setup.read()
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session, self._bins, frames = _load(str(self._setup.path), options)
        chunk = self._setup.hop * (frames - 1)
        if self._bins > self._setup.n_fft // 2 + 1 or not 2 * self._setup.n_fft < chunk <= _LONGEST_CHUNK:
            raise MissingWeights(
                f"{self.info.name} works on {self._bins} bins of {frames} spectra, which does not fit {N_FFT_VARIABLE}={self._setup.n_fft} "
                f"and {HOP_VARIABLE}={self._setup.hop}; set them as the model was trained"
            )
        self._spectrum = Spectrum(self._setup.n_fft, self._setup.hop, frames)

    @classmethod
    def describe(cls, store: ModelStore) -> ModelInfo:
        setup = _Setup.read()
        installed = setup.path is not None and setup.path.is_file()
        remedy = "" if installed else _REMEDY if setup.path is None else f"{setup.path.name} is not there; {_REMEDY}"
        settings = f"stem={setup.stem},n_fft={setup.n_fft},hop={setup.hop},gain={setup.gain:g}"
        return ModelInfo(
            engine="mdx",
            engine_version=f"1 ({settings})",
            name=setup.path.stem if setup.path else "",
            weights={setup.path.name: lasting_sha256_of(setup.path)} if setup.path and installed else {},
            license=os.environ.get(LICENSE_VARIABLE, ""),
            commercial_use=os.environ.get(COMMERCIAL_VARIABLE) == "1",
            installed=installed,
            remedy=remedy,
        )

    def open(self) -> ChunkedStream:
        return ChunkedStream(self._voices, self._spectrum.samples, self._setup.n_fft // 2)

    def _voices(self, mix: np.ndarray) -> np.ndarray:
        """(2, samples) to (2, samples)."""
        spectra = self._spectrum.forward(mix)[:, : self._bins]
        parts = np.stack([spectra.real, spectra.imag], axis=1).reshape(1, 4, *spectra.shape[1:])
        found = self._session.run(None, {self._session.get_inputs()[0].name: parts})[0].reshape(2, 2, *spectra.shape[1:])
        stem = self._spectrum.backward(found[:, 0] + 1j * found[:, 1]) * np.float32(self._setup.gain)
        return stem if self._setup.stem == "vocals" else mix - stem


def _number(variable: str, default: float, least: float, most: float) -> float:
    text = os.environ.get(variable)
    try:
        value = float(text) if text else default
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise InvalidInput.of(variable, f"found {text!r}; give a number from {least:g} to {most:g}")
    return value


def _load(path: str, options: ort.SessionOptions) -> tuple[ort.InferenceSession, int, int]:
    """The model with its bins and frames. Raises `MissingWeights` for a file that is no such model."""
    try:
        session = onnx_session(path, options, "mdx")
    except LocutorError:
        raise
    except Exception as error:  # ONNX Runtime's own errors have no base class of theirs
        raise MissingWeights(f"{Path(path).name} cannot be loaded as an ONNX model ({str(error)[:200]}); {_REMEDY}") from error
    shapes = [tuple(value.shape) for value in (*session.get_inputs(), *session.get_outputs())]
    fixed = [shape[1:] for shape in shapes]
    if len(shapes) != 2 or fixed[0] != fixed[1] or len(fixed[0]) != 3 or fixed[0][0] != 4 or not all(isinstance(size, int) for size in fixed[0]):
        raise MissingWeights(f"{Path(path).name} takes and gives {shapes}, not (1, 4, bins, frames) both; {_REMEDY}")
    return session, fixed[0][1], fixed[0][2]
