"""Where Bergamot models are: artifacts of the model store, and folders of the operator's.

An artifact is named `bergamot-SRC-TGT`. In the folder that LOCUTOR_TRANSLATE_MODELS names, each pair has a folder of its
own, called as its publisher does: `en-es` or `enes`, with an underscore before a script or region (`en-zh_hant`,
`en-pt_PT`). It holds the publisher's files, decompressed: `model.*.bin`, `vocab.*.spm` (or `srcvocab.*.spm` and
`trgvocab.*.spm`), and `lex.*.bin`, a shortlist that makes it faster.

With LOCUTOR_TRANSLATE_FETCH ("en-es,es-en") pairs that are missing there are fetched from their publisher at start-up.
That service is Mozilla's own and not meant for production: fetch once, then serve from the folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import langcodes

from locutor.errors import InvalidInput, MissingWeights
from services.engine import ModelInfo
from services.translate.engine import LanguagePair
from services.weights import ModelStore
from services.weights.archive import lasting_sha256_of

FOLDER_VARIABLE = "LOCUTOR_TRANSLATE_MODELS"
FETCH_VARIABLE = "LOCUTOR_TRANSLATE_FETCH"

_PREFIX = "bergamot-"
_VARIETY = {"pt": "pt-BR"}
"""What a model writes whose name says no more: the publisher's Portuguese is Brazilian."""
_LICENSE = "MPL-2.0"
"""Of all models that their publisher, Mozilla, trained for this engine."""


@dataclass(frozen=True)
class ModelFiles:
    """The files of one pair."""

    model: Path
    source_vocabulary: Path
    target_vocabulary: Path
    shortlist: Path | None

    @property
    def all(self) -> tuple[Path, ...]:
        files = (self.model, self.source_vocabulary, self.target_vocabulary, self.shortlist)
        return tuple(dict.fromkeys(file for file in files if file is not None))


def pair_of(name: str) -> LanguagePair | None:
    """The pair that an artifact's or a folder's name means, or None."""
    plain = re.fullmatch(r"([a-z]{2})([a-z]{2})", name)
    parts = list(plain.groups()) if plain else name.split("-")
    tags = [part.replace("_", "-") for part in parts]
    if len(tags) != 2 or not all(langcodes.tag_is_valid(tag) for tag in tags):
        return None
    source, target = (_VARIETY.get(tag, tag) for tag in map(langcodes.standardize_tag, tags))
    return LanguagePair(source, target)


def artifacts(store: ModelStore) -> dict[LanguagePair, str]:
    """The store's artifacts for this engine, by pair."""
    named = ((state.artifact.name, pair_of(state.artifact.name.removeprefix(_PREFIX))) for state in store.list() if state.artifact.name.startswith(_PREFIX))
    return {pair: name for name, pair in named if pair is not None}


def folders(environment: Mapping[str, str] = os.environ) -> dict[LanguagePair, Path]:
    """The operator's folders, by pair. Raises `MissingWeights` where the folder, or what is in it, is not as it must be."""
    setting = environment.get(FOLDER_VARIABLE, "")
    if not setting:
        return {}
    root = Path(setting).expanduser()
    if not root.is_dir():
        raise MissingWeights(f"{FOLDER_VARIABLE} is {setting!r}, which is no folder; make it, with a folder for each pair, or unset it")
    found: dict[LanguagePair, Path] = {}
    for folder in sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")):
        pair = pair_of(folder.name)
        if pair is None:
            raise MissingWeights(f"the folder {folder.name!r} of {FOLDER_VARIABLE} is not named after a pair; call it like en-es, enes or en-zh_hant")
        if pair in found:
            raise MissingWeights(f"the folders {found[pair].name!r} and {folder.name!r} of {FOLDER_VARIABLE} are both for {pair}; keep one")
        found[pair] = folder
    return found


def files_in(folder: Path) -> ModelFiles:
    """The files of a pair's folder. Raises `MissingWeights` naming what is not there."""

    def the(pattern: str) -> Path | None:
        matches = sorted(folder.glob(pattern))
        if len(matches) > 1:
            raise MissingWeights(f"the folder {folder.name!r} has {len(matches)} files {pattern}; keep one")
        return matches[0] if matches else None

    model, shared = the("model.*.bin"), the("vocab.*.spm")
    source, target = (shared, shared) if shared else (the("srcvocab.*.spm"), the("trgvocab.*.spm"))
    if model is None or source is None or target is None:
        lacking = "model.*.bin" if model is None else "vocab.*.spm, or srcvocab.*.spm with trgvocab.*.spm"
        raise MissingWeights(f"the folder {folder.name!r} has no {lacking}; put the publisher's files there, decompressed (not .gz or .zst)")
    return ModelFiles(model, source, target, the("lex.*.bin"))


def describe_artifact(store: ModelStore, pair: LanguagePair, name: str) -> ModelInfo:
    artifact, installed = store.artifact(name), store.installed(name)
    return ModelInfo(
        engine="bergamot",
        engine_version="1",
        name=name,
        weights=artifact.weights,
        license=artifact.license,
        commercial_use=artifact.commercial_use,
        locales=(str(pair),),
        installed=installed,
        remedy="" if installed else f"fetch the weights: locutor models fetch {name}",
    )


def describe_folder(pair: LanguagePair, folder: Path) -> ModelInfo:
    try:
        files, remedy = files_in(folder).all, ""
    except MissingWeights as error:
        files, remedy = (), error.message
    weights = {file.name: lasting_sha256_of(file) for file in files}
    return ModelInfo("bergamot", "1", f"{_PREFIX}{folder.name}", weights, _LICENSE, locales=(str(pair),), installed=not remedy, remedy=remedy)


def fetch_asked_for(store: ModelStore, environment: Mapping[str, str] = os.environ) -> None:
    """Bring the pairs of LOCUTOR_TRANSLATE_FETCH that are not in the folder yet. Raises `InvalidInput` and `MissingWeights`."""
    names = [name.strip() for name in environment.get(FETCH_VARIABLE, "").split(",") if name.strip()]
    if not names:
        return
    if not environment.get(FOLDER_VARIABLE):
        raise InvalidInput.of(FETCH_VARIABLE, f"set {FOLDER_VARIABLE} too: the folder that the models are to be kept in")
    root = Path(environment[FOLDER_VARIABLE]).expanduser()
    root.mkdir(parents=True, exist_ok=True)
    for name in names:
        pair = pair_of(name)
        if pair is None:
            raise InvalidInput.of(FETCH_VARIABLE, f"{name!r} is not a pair; write it like en-es")
        if pair in folders(environment) or pair in artifacts(store):
            continue
        if store.offline:
            raise MissingWeights(f"the model {name} is missing in {FOLDER_VARIABLE}, and this server is offline")
        from fxtranslate import discovery

        try:
            discovery.add_models(*_publisher_codes(name), cache_dir=str(root))
        except ValueError as error:
            raise MissingWeights(f"the model {name} cannot be fetched from its publisher ({error}); put its files into {FOLDER_VARIABLE}/{name}") from error


def _publisher_codes(name: str) -> tuple[str, str]:
    source, _, target = name.partition("-")
    return (source, target) if target else (name[:2], name[2:])
