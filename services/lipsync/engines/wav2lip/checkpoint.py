"""Checkpoints of the published layout: read without running any code that may be in them, and checked tensor by tensor."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from locutor.errors import MissingExtra, MissingWeights
from services.lipsync.engines.wav2lip.layout import WIDTH, layout
from services.lipsync.engines.wav2lip.settings import CHECKPOINT_VARIABLE

_PREFIX = "module."
"""Before every name, where the network was saved from inside PyTorch's wrapper for several GPUs."""
_FIRST = "face_encoder_blocks.0.0.conv_block.0.weight"
_NAMED = 3
"""Tensors that an error names of each kind."""


def read_checkpoint(path: Path) -> tuple[dict[str, np.ndarray], int]:
    """The tensors of a PyTorch file by their names, float32, and the channels of the first layer.

    The file holds them as they are, or below "state_dict", with or without "module." before their names. Raises `MissingExtra` without PyTorch,
    and `MissingWeights` for a file that is no such checkpoint.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise MissingExtra("wav2lip", "wav2lip", f"{path.name} is a PyTorch file; an ONNX file needs no extra") from error
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        why = str(error).split("\n")[0][:200]
        raise _refused(path, f"cannot be read as a checkpoint of tensors alone: {type(error).__name__}: {why}") from error
    if isinstance(found, Mapping) and isinstance(found.get("state_dict"), Mapping):
        found = found["state_dict"]
    if not isinstance(found, Mapping):
        raise _refused(path, f"holds a {type(found).__name__}, not tensors by their names")
    tensors = {str(name).removeprefix(_PREFIX): value for name, value in found.items() if isinstance(value, torch.Tensor)}
    width = check_shapes({name: tuple(value.shape) for name, value in tensors.items()}, path)
    return {name: value.detach().float().numpy() for name, value in tensors.items()}, width


def check_shapes(found: Mapping[str, tuple[int, ...]], path: Path) -> int:
    """The channels of the first layer. Raises `MissingWeights` where names and shapes are not exactly those of the layout."""
    first = found.get(_FIRST, ())
    width = first[0] if len(first) == 4 and first[0] > 0 else WIDTH
    expected = layout(width).shapes()
    missing, unexpected = [name for name in expected if name not in found], [name for name in found if name not in expected]
    other = [f"{name} {found[name]} instead of {shape}" for name, shape in expected.items() if name in found and found[name] != shape]
    parts = [_listed(names, kind) for names, kind in ((missing, "are missing"), (unexpected, "are unexpected"), (other, "have another shape")) if names]
    if parts:
        raise _refused(path, f"has {len(found)} tensors, and a checkpoint of Wav2Lip {len(expected)}: {'; '.join(parts)}")
    return width


def _listed(names: list[str], kind: str) -> str:
    more = ", ..." if len(names) > _NAMED else ""
    return f"{len(names)} {kind} ({', '.join(names[:_NAMED])}{more})"


def _refused(path: Path, what: str) -> MissingWeights:
    remedy = "Give a wav2lip.pth or wav2lip_gan.pth of the published layout (96 pixels), or an ONNX export of another one"
    return MissingWeights(f"{CHECKPOINT_VARIABLE}: {path.name} {what}. {remedy}")
