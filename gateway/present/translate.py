"""Translates a script's utterances, each once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.json_format import MessageToDict

from gateway.artifacts import StepResult
from gateway.models import identity
from gateway.present.plan import LocalePlan
from gateway.progress import StageTracker
from gateway.services import Services
from gateway.workflow import Workflow
from locutor.common.v1 import model_pb2
from locutor.translate.v1 import translate_pb2

_BATCH = 50
"""Utterances a request: small enough that progress is seen, large enough that calls cost nothing."""
_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class Translated:
    texts: tuple[str, ...]
    """One for each utterance."""
    missed_terms: tuple[tuple[str, ...], ...]
    """For each utterance the glossary terms that were not kept."""


async def translate(
    flow: Workflow,
    stage: StageTracker,
    services: Services,
    plan: LocalePlan,
    pair: translate_pb2.Pair,
    glossary: Sequence[translate_pb2.GlossaryTerm],
    models: Sequence[model_pb2.Model],
) -> Translated:
    """The utterances of `plan.script` in the pair's target language. `models`: those that the pair is translated by."""
    texts = [utterance.text for utterance in plan.script.utterances]
    found: list[list] = []
    for begin in range(0, len(texts), _BATCH):
        batch = texts[begin : begin + _BATCH]
        request = translate_pb2.TranslateRequest(
            source_locale=pair.source_locale, target_locale=pair.target_locale, texts=batch, glossary=glossary, engine=plan.engines.translation
        )

        async def make(request: translate_pb2.TranslateRequest = request) -> tuple[StepResult, list[list]]:
            with services.errors("translate"):
                response = await services.translate.Translate(request, timeout=_TIMEOUT_S)
            made = [[translation.text, list(translation.missed_terms)] for translation in response.translations]
            blob = await flow.store.put_bytes(json.dumps(made, ensure_ascii=False).encode())
            return StepResult({"translations": blob}), made

        async def load(kept: StepResult) -> list[list]:
            return list(json.loads(await flow.store.read(kept.blobs["translations"].sha256)))

        inputs = {"request": MessageToDict(request), "models": [identity(model) for model in models]}
        found += await flow.step(stage, "translate", inputs, make, load)
        stage.advance(len(found) / len(texts))
    return Translated(tuple(text for text, _ in found), tuple(tuple(missed) for _, missed in found))
