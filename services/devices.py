"""Where networks run: one setting for ONNX Runtime, CTranslate2 and PyTorch, and one line in the log for what came of it."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from locutor.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    import onnxruntime as ort

DEVICE_VARIABLE = "LOCUTOR_DEVICE"
"""Environment variable: "auto" (default: CUDA where the library at hand has it and a GPU is there), "cpu", "cuda" or "cuda:N"."""
COMPUTE_VARIABLE = "LOCUTOR_COMPUTE_TYPE"
"""Environment variable: the numbers that Whisper computes with: "auto" (default: int8 on a CPU, float16 on CUDA) or one of `COMPUTE_TYPES`."""

COMPUTE_TYPES = ("int8", "int8_float16", "float16", "float32")
_CUDA_PROVIDER = "CUDAExecutionProvider"
_CPU_PROVIDER = "CPUExecutionProvider"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Device:
    """Where one network runs."""

    kind: str
    """ "cpu" or "cuda"."""
    index: int = 0
    """Which GPU."""

    @property
    def on_cuda(self) -> bool:
        return self.kind == "cuda"

    def __str__(self) -> str:
        return f"cuda:{self.index}" if self.on_cuda else "cpu"


@dataclass(frozen=True)
class _Wanted:
    kind: str
    """ "auto", "cpu" or "cuda"."""
    index: int


def onnx_session(model: str | bytes, options: ort.SessionOptions, engine: str) -> ort.InferenceSession:
    """A session on the device that is set, for the engine of that name (as the log tells it). Raises as `torch_device`."""
    import onnxruntime as ort

    device = _choose(engine, "ONNX Runtime", _onnx_gpus, "install onnxruntime-gpu in place of onnxruntime: pip install 'locutor[cuda]'")
    if not device.on_cuda:
        return ort.InferenceSession(model, options, providers=[_CPU_PROVIDER])
    ort.preload_dlls()
    session = ort.InferenceSession(model, options, providers=[(_CUDA_PROVIDER, {"device_id": device.index}), _CPU_PROVIDER])
    # ONNX Runtime takes the CPU, and says so in a warning alone, where CUDA's own libraries are missing.
    if _CUDA_PROVIDER not in session.get_providers():
        _cuda_failed(engine, "ONNX Runtime could not load CUDA's libraries (cuBLAS, cuDNN); its log says which is missing")
    return session


def torch_device(engine: str) -> Device:
    """The device that PyTorch is to use for the engine of that name.

    Raises `InvalidInput` for a setting that cannot be, and `Unavailable`, naming what is missing, where CUDA is asked for and not there.
    """
    return _choose(engine, "PyTorch", _torch_gpus, "install a build of PyTorch for CUDA, and NVIDIA's driver")


def ctranslate2_device(engine: str) -> Device:
    """The device that CTranslate2 is to use for the engine of that name. Raises as `torch_device`."""
    return _choose(engine, "CTranslate2", _ctranslate2_gpus, "install NVIDIA's driver, and CUDA 12 with cuBLAS and cuDNN")


def compute_type(device: Device, library: str, known: Collection[str]) -> str:
    """What Whisper computes with on a device, of what a library knows there; by default what is fastest. Raises `InvalidInput` for a setting that cannot be."""
    found = os.environ.get(COMPUTE_VARIABLE) or "auto"
    able = [numbers for numbers in COMPUTE_TYPES if numbers in known]
    if found == "auto":
        return next(numbers for numbers in (("float16", "float32") if device.on_cuda else ("int8", "float32")) if numbers in able)
    if found not in able:
        message = f"found {found!r}, which {library} does not compute with on {device}; give auto, {', '.join(able)}"
        raise InvalidInput.of(COMPUTE_VARIABLE, message, "UNKNOWN_COMPUTE_TYPE")
    return found


def _choose(engine: str, library: str, gpus: Callable[[], int], remedy: str) -> Device:
    wanted = _wanted()
    count = 0 if wanted.kind == "cpu" else gpus()
    if wanted.kind == "cuda" and wanted.index >= count:
        found = f"finds {count} of them" if count else "finds no GPU that it can use"
        raise Unavailable(f"{DEVICE_VARIABLE} asks for cuda:{wanted.index} and {library} {found}; {remedy}, or set it to auto or cpu", reason="NO_CUDA")
    device = Device("cuda", wanted.index) if count else Device("cpu")
    _tell(engine, library, device)
    return device


@lru_cache
def _tell(engine: str, library: str, device: Device) -> None:
    """Once for each engine, however many networks it has."""
    log.info("%s runs on %s (%s, %s=%s)", engine, device, library, DEVICE_VARIABLE, os.environ.get(DEVICE_VARIABLE) or "auto")


def _cuda_failed(engine: str, why: str) -> None:
    if _wanted().kind == "cuda":
        raise Unavailable(f"{DEVICE_VARIABLE} asks for CUDA, and {why}; install what is missing, or set it to auto or cpu", reason="NO_CUDA")
    log.warning("%s runs on cpu after all: %s", engine, why)


def _wanted() -> _Wanted:
    text = (os.environ.get(DEVICE_VARIABLE) or "auto").strip().lower()
    match = re.fullmatch(r"(auto|cpu|cuda)(?::(\d+))?", text)
    if match is None or (match[2] and match[1] != "cuda"):
        raise InvalidInput.of(DEVICE_VARIABLE, f"found {text!r}; give auto, cpu, cuda or cuda:N", "UNKNOWN_DEVICE")
    return _Wanted(match[1], int(match[2] or 0))


def _onnx_gpus() -> int:
    """ONNX Runtime tells whether it was built for CUDA; the driver, how many GPUs there are."""
    import ctypes

    import onnxruntime as ort

    if _CUDA_PROVIDER not in ort.get_available_providers():
        return 0
    try:
        driver: Any = ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    return count.value if driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 else 0


def _torch_gpus() -> int:
    import torch

    return int(torch.cuda.device_count()) if torch.cuda.is_available() else 0


def _ctranslate2_gpus() -> int:
    import ctranslate2

    return int(ctranslate2.get_cuda_device_count())
