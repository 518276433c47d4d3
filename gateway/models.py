"""Which models made a result: for the keys of steps, and for reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.locales import same_language
from locutor.common.v1 import model_pb2
from locutor.errors import Unavailable
from locutor.translate.v1 import translate_pb2
from locutor.tts.v1 import tts_pb2


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
    """The model that a service uses where a request names no engine. Raises `Unavailable`."""
    found = chosen_model(models)
    if found is None:
        remedy = next((model.remedy for model in models if model.remedy), "see its log")
        raise Unavailable(f"the {service} service has no engine that is installed; {remedy}", reason="NO_ENGINE")
    return found


def chosen_model(models: Sequence[model_pb2.Model], engine: str = "") -> model_pb2.Model | None:
    """The model that an engine, named or the default one, works with: the first that it tells of, and no other. None where that one cannot be used."""
    found = next((model for model in models if (model.engine == engine if engine else model.is_default)), None)
    return found if found is not None and _is_usable(found) else None


def engine_models(models: Sequence[model_pb2.Model], engine: str) -> list[model_pb2.Model]:
    """The models of one engine that can be used."""
    return [model for model in models if model.engine == engine and _is_usable(model)]


def voice_models(models: Sequence[model_pb2.Model], voice: tts_pb2.Voice) -> list[model_pb2.Model]:
    """The weights that speak with a voice: those that it names; all of its engine where it names none, as older servers' do."""
    named = [model for model in models if (model.engine, model.name) == (voice.engine, voice.model)] if voice.model else []
    return named or engine_models(models, voice.engine)


def _is_usable(model: model_pb2.Model) -> bool:
    # Weights that are not there, and whose digests are told all the same, are fetched by their engine when it is first asked for.
    return model.installed or bool(model.weights)


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
