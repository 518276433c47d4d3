"""Translates what is said, line by line in the light of its neighbours, with the room that each line has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import langcodes
from google.protobuf.json_format import MessageToDict, ParseDict

from gateway.artifacts import StepResult
from gateway.dub.lines import TargetLine
from gateway.models import identity
from gateway.progress import StageTracker
from gateway.services import Services
from gateway.workflow import Workflow
from locutor.common.v1 import model_pb2
from locutor.translate.v1 import translate_pb2

_MOST_TEXTS = 30
"""Of one request: as many as an engine looks at together. What it made is kept before the next are asked for."""
_BEFORE, _AFTER = 5, 2
"""Neighbours that are told with a request."""
_TIMEOUT_S, _TIMEOUT_PER_TEXT_S = 600.0, 20.0
"""A large model on another machine takes its time."""
_CHARACTERS_A_SECOND = 15.0
_OF_LANGUAGE = {"zh": 4.5, "yue": 4.5, "ja": 7.0, "ko": 6.5}
"""Of unhurried speech; others are near the figure above."""
_STEP_S = 0.25
"""Of the time that a line is taken to have: a video that is encoded anew is heard to the same words, a few hundredths of a second off."""
_BUDGET = (0.92, 1.08)
"""Of the characters that fill the time."""


@dataclass(frozen=True)
class TranslatedLine:
    text: str
    missed_terms: tuple[str, ...]
    """Glossary terms that were not kept."""
    models: tuple[model_pb2.Model, ...]
    """What translated it."""
    fallback_reason: str = ""
    """Why the engine that was asked for did not translate it; empty: it did."""


@dataclass(frozen=True)
class Translating:
    """How lines are translated."""

    pair: translate_pb2.Pair
    glossary: Sequence[translate_pb2.GlossaryTerm]
    """Terms of the target's locale."""
    engine: str
    """By name; empty: the default."""
    models: Sequence[model_pb2.Model]
    """Those that the pair is translated by."""
    lengths_s: Mapping[str, float]
    """Seconds that each utterance was heard to last, by id, whatever a person made of its times since: a line that is moved keeps its words."""


async def translate_lines(flow: Workflow, stage: StageTracker, services: Services, lines: Sequence[TargetLine], how: Translating) -> dict[str, TranslatedLine]:
    """Translations by id of those of the lines that have no text.

    Each is kept on its own, and depends on its own text alone, so a change of one asks for no other again. Those that are
    not there are asked for in runs, with what stands around them as context. What the plain engine did in the stead of the
    one that was asked for is not kept: next time that one may be there.
    """
    asked = [index for index, line in enumerate(lines) if line.text is None and not line.is_omitted]
    done: dict[int, TranslatedLine] = {}

    async def make(places: Sequence[int]) -> list[tuple[StepResult | None, TranslatedLine]]:
        made: list[tuple[StepResult | None, TranslatedLine]] = []
        for run in _runs([asked[place] for place in places]):
            found = await _ask(services, lines, run, done, how)
            done.update(zip(run, found, strict=True))
            made += [(None if one.fallback_reason else StepResult(facts=_kept(one)), one) for one in found]
        stage.advance(0.999 * len(done) / len(asked))
        return made

    async def load(place: int, kept: StepResult) -> TranslatedLine:
        facts = kept.facts
        models = tuple(ParseDict(model, model_pb2.Model()) for model in facts["models"])
        done[asked[place]] = TranslatedLine(facts["text"], tuple(facts["missed_terms"]), models)
        return done[asked[place]]

    inputs = [_inputs(lines[index], how) for index in asked]
    found = await flow.steps(stage, "translate-line", inputs, make, load, _MOST_TEXTS)
    return {lines[index].source.id: one for index, one in zip(asked, found, strict=True)}


async def _ask(
    services: Services, lines: Sequence[TargetLine], run: Sequence[int], done: Mapping[int, TranslatedLine], how: Translating
) -> list[TranslatedLine]:
    """Translations of the lines at the places `run`, which follow one another."""
    first, end = run[0], run[-1] + 1
    request = translate_pb2.TranslateRequest(
        source_locale=how.pair.source_locale,
        target_locale=how.pair.target_locale,
        texts=[lines[index].source.text for index in run],
        glossary=how.glossary,
        engine=how.engine,
        budgets=[_budget(lines[index], how) for index in run],
        after=[line.source.text for line in lines[end : end + _AFTER]],
    )
    for index in range(max(0, first - _BEFORE), first):
        translation = done[index].text if index in done else lines[index].text
        if translation:
            request.before.add(text=lines[index].source.text, translation=translation)
    with services.errors("translate"):
        response = await services.translate.Translate(request, timeout=_TIMEOUT_S + _TIMEOUT_PER_TEXT_S * len(run))
    return [_translated(each, response.models) for each in response.translations]


def _translated(each: translate_pb2.Translation, models: Sequence[model_pb2.Model]) -> TranslatedLine:
    """`models`: of the engine that was asked for, then those of the plain one where it had to help."""
    own = tuple(model for model in models if (model.engine == models[0].engine) is not bool(each.fallback_reason))
    return TranslatedLine(each.text, tuple(each.missed_terms), own, each.fallback_reason)


def _kept(one: TranslatedLine) -> dict[str, Any]:
    models = []
    for model in one.models:
        row = MessageToDict(model)
        # What else an engine translates is long, and nothing of this line.
        row.pop("locales", None)
        models.append(row)
    return {"text": one.text, "missed_terms": one.missed_terms, "models": models}


def _inputs(line: TargetLine, how: Translating) -> dict[str, Any]:
    """All that a line's translation depends on, as JSON; its neighbours are context, which is no reason to say it anew."""
    budget = _budget(line, how)
    return {
        "text": line.source.text,
        "pair": MessageToDict(how.pair),
        "budget": [budget.min_characters, budget.max_characters],
        "glossary": [MessageToDict(term) for term in how.glossary if _may_stand_in(term, line.source.text)],
        "engine": how.engine,
        "models": [identity(model) for model in how.models],
    }


def _may_stand_in(term: translate_pb2.GlossaryTerm, text: str) -> bool:
    """Whether a term can matter to a text: a glossary that grows must not have everything said anew."""
    return term.source.split()[0].casefold() in text.casefold()


def _runs(places: Sequence[int]) -> Iterator[list[int]]:
    """Places that follow one another."""
    run: list[int] = []
    for place in places:
        if run and place != run[-1] + 1:
            yield run
            run = []
        run.append(place)
    if run:
        yield run


def _budget(line: TargetLine, how: Translating) -> translate_pb2.LengthBudget:
    """Characters that fill the time that the line was heard to last."""
    rate = _OF_LANGUAGE.get(langcodes.Language.get(how.pair.target_locale).language or "", _CHARACTERS_A_SECOND)
    source = line.source
    length_s = how.lengths_s.get(source.id, source.end_s - source.start_s)
    full = max(1.0, max(1, round(length_s / _STEP_S)) * _STEP_S * rate)
    return translate_pb2.LengthBudget(min_characters=max(1, round(_BUDGET[0] * full)), max_characters=max(1, round(_BUDGET[1] * full)))
