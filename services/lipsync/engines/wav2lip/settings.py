"""What an operator says about the checkpoint that he brings, and about where it runs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from locutor.errors import InvalidInput
from services.weights import ModelStore
from services.weights.archive import lasting_sha256_of

ENGINE_NAME = "wav2lip"
CHECKPOINT_VARIABLE = "LOCUTOR_WAV2LIP"
"""Environment variable: the checkpoint, a PyTorch file (.pth, .pt) of the published layout, or an ONNX file (.onnx) of any size.

Without it, an artifact named `ARTIFACT` in the operator's own manifest (LOCUTOR_MODELS_MANIFEST) is used, where there is one.
"""
LICENSE_VARIABLE = "LOCUTOR_WAV2LIP_LICENSE"
COMMERCIAL_VARIABLE = "LOCUTOR_WAV2LIP_COMMERCIAL_USE"
"""The licence of the checkpoint that `CHECKPOINT_VARIABLE` names (SPDX), and "1" where that licence allows commercial use: for one of the operator's own
training. An artifact's stands in its manifest."""
BATCH_VARIABLE = "LOCUTOR_WAV2LIP_BATCH"
"""Faces that go through the network together; by default 8 on a processor and 32 on CUDA."""
ARTIFACT = "wav2lip"
PUBLIC_LICENSE = "LicenseRef-Wav2Lip-Research-Only"
"""Of the published checkpoints: their makers allow research and personal use, and no commercial one (they were trained on LRS2)."""
TORCH_SUFFIXES, ONNX_SUFFIX = (".pth", ".pt", ".ckpt"), ".onnx"

_MOST_BATCH = 256


@dataclass(frozen=True)
class Checkpoint:
    """A file that is there."""

    path: Path
    sha256: str
    license: str
    commercial_use: bool

    @property
    def is_onnx(self) -> bool:
        return self.path.suffix.lower() == ONNX_SUFFIX


@dataclass(frozen=True)
class Load:
    """How much of the device the network uses."""

    threads: int
    """Of a processor."""
    batch: int | None = None
    """Faces that go through it together. None: what suits the device."""

    @classmethod
    def read(cls, threads: int) -> Load:
        """Raises `InvalidInput` for a setting that cannot be."""
        batch = os.environ.get(BATCH_VARIABLE)
        if batch and not (batch.isdecimal() and 1 <= int(batch) <= _MOST_BATCH):
            raise InvalidInput.of(BATCH_VARIABLE, f"found {batch!r}; give a whole number from 1 to {_MOST_BATCH}")
        return cls(threads, int(batch) if batch else None)


def find_checkpoint(store: ModelStore) -> Checkpoint | str:
    """The checkpoint, or what to do to have one. Nothing is loaded or fetched."""
    named = os.environ.get(CHECKPOINT_VARIABLE)
    remedy = f"set {CHECKPOINT_VARIABLE} to a checkpoint of Wav2Lip (.pth, or .onnx); none is carried by the package registries"
    if named:
        stated, commercial = os.environ.get(LICENSE_VARIABLE), os.environ.get(COMMERCIAL_VARIABLE) == "1"
        if commercial and not stated:
            return f"{COMMERCIAL_VARIABLE} is set without {LICENSE_VARIABLE}; state the licence that allows commercial use, or set neither"
        path, license_ = Path(named).expanduser(), stated or PUBLIC_LICENSE
    elif any(state.artifact.name == ARTIFACT for state in store.list()):
        artifact = store.artifact(ARTIFACT)
        if not store.installed(ARTIFACT):
            return f"fetch the weights: locutor models fetch {ARTIFACT}"
        path, license_, commercial = store.root / ARTIFACT / artifact.files[0].name, artifact.license, artifact.commercial_use
    else:
        return remedy
    if path.suffix.lower() not in (*TORCH_SUFFIXES, ONNX_SUFFIX):
        return f"{path.name} ends in none of {', '.join((*TORCH_SUFFIXES, ONNX_SUFFIX))}; {remedy}"
    if not path.is_file():
        return f"{path.name} is not there; {remedy}"
    return Checkpoint(path, lasting_sha256_of(path), license_, commercial)
