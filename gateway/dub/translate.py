"""Translates what is said, all of it in its order, with the room that each utterance has."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import langcodes
from google.protobuf.json_format import MessageToDict

from gateway.artifacts import StepResult
from gateway.dub.lines import TargetLine
from gateway.models import identity
from gateway.progress import StageTracker
from gateway.services import Services
from gateway.workflow import Workflow
from locutor.common.v1 import model_pb2
from locutor.translate.v1 import translate_pb2

_MOST_TEXTS = 500
"""Of one request: neighbours give each other their meaning, so as many as may be."""
_TIMEOUT_S = 1800.0
"""A large model on another machine takes its time."""
_CHARACTERS_A_SECOND = 15.0
_OF_LANGUAGE = {"zh": 4.5, "yue": 4.5, "ja": 7.0, "ko": 6.5}
"""Of unhurried speech; others are near the figure above."""
_BUDGET = (0.92, 1.08)
"""Of the characters that fill the time."""


@dataclass(frozen=True)
class TranslatedLine:
    text: str
    missed_terms: tuple[str, ...]
    """Glossary terms that were not kept."""
    fallback_reason: str
    """Why the engine that was asked for did not translate it; empty: it did."""


async def translate_lines(
    flow: Workflow,
    stage: StageTracker,
    services: Services,
    lines: Sequence[TargetLine],
    pair: translate_pb2.Pair,
    glossary: Sequence[translate_pb2.GlossaryTerm],
    engine: str,
    models: Sequence[model_pb2.Model],
) -> list[TranslatedLine]:
    """Translations of the lines' source texts. `models`: those that the pair is translated by."""
    found: list[TranslatedLine] = []
    for begin in range(0, len(lines), _MOST_TEXTS):
        batch = lines[begin : begin + _MOST_TEXTS]
        request = translate_pb2.TranslateRequest(
            source_locale=pair.source_locale,
            target_locale=pair.target_locale,
            texts=[line.source.text for line in batch],
            glossary=glossary,
            engine=engine,
            budgets=[_budget(line, pair.target_locale) for line in batch],
        )

        async def make(request: translate_pb2.TranslateRequest = request) -> tuple[StepResult, list[TranslatedLine]]:
            with services.errors("translate"):
                response = await services.translate.Translate(request, timeout=_TIMEOUT_S)
            made = [TranslatedLine(each.text, tuple(each.missed_terms), each.fallback_reason) for each in response.translations]
            rows = [[line.text, line.missed_terms, line.fallback_reason] for line in made]
            return StepResult({"translations": await flow.store.put_bytes(json.dumps(rows, ensure_ascii=False).encode())}), made

        async def load(kept: StepResult) -> list[TranslatedLine]:
            rows = json.loads(await flow.store.read(kept.blobs["translations"].sha256))
            return [TranslatedLine(text, tuple(missed), reason) for text, missed, reason in rows]

        inputs = {"request": MessageToDict(request), "models": [identity(model) for model in models]}
        found += await flow.step(stage, "translate", inputs, make, load)
        stage.advance(len(found) / len(lines))
    return found


def _budget(line: TargetLine, locale: str) -> translate_pb2.LengthBudget:
    """Characters that fill the line's time."""
    rate = _OF_LANGUAGE.get(langcodes.Language.get(locale).language or "", _CHARACTERS_A_SECOND)
    full = max(1.0, (line.until_s - line.begin_s) * rate)
    return translate_pb2.LengthBudget(min_characters=max(1, round(_BUDGET[0] * full)), max_characters=max(1, round(_BUDGET[1] * full)))
