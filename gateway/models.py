"""Which models made a result: for the keys of steps, and for reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.locales import same_language
from locutor.common.v1 import model_pb2
from locutor.errors import Unavailable
from locutor.translate.v1 import translate_pb2


@dataclass(frozen=True)
class ModelUse:
    """A model and what it was used for."""

    stage: str
    """Name of the stage: "speak"."""
    model: model_pb2.Model

    @property
    def key(self) -> list[Any]:
        """For the key of a step, as JSON."""
        return [self.stage, identity(self.model)]


def identity(model: model_pb2.Model) -> dict[str, Any]:
    """All of a model that its output depends on, as JSON."""
    return {
        "engine": model.engine,
        "version": model.engine_version,
        "name": model.name,
        "weights": {file.name: file.sha256 for file in model.weights},
    }


def default_model(models: Sequence[model_pb2.Model], service: str) -> model_pb2.Model:
    """The model of the engine that a service uses where a request names none. Raises `Unavailable`."""
    installed = [model for model in models if model.installed]
    found = next((model for model in installed if model.is_default), None)
    if found is None:
        remedy = next((model.remedy for model in models if model.remedy), "see its log")
        raise Unavailable(f"the {service} service has no engine that is installed; {remedy}", reason="NO_ENGINE")
    return found


def engine_models(models: Sequence[model_pb2.Model], engine: str) -> list[model_pb2.Model]:
    """The installed models of one engine."""
    return [model for model in models if model.installed and model.engine == engine]


def translation_models(models: Sequence[model_pb2.Model], pair: translate_pb2.Pair, engine: str = "") -> list[model_pb2.Model]:
    """The models that an engine, named or the default one, translates a pair by: one, or two where it goes through English."""
    hops = [(pair.source_locale, pair.target_locale)]
    if pair.pivots:
        hops = [(pair.source_locale, "en"), ("en", pair.target_locale)]
    found = []
    for model in models:
        is_asked = model.engine == engine if engine else model.is_default
        for locale in model.locales if model.installed and is_asked else ():
            source, _, target = locale.partition(">")
            if target and any(same_language(source, hop[0]) and same_language(target, hop[1]) for hop in hops):
                found.append(model)
                break
    return found
