"""Coqui's models on this machine: folders of the operator's, and what voices they have."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import langcodes

from services.engine import ModelInfo
from services.tts.engine import Gender, Voice
from services.tts.engines.coqui.references import FOLDER_VARIABLE as VOICES_VARIABLE
from services.tts.engines.coqui.references import Reference, references
from services.tts.engines.coqui.symbols import reads
from services.tts.model_card import license_of
from services.weights import ModelStore
from services.weights.archive import lasting_sha256_of

ENGINE_NAME = "coqui"
FOLDER_VARIABLE = "LOCUTOR_COQUI_MODELS"
"""Environment variable: a folder of models, each a folder with config.json and one checkpoint (.pth), as Coqui's downloads are; by default `coqui` in the
model store."""
XTTS_LICENSE = "LicenseRef-CPML"
"""Coqui Public Model License: no commercial use, of the model or of what it speaks."""

_VERSION = "1"
_CONFIG = "config.json"
_XTTS_FILES = ("model.pth", "vocab.json")
_NOT_MODELS = ("speakers", "dvae", "mel_stats", "d_vector", "language_ids", "disc")
"""Other .pth files that lie beside checkpoints."""
_LONGEST_REASON = 200
"""Characters of an error of somebody else's."""


@dataclass(frozen=True)
class Speaker:
    """How a model is asked for one of its voices."""

    language: str = ""
    """The model's own name of the language; empty where it has one."""
    name: str = ""
    """The model's own name of the speaker; empty where it has one."""
    reference: Reference | None = None
    """The recording whose voice is cloned."""


@dataclass(frozen=True)
class CoquiModel:
    """A model with its voices; without any where it cannot be used, and its info tells why."""

    info: ModelInfo
    kind: str
    """ "vits" or "xtts"."""
    folder: Path
    checkpoint: Path
    locale: str
    """BCP 47, of a model of one language; else empty."""
    voices: Mapping[str, tuple[Voice, Speaker]]
    """By the voice's id."""


def models_of(store: ModelStore) -> list[CoquiModel]:
    """All that are here, usable or not."""
    folder = Path(os.environ.get(FOLDER_VARIABLE) or store.root / "coqui").expanduser()
    return [_model(path.parent) for path in sorted(folder.glob(f"*/{_CONFIG}"))]


def voices_of(models: Sequence[CoquiModel]) -> list[Voice]:
    """The first of a locale is its default."""
    voices = [voice for model in models for voice, _ in model.voices.values()]
    defaults: dict[str, str] = {}
    for voice in voices:
        defaults.setdefault(voice.locale, voice.id)
    return [replace(voice, is_default=defaults[voice.locale] == voice.id) for voice in voices]


def no_models(store: ModelStore) -> ModelInfo:
    """What is told where there is none."""
    remedy = f"put a folder with a model of Coqui's ({_CONFIG}, model.pth) into the model store's folder 'coqui', or into that of {FOLDER_VARIABLE}"
    return ModelInfo(ENGINE_NAME, _VERSION, license="", commercial_use=False, installed=False, remedy=remedy)


def _model(folder: Path) -> CoquiModel:
    try:
        return _read(folder)
    except Exception as error:  # noqa: BLE001 (somebody else's files may be wrong in any way: one folder is not to end all speech)
        return _unusable(folder, f"its files are not those of a model of Coqui's ({type(error).__name__}: {brief(error)})")


def brief(error: Exception) -> str:
    """The first line of what an error says, without the operator's folders."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {Path(str(error.filename)).name}"
    return str(error).partition("\n")[0][:_LONGEST_REASON]


def _read(folder: Path) -> CoquiModel:
    """Raises whatever its files make their readers raise."""
    config = json.loads((folder / _CONFIG).read_text("utf-8"))
    if not isinstance(config, dict) or not isinstance(config.get("model_args"), dict):
        return _unusable(folder, f"its {_CONFIG} is no configuration of Coqui's: it has no model_args")
    kind, arguments = str(config.get("model")), config["model_args"]
    if kind == "xtts":
        return _xtts(folder, config)
    if kind != "vits":
        return _unusable(folder, f"it is a {kind!r} model; vits and xtts can be used")
    if arguments.get("use_d_vector_file"):
        return _unusable(folder, "its speakers are vectors of another network, which is not used here; speakers of its own can be")
    return _vits(folder, config)


def _vits(folder: Path, config: dict[str, Any]) -> CoquiModel:
    checkpoints = [path for path in sorted(folder.glob("*.pth")) if not path.stem.startswith(_NOT_MODELS)]
    if len(checkpoints) != 1:
        return _unusable(folder, f"it holds {len(checkpoints)} checkpoints ({', '.join(path.name for path in checkpoints) or 'none'}); leave one")
    languages = _names(folder / "language_ids.json") if config["model_args"].get("use_language_embedding") else [""]
    speakers = _speakers(folder, config) if config["model_args"].get("use_speaker_embedding") else [""]
    locales = {language: _locale(language or _language_of(folder, config)) for language in languages}
    if not locales or not speakers or not all(locales.values()):
        return _unusable(folder, "its language or its speakers are not told: name the folder as Coqui does (tts_models--de--thorsten--vits), with speakers.pth")
    unread = [spoken for spoken in locales.values() if not reads(spoken)]
    if len(unread) == len(locales):
        return _unusable(folder, f"espeak-ng, which reads for it, has no {', '.join(unread)}")
    locales = {language: spoken for language, spoken in locales.items() if spoken not in unread}
    license_ = license_of(checkpoints[0])
    files = (checkpoints[0], folder / _CONFIG)
    locale = next(iter(locales.values())) if len(locales) == 1 else ""
    info = _info(folder, files, license_.spdx, license_.commercial_use, sorted(set(locales.values())))
    found: dict[str, tuple[Voice, Speaker]] = {}
    for language, spoken in locales.items():
        for name in speakers:
            voice = _voice(":".join(part for part in (folder.name, name, language) if part), spoken, name or folder.name, info)
            found[voice.id] = voice, Speaker(language, name)
    return CoquiModel(info, "vits", folder, checkpoints[0], locale, found)


def _xtts(folder: Path, config: dict[str, Any]) -> CoquiModel:
    files = [folder / name for name in (*_XTTS_FILES, _CONFIG)]
    missing = [path.name for path in files if not path.is_file()]
    if missing:
        return _unusable(folder, f"it lacks {', '.join(missing)}")
    told = {language: _locale(language) for language in config.get("languages", ())}
    languages = {language: locale for language, locale in told.items() if locale and reads(locale)}
    if not languages:
        return _unusable(folder, f"espeak-ng, which reads for it, has none of its languages ({', '.join(told) or 'its configuration names none'})")
    found: dict[str, tuple[Voice, Speaker]] = {}
    cloned = references()
    info = _info(folder, files, XTTS_LICENSE, False, sorted(languages.values()))
    if not cloned:
        info = replace(info, remedy=f"it speaks with voices of people: put recordings with their consent into the folder of {VOICES_VARIABLE}")
    for reference in cloned:
        for language, locale in languages.items():
            voice = _voice(f"{folder.name}:{reference.name}:{language}", locale, reference.name, info)
            found[voice.id] = voice, Speaker(language, reference=reference)
    return CoquiModel(info, "xtts", folder, folder / _XTTS_FILES[0], "", found)


def _info(folder: Path, files: Sequence[Path], license_: str, commercial_use: bool, locales: Sequence[str]) -> ModelInfo:
    weights = {path.name: lasting_sha256_of(path) for path in files}
    return ModelInfo(ENGINE_NAME, _VERSION, folder.name, weights, license_, commercial_use, tuple(locales))


def _voice(name: str, locale: str, title: str, info: ModelInfo) -> Voice:
    return Voice(f"{ENGINE_NAME}:{name}", locale, Gender.NEUTRAL, ENGINE_NAME, title, license=info.license, commercial_use=info.commercial_use, model=info.name)


def _unusable(folder: Path, problem: str) -> CoquiModel:
    info = ModelInfo(ENGINE_NAME, _VERSION, folder.name, commercial_use=False, installed=False, remedy=f"{folder.name}: {problem}")
    return CoquiModel(info, "", folder, folder, "", {})


def _language_of(folder: Path, config: dict[str, Any]) -> str:
    """By the phonemes' language, by the folder's name, by that of the recordings; empty where none tells."""
    parts = folder.name.split("--")
    recordings = [str(dataset.get("language") or "") for dataset in config.get("datasets") or ()]
    told = [str(config.get("phoneme_language") or ""), parts[1] if len(parts) == 4 else "", *recordings]
    return next((language for language in told if language and _locale(language)), "")


def _locale(language: str) -> str:
    """BCP 47; empty for what is no language."""
    try:
        tag = langcodes.Language.get(language.replace("_", "-"))
    except langcodes.LanguageTagError:
        return ""
    return str(langcodes.standardize_tag(tag)) if language and tag.is_valid() else ""


def _speakers(folder: Path, config: dict[str, Any]) -> list[str]:
    """Names of a model's speakers, from its configuration or the file beside it."""
    if config.get("speakers"):
        return [str(name) for name in config["speakers"]]
    if (folder / "speaker_ids.json").is_file():
        return _names(folder / "speaker_ids.json")
    path = folder / "speakers.pth"
    return _names_of_tensor_file(path, path.stat().st_mtime_ns) if path.is_file() else []


def _names(path: Path) -> list[str]:
    try:
        return sorted(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return []


@lru_cache(maxsize=64)
def _names_of_tensor_file(path: Path, changed_ns: int) -> list[str]:
    import torch

    return sorted(torch.load(path, map_location="cpu", weights_only=True))
