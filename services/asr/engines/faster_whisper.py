"""Whisper on CTranslate2, of any size, in int8 on a CPU and in half precision on a GPU: 99 languages."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import ctranslate2
from faster_whisper.tokenizer import _LANGUAGE_CODES

from locutor.errors import LocutorError, MissingWeights, NotFound
from services.asr.engine import RecognitionOptions
from services.asr.engines.ctranslate2_whisper import CTranslate2Whisper
from services.asr.engines.own_weights import FOLDER_VARIABLE, stated_license, whisper_folder
from services.asr.engines.whisper_languages import bcp47
from services.asr.engines.whisper_stream import WhisperStream
from services.devices import Device, compute_type, ctranslate2_device
from services.engine import ModelInfo
from services.weights import Artifact, ModelStore
from services.weights.archive import lasting_sha256_of

WEIGHTS_VARIABLE = "LOCUTOR_ASR_WEIGHTS"
"""Environment variable: what to run in place of the default: an artifact of the model store, a folder in LOCUTOR_WHISPER_MODELS, or a path to one."""
DEFAULT_WEIGHTS = "whisper-base"

_NAME = "faster-whisper"
_VERSION = "2"
_FILES = ("model.bin", "config.json", "tokenizer.json")
_VOCABULARIES = ("vocabulary.json", "vocabulary.txt")
"""What a folder of CTranslate2's Whisper holds; with the first three and one of these, nothing is asked of the network."""


@dataclass(frozen=True)
class _Weights:
    """Weights and what of them is there."""

    info: ModelInfo
    folder: Path | None
    """None: an artifact, which the store has or brings."""


class FasterWhisperEngine:
    """Weights are an artifact of the store that holds a CTranslate2 folder (`whisper-base`, `whisper-tiny-en`), or such a folder of the operator's."""

    def __init__(self, store: ModelStore, threads: int = 0, weights: str = "") -> None:
        """`threads` of one call, 0: as many as the machine has; `weights` default to LOCUTOR_ASR_WEIGHTS, else `whisper-base`."""
        found = _find(store, weights or _chosen_weights())
        if found.folder is not None and not found.info.installed:
            raise MissingWeights(f"{found.info.name}: {found.info.remedy}")
        folder = found.folder or store.ensure(found.info.name)
        device = ctranslate2_device(_NAME)
        numbers = _compute_type(device)
        self.info = replace(found.info, engine_version=_version(numbers), installed=True, remedy="")
        self._model = CTranslate2Whisper(
            str(folder), device=device.kind, device_index=device.index, compute_type=numbers, cpu_threads=threads or os.cpu_count() or 1, local_files_only=True
        )

    @classmethod
    def describe(cls, store: ModelStore) -> Sequence[ModelInfo]:
        """The weights that are set first, then all others that could be; nothing is loaded or fetched."""
        chosen = _describe_chosen(store)
        artifacts = [_of_artifact(store, state.artifact) for state in store.list() if _is_whisper(state.artifact)]
        own = [_of_folder(folder, hashed=False) for folder in sorted(whisper_folder(store).glob("*/")) if (folder / _FILES[0]).is_file()]
        return [chosen, *(info for info in (*artifacts, *own) if info.name != chosen.name)]

    def open(self, options: RecognitionOptions) -> WhisperStream:
        """Begin a stream. Raises `InvalidInput` (field "locale") for a language that the weights do not know."""
        return WhisperStream(self._model, options)


def _chosen_weights() -> str:
    return os.environ.get(WEIGHTS_VARIABLE) or DEFAULT_WEIGHTS


def _describe_chosen(store: ModelStore) -> ModelInfo:
    """What is set; where it cannot be had, or not be run as it is set, what is wrong with that."""
    name = _chosen_weights()
    try:
        return replace(_find(store, name).info, engine_version=_version(_compute_type(ctranslate2_device(_NAME))))
    except LocutorError as error:
        # Nothing of the weights is told, as if they were to be fetched: this is for the operator to mend.
        return ModelInfo(_NAME, _VERSION, Path(name).name, commercial_use=False, installed=False, remedy=error.message)


def _find(store: ModelStore, name: str) -> _Weights:
    """The weights of that name. Raises `NotFound` where there are none."""
    folder = next((path for path in (Path(name).expanduser(), whisper_folder(store) / name) if path.is_dir() and (path / _FILES[0]).is_file()), None)
    if folder is not None:
        return _Weights(_of_folder(folder), folder)
    try:
        return _Weights(_of_artifact(store, store.artifact(name)), None)
    except NotFound as error:
        raise NotFound(f"{error.message}; {WEIGHTS_VARIABLE} may also name a folder of CTranslate2's, by its path or in {FOLDER_VARIABLE}") from error


def _is_whisper(artifact: Artifact) -> bool:
    return artifact.weights.keys() >= set(_FILES)


def _of_artifact(store: ModelStore, artifact: Artifact) -> ModelInfo:
    installed = store.installed(artifact.name)
    return ModelInfo(
        engine=_NAME,
        engine_version=_VERSION,
        name=artifact.name,
        weights=artifact.weights,
        license=artifact.license,
        commercial_use=artifact.commercial_use,
        locales=_locales(artifact.name),
        installed=installed,
        remedy="" if installed else f"fetch the weights: locutor models fetch {artifact.name}",
    )


def _of_folder(folder: Path, hashed: bool = True) -> ModelInfo:
    """`hashed`: tell the digests of its files, which takes seconds for large ones."""
    files = [folder / name for name in _FILES] + [folder / name for name in _VOCABULARIES if (folder / name).is_file()]
    missing = [path.name for path in files if not path.is_file()] + ([" or ".join(_VOCABULARIES)] if len(files) == len(_FILES) else [])
    license_, commercial_use = stated_license()
    return ModelInfo(
        engine=_NAME,
        engine_version=_VERSION,
        name=folder.name,
        weights={path.name: lasting_sha256_of(path) for path in files} if hashed and not missing else {},
        license=license_,
        commercial_use=commercial_use,
        locales=_locales(folder.name),
        installed=not missing,
        remedy=f"its folder lacks {', '.join(missing)}: convert the model once more, with the tokenizer's files" if missing else "",
    )


def _locales(name: str) -> tuple[str, ...]:
    # OpenAI names the English-only models ".en".
    languages = ["en"] if name.endswith(("-en", ".en")) else list(_LANGUAGE_CODES)
    return tuple(sorted(bcp47(language) for language in languages))


def _compute_type(device: Device) -> str:
    """Raises `InvalidInput` for numbers that the device does not compute with."""
    return compute_type(device, "CTranslate2", ctranslate2.get_supported_compute_types(device.kind, device.index))


def _version(numbers: str) -> str:
    """Other numbers may give another text."""
    return _VERSION if numbers == "int8" else f"{_VERSION} ({numbers})"
