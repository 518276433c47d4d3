"""OpenAI's Whisper on PyTorch: any of its sizes, or a checkpoint of one's own. Nothing is ever fetched by the package itself."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import torch
import whisper
from whisper.tokenizer import LANGUAGES

from locutor.errors import LocutorError, MissingWeights, NotFound
from services.asr.engine import RecognitionOptions
from services.asr.engines.own_weights import FOLDER_VARIABLE, stated_license, whisper_folder
from services.asr.engines.torch_whisper import TorchWhisper
from services.asr.engines.whisper_languages import bcp47
from services.asr.engines.whisper_stream import WhisperStream
from services.devices import Device, compute_type, torch_device
from services.engine import ModelInfo
from services.weights import Artifact, ModelStore
from services.weights.archive import lasting_sha256_of

CHECKPOINT_VARIABLE = "LOCUTOR_WHISPER_CHECKPOINT"
"""Environment variable: what to run: one of OpenAI's sizes ("small") or another .pt file in LOCUTOR_WHISPER_MODELS, an artifact of the store that holds one,
or a path."""
DEFAULT_CHECKPOINT = "base"

_NAME = "openai-whisper"
_VERSION = "1"
_SUFFIX = ".pt"
_LICENSE = "MIT"
"""Of OpenAI's own weights."""


class OpenAiWhisperEngine:
    """Weights are a checkpoint as OpenAI's package saves them: the network's dimensions and its state."""

    def __init__(self, store: ModelStore, threads: int = 0) -> None:
        """`threads` of one call, 0: as many as the machine has. Raises `MissingWeights` where the checkpoint is not there, or is none."""
        path = _find(store)
        if (artifact := _artifact(store, path)) is not None:
            store.ensure(artifact.name)
        described = _describe(store, path)
        if not path.is_file():
            raise MissingWeights(f"the checkpoint {path.name} is not there: {described.remedy}")
        device = torch_device(_NAME)
        half_precision = _half_precision(device)
        if not device.on_cuda:
            torch.set_num_threads(threads or os.cpu_count() or 1)
        model = _load(path, device)
        self._model = TorchWhisper(model, half_precision)
        self.info = replace(described, engine_version=_version(half_precision), locales=_locales(self._model.languages))

    @classmethod
    def describe(cls, store: ModelStore) -> Sequence[ModelInfo]:
        """The checkpoint that is set first, then all others that could be; nothing is loaded or fetched."""
        path = _find(store)
        folder = whisper_folder(store)
        names = dict.fromkeys([PurePosixPath(url).stem for url in whisper._MODELS.values()] + [file.stem for file in sorted(folder.glob(f"*{_SUFFIX}"))])
        others = [_describe(store, folder / f"{name}{_SUFFIX}", hashed=False) for name in names if folder / f"{name}{_SUFFIX}" != path]
        return [_describe_chosen(store, path), *others]

    def open(self, options: RecognitionOptions) -> WhisperStream:
        """Begin a stream. Raises `InvalidInput` (field "locale") for a language that the weights do not know."""
        return WhisperStream(self._model, options)


def _find(store: ModelStore) -> Path:
    """Where the checkpoint that is set lies, or would lie."""
    name = os.environ.get(CHECKPOINT_VARIABLE) or DEFAULT_CHECKPOINT
    if name.endswith(_SUFFIX) and Path(name).expanduser().is_file():
        return Path(name).expanduser()
    try:
        artifact = store.artifact(name)
    except NotFound:
        # "turbo" and "large" are other names of files.
        stem = PurePosixPath(whisper._MODELS[name]).stem if name in whisper._MODELS else name.removesuffix(_SUFFIX)
        return whisper_folder(store) / f"{stem}{_SUFFIX}"
    return store.root / artifact.name / artifact.files[0].name


def _artifact(store: ModelStore, path: Path) -> Artifact | None:
    """The one that a checkpoint is of, if it is of one."""
    return next((state.artifact for state in store.list() if path.parent == state.path), None)


def _describe_chosen(store: ModelStore, path: Path) -> ModelInfo:
    """The checkpoint that is set; where it cannot be run as it is set, what is wrong with that."""
    found = _describe(store, path)
    try:
        return replace(found, engine_version=_version(_half_precision(torch_device(_NAME))))
    except LocutorError as error:
        return replace(found, weights={}, installed=False, remedy=error.message)


def _describe(store: ModelStore, path: Path, hashed: bool = True) -> ModelInfo:
    """`hashed`: tell the file's digest, which takes seconds for large ones. Without it, a file that is there is not taken for OpenAI's by its name."""
    published = _published_digest(path.stem)
    there = path.is_file()
    found = lasting_sha256_of(path) if there and hashed else ""
    weights: Mapping[str, str] = {path.name: found} if found else {}
    license_, commercial_use = stated_license()
    if (artifact := _artifact(store, path)) is not None:
        license_, commercial_use, weights = artifact.license, artifact.commercial_use, artifact.weights
    elif published and (found == published or not there):
        license_, commercial_use = _LICENSE, True
    known = ["en"] if path.stem.endswith(".en") else list(LANGUAGES)
    return ModelInfo(
        engine=_NAME,
        engine_version=_VERSION,
        name=path.stem,
        weights=weights,
        license=license_,
        commercial_use=commercial_use,
        locales=_locales(known),
        installed=there,
        remedy="" if there else _remedy(store, path),
    )


def _remedy(store: ModelStore, path: Path) -> str:
    if (artifact := _artifact(store, path)) is not None:
        return f"fetch the weights: locutor models fetch {artifact.name}"
    url = next((url for url in whisper._MODELS.values() if PurePosixPath(url).stem == path.stem), "")
    if url and path.parent == whisper_folder(store):
        return f"fetch {url} (sha256 {_published_digest(path.stem)}) into the model store's folder 'whisper', or into that of {FOLDER_VARIABLE}"
    return f"set {CHECKPOINT_VARIABLE} to a checkpoint ({_SUFFIX}) that is there, or to one of {', '.join(sorted(whisper._MODELS))}"


def _published_digest(stem: str) -> str:
    """sha256 of OpenAI's own file of that name, which is part of its address; empty where there is none."""
    return next((PurePosixPath(url).parent.name for url in whisper._MODELS.values() if PurePosixPath(url).stem == stem), "")


def _load(path: Path, device: Device) -> whisper.Whisper:
    """Raises `MissingWeights` for a file that is no such checkpoint."""
    try:
        model = whisper.load_model(str(path), device=str(device))
    except (pickle.UnpicklingError, EOFError, OSError, KeyError, TypeError, RuntimeError) as error:
        text = f"{path.name} cannot be loaded as a checkpoint of OpenAI's Whisper ({type(error).__name__}: {str(error)[:200]})"
        raise MissingWeights(f"{text}; it must hold `dims` and `model_state_dict`, as that package saves them") from error
    heads = whisper._ALIGNMENT_HEADS.get(path.stem)
    if heads is not None and lasting_sha256_of(path) == _published_digest(path.stem):
        # Without them words are aligned by all heads of the upper half, which is less exact.
        model.set_alignment_heads(heads)
    return model.eval()


def _half_precision(device: Device) -> bool:
    """Raises `InvalidInput` for numbers that PyTorch's Whisper does not compute with on the device."""
    return compute_type(device, "PyTorch", ("float16", "float32") if device.on_cuda else ("float32",)) == "float16"


def _version(half_precision: bool) -> str:
    """Other numbers may give another text."""
    return f"{_VERSION} (float16)" if half_precision else _VERSION


def _locales(languages: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(bcp47(language) for language in languages))
