"""Piper's voices on this machine: those in the operator's folder, and one that the model store brings."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from locutor.errors import InvalidInput
from services.engine import ModelInfo
from services.tts.engine import Gender, Voice
from services.tts.engines.piper.config import read_config
from services.tts.model_card import license_of
from services.weights import ModelStore
from services.weights.archive import lasting_sha256_of

ENGINE_NAME = "piper"
FOLDER_VARIABLE = "LOCUTOR_PIPER_VOICES"
"""Environment variable: a folder of voices, each a model (.onnx) beside its configuration (.onnx.json), at any depth."""

_VERSION = "1"
_WEIGHTS = "piper-en-us-joe"
_BUNDLED = "en_US-joe-medium"
_QUALITIES = ("high", "medium", "low", "x_low")
"""From the best."""
_TWICE = "{} is there twice, in two folders; give each voice a name of its own"


@dataclass(frozen=True)
class VoiceModel:
    """A model, with a voice for each of its speakers; without any where it cannot be used, and its info tells why."""

    info: ModelInfo
    speakers: Mapping[str, tuple[Voice, int]]
    """By the voice's id: the voice, and the speaker's number in the model."""
    quality: str
    path: Path | None
    """The `.onnx`; None: the model store has it."""

    def file(self, store: ModelStore) -> Path:
        """The `.onnx`, with its configuration beside it. Raises `MissingWeights` where it cannot be fetched."""
        return self.path or store.ensure(_WEIGHTS) / f"{_BUNDLED}.onnx"


def models_of(store: ModelStore) -> list[VoiceModel]:
    """All that are here or can be fetched, usable or not."""
    named = os.environ.get(FOLDER_VARIABLE, "")
    found: list[VoiceModel] = []
    if named and not (folder := Path(named).expanduser()).is_dir():
        found.append(_unusable("", f"{FOLDER_VARIABLE} names {folder.name!r}, which is no folder; set it to one that holds voices"))
    elif named:
        taken: dict[str, Path] = {}
        for path in sorted(folder.rglob("*.onnx")):
            other = taken.setdefault(path.stem, path)
            found.append(_brought(path) if other == path else _unusable(path.stem, _TWICE.format(path.name)))
    names = {model.info.name for model in found}
    return found if _BUNDLED in names else [*found, _bundled(store)]


def voices_of(models: Sequence[VoiceModel]) -> list[Voice]:
    """The default of a locale is of the best quality, one that is there before one that is to be fetched."""

    def rank(model: VoiceModel) -> tuple[bool, int]:
        return model.path is None, _QUALITIES.index(model.quality) if model.quality in _QUALITIES else len(_QUALITIES)

    defaults: dict[str, str] = {}
    for model in sorted(models, key=rank):
        for voice, _ in model.speakers.values():
            defaults.setdefault(voice.locale, voice.id)
    return [replace(voice, is_default=defaults[voice.locale] == voice.id) for model in models for voice, _ in model.speakers.values()]


def _bundled(store: ModelStore) -> VoiceModel:
    artifact, installed = store.artifact(_WEIGHTS), store.installed(_WEIGHTS)
    weights = {file.name: file.sha256 for file in artifact.files}
    info = ModelInfo(
        ENGINE_NAME,
        _VERSION,
        _BUNDLED,
        weights,
        artifact.license,
        artifact.commercial_use,
        ("en-US",),
        installed,
        "" if installed else f"locutor models fetch {_WEIGHTS}",
    )
    voice = _voice(_BUNDLED, "en-US", "Joe", info, Gender.MALE)
    return VoiceModel(info, {voice.id: (voice, 0)}, "medium", None)


def _brought(path: Path) -> VoiceModel:
    config_path = path.with_name(f"{path.name}.json")
    try:
        config = read_config(config_path)
    except InvalidInput as error:
        return _unusable(path.stem, error.violations[0].message)
    try:
        license_ = license_of(path)
        weights = {file.name: lasting_sha256_of(file) for file in (path, config_path)}
    except OSError as error:
        return _unusable(path.stem, f"{path.name} cannot be read ({error.strerror}); bring it again")
    info = ModelInfo(ENGINE_NAME, _VERSION, path.stem, weights, license_.spdx, license_.commercial_use, (config.locale,))
    if not config.speakers:
        only = _voice(path.stem, config.locale, _title(path.stem), info)
        return VoiceModel(info, {only.id: (only, 0)}, config.quality, path)
    voices = {name: _voice(f"{path.stem}:{name}", config.locale, f"{_title(path.stem)} {name}", info) for name in config.speakers}
    return VoiceModel(info, {voice.id: (voice, config.speakers[name]) for name, voice in voices.items()}, config.quality, path)


def _voice(name: str, locale: str, title: str, info: ModelInfo, gender: Gender = Gender.NEUTRAL) -> Voice:
    return Voice(f"{ENGINE_NAME}:{name}", locale, gender, ENGINE_NAME, title, license=info.license, commercial_use=info.commercial_use, model=info.name)


def _title(stem: str) -> str:
    """The person's part of a name such as "de_DE-thorsten-medium"."""
    parts = stem.split("-")
    return parts[1].replace("_", " ").title() if len(parts) > 2 else stem


def _unusable(name: str, problem: str) -> VoiceModel:
    return VoiceModel(ModelInfo(ENGINE_NAME, _VERSION, name, commercial_use=False, installed=False, remedy=problem), {}, "", None)
