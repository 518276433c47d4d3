"""What the services offer, and which of their engines a job is made by: by its own choice, by the locale's, else by default."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from gateway.locales import same_language
from gateway.models import chosen_model, default_model, engine_models, translation_models
from gateway.services import Services, retried
from locutor.common.v1 import model_pb2
from locutor.errors import FieldViolation, InvalidInput
from locutor.gateway.v1 import dub_pb2, engines_pb2, job_pb2
from locutor.translate.v1 import translate_pb2
from locutor.tts.v1 import tts_pb2

ROLES = {"recognition": "asr", "translation": "translate", "speech": "tts", "lipsync": "lipsync", "separation": "separation"}
"""Field of `Engines` to the name of the models that it chooses from."""
_LOCALE_ROLES = ("translation", "speech", "lipsync")
"""Those that a locale may choose for itself."""


@dataclass(frozen=True)
class Offer:
    """All that the services can do, as it is when a job is checked or starts."""

    voices: Sequence[tts_pb2.Voice]
    pairs: Mapping[str, Sequence[translate_pb2.Pair]]
    """By the name of the translation engine; "" is the default one."""
    models: Mapping[str, Sequence[model_pb2.Model]]
    """By "asr", "translate", "tts", "lipsync" and "separation"."""

    def model(self, role: str, engine: str = "") -> model_pb2.Model:
        """The model that does the work of a role, by the engine named or the default one. Raises `InvalidInput` and `Unavailable`."""
        models = self.models[ROLES[role]]
        if not engine:
            return default_model(models, ROLES[role])
        found = chosen_model(models, engine)
        if found is None:
            raise _unknown(f"engines.{role}", engine, models)
        return found

    def speakers(self, engine: str, commercial: bool) -> list[tts_pb2.Voice]:
        """Voices of one engine, or of all (""); those that may be used commercially where only they may."""
        return [voice for voice in self.voices if engine in ("", voice.engine) and (voice.commercial_use or not commercial)]

    def unasked(self, engine: str, commercial: bool) -> list[tts_pb2.Voice]:
        """Those of `speakers` of which one is taken where no voice is named: rule-made ones only where their engine is named, or is the server's default."""
        usual = next((model.engine for model in self.models["tts"] if model.is_default), "")
        speakers = self.speakers(engine, commercial)
        return [voice for voice in speakers if voice.quality != tts_pb2.QUALITY_FORMANT or voice.engine in (engine, usual)]

    def voiceless(self, locale: str, engine: str, commercial: bool, field: str) -> FieldViolation:
        """Why no voice is taken for a locale that `unasked` has none for, and what to do."""
        rule_made = [voice for voice in self.speakers(engine, commercial) if same_language(locale, voice.locale)]
        if rule_made:
            names = " or ".join(voice.id for voice in rule_made[:2])
            message = f"only rule-made voices speak {locale}, and none is taken unasked; name the speech engine {rule_made[0].engine!r}, or a voice: {names}"
            return FieldViolation(field, message, "ONLY_FORMANT_VOICES")
        spoken = ", ".join(sorted({voice.locale for voice in self.unasked(engine, commercial)})) or "none"
        return FieldViolation(field, f"there is no voice that speaks {locale}; there are voices for {spoken}", "UNKNOWN_LOCALE")


async def read_offer(services: Services, spec: job_pb2.PresentSpec | job_pb2.DubSpec, patience_s: float = 0.0) -> Offer:
    """Ask the services. `patience_s`: how long one that is away is waited for."""
    chosen = {choice.translation for choice in (resolved(spec), *(resolved(spec, target) for target in _targets(spec)))}

    def ask(question: Callable) -> Callable:
        return partial(retried, question, patience_s)

    names = ("asr", "translate", "tts", "lipsync") if isinstance(spec, job_pb2.DubSpec) else ("translate", "tts", "lipsync")
    voices, models, separation, pairs = await asyncio.gather(
        ask(services.voices)(),
        asyncio.gather(*(ask(partial(services.models, name))() for name in names)),
        ask(services.separation_models)() if isinstance(spec, job_pb2.DubSpec) else _nothing(),
        asyncio.gather(*(ask(partial(services.pairs, engine))() for engine in sorted(chosen))),
    )
    return Offer(voices, dict(zip(sorted(chosen), pairs, strict=True)), {**dict(zip(names, models, strict=True)), "separation": separation})


def resolved(spec: job_pb2.PresentSpec | job_pb2.DubSpec, target: job_pb2.Target | dub_pb2.DubTarget | None = None) -> engines_pb2.Engines:
    """The engines that are named for a job, or for one of its targets: the target's own choice wins."""
    found = engines_pb2.Engines()
    found.CopyFrom(spec.engines)
    if isinstance(spec, job_pb2.DubSpec) and spec.translation_engine:
        found.translation = spec.translation_engine
    own = target.engines if target is not None else engines_pb2.Engines()
    for role in _LOCALE_ROLES:
        if named := getattr(own, role):
            setattr(found, role, named)
    return found


def engine_violations(spec: job_pb2.PresentSpec | job_pb2.DubSpec, offer: Offer, used: Sequence[str]) -> list[FieldViolation]:
    """Engines that are named and not there, or may not be used commercially where only such may.

    `used`: the roles that this job has work for, and of whose engines one model does it. What translates depends on the pair (`translation_violations`),
    what speaks on the voice.
    """
    kind = "dub" if isinstance(spec, job_pb2.DubSpec) else "present"
    found: list[FieldViolation] = []
    for number, target in enumerate(_targets(spec)):
        for role in ("recognition", "separation"):
            if getattr(target.engines, role):
                field = f"{kind}.targets[{number}].engines.{role}"
                found.append(FieldViolation(field, f"one engine does this for all locales; name it in {kind}.engines", "NOT_BY_LOCALE"))
    places = [(f"{kind}.engines", spec.engines, tuple(ROLES))]
    places += [(f"{kind}.targets[{number}].engines", target.engines, _LOCALE_ROLES) for number, target in enumerate(_targets(spec))]
    for field, engines, roles in places:
        for role in roles:
            engine = getattr(engines, role)
            models = offer.models.get(ROLES[role])
            if engine and models is None:
                found.append(FieldViolation(f"{field}.{role}", "this kind of job has no work for it; leave it empty", "UNUSED"))
            elif engine and models is not None and not engine_models(models, engine):
                found += _unknown(f"{field}.{role}", engine, models).violations
    if spec.commercial_use:
        for number, target in enumerate(_targets(spec)):
            choice = resolved(spec, target)
            for role in used:
                models = offer.models[ROLES[role]]
                model = chosen_model(models, getattr(choice, role))
                found += _not_commercial(models, [model] if model else [], _chosen_in(spec, number, role))
    return list(dict.fromkeys(found))


def translation_violations(spec: job_pb2.PresentSpec | job_pb2.DubSpec, offer: Offer, number: int, pair: translate_pb2.Pair) -> list[FieldViolation]:
    """That what translates a pair for a target may not be used commercially, where only such may."""
    if not spec.commercial_use:
        return []
    models, engine = offer.models["translate"], resolved(spec, _targets(spec)[number]).translation
    return _not_commercial(models, translation_models(models, pair, engine), _chosen_in(spec, number, "translation"))


def _chosen_in(spec: job_pb2.PresentSpec | job_pb2.DubSpec, number: int, role: str) -> str:
    """The field in which a target's engine is chosen."""
    kind = "dub" if isinstance(spec, job_pb2.DubSpec) else "present"
    return f"{kind}.targets[{number}].engines.{role}" if getattr(_targets(spec)[number].engines, role) else f"{kind}.engines.{role}"


def _not_commercial(models: Sequence[model_pb2.Model], used: Sequence[model_pb2.Model], field: str) -> list[FieldViolation]:
    """`models`: all that there are to choose from."""
    barred = next((model for model in used if not model.commercial_use), None)
    if barred is None:
        return []
    allowed = sorted({model.engine for model in models if model.installed and model.commercial_use} - {barred.engine})
    choice = f"choose {' or '.join(allowed)}" if allowed else "none that is installed may"
    message = f"{barred.engine} ({barred.name or 'no name'}, {barred.license or 'licence unknown'}) may not be used commercially; {choice}"
    return [FieldViolation(field, message, "NON_COMMERCIAL_WEIGHTS")]


def _unknown(field: str, engine: str, models: Sequence[model_pb2.Model]) -> InvalidInput:
    remedy = next((model.remedy for model in models if model.engine == engine and model.remedy), "")
    installed = ", ".join(sorted({model.engine for model in models if model.installed})) or "none"
    what = f"the engine {engine!r} is not installed: {remedy}" if remedy else f"there is no engine {engine[:40]!r}"
    return InvalidInput.of(field, f"{what}; installed: {installed}", "UNKNOWN_ENGINE")


def _targets(spec: job_pb2.PresentSpec | job_pb2.DubSpec) -> Sequence[job_pb2.Target | dub_pb2.DubTarget]:
    return list(spec.targets)


async def _nothing() -> list[model_pb2.Model]:
    return []
