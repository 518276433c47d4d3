"""TranslateService: messages to dataclasses and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import aclosing

import grpc.aio

from locutor.errors import FieldViolation, InvalidInput
from locutor.glossary import glossary_violations, terms_for
from locutor.translate.v1 import translate_pb2, translate_pb2_grpc
from services.serving import EnginePool, ServingSettings
from services.serving.engine_shelf import EngineShelf
from services.serving.messages import model_message
from services.translate.documents import Document, PlainTranslator, translate_document
from services.translate.engine import ENGINES, PLAIN_ENGINE, DocumentEngine, GlossaryTerm, LengthBudget, TranslateEngine, Translation
from services.translate.routes import Route, all_routes, find_route
from services.translate.translation import translate_text
from services.weights import ModelStore

MOST_TEXTS = 1000
LONGEST_TEXT = 5000
"""Limits of a request; lengths in code points."""

_ENDPOINT_CALLS = 4
"""Of an engine that waits for an endpoint, at a time: they keep no processor busy, and nobody else waiting."""


class TranslateServicer(translate_pb2_grpc.TranslateServiceServicer):
    full_name = "locutor.translate.v1.TranslateService"

    def __init__(self, settings: ServingSettings, store: ModelStore) -> None:
        self._shelf: EngineShelf[TranslateEngine | DocumentEngine] = EngineShelf(ENGINES, store, settings)
        self._pool = EnginePool("translate", workers=settings.workers, queue=settings.queue)
        self._endpoint_pool = EnginePool("translate-endpoint", workers=_ENDPOINT_CALLS, queue=settings.queue)

    def register(self, server: grpc.aio.Server) -> None:
        translate_pb2_grpc.add_TranslateServiceServicer_to_server(self, server)

    async def load(self) -> None:
        await self._shelf.get()

    async def close(self) -> None:
        await self._pool.close()
        await self._endpoint_pool.close()

    async def Translate(self, request: translate_pb2.TranslateRequest, context: grpc.aio.ServicerContext) -> translate_pb2.TranslateResponse:
        _check(request)
        engine = await self._shelf.get(request.engine)
        route = find_route(request.source_locale, request.target_locale, engine.pairs)
        glossary = [GlossaryTerm(term.source.strip(), term.target.strip(), term.case_sensitive) for term in terms_for(request.glossary, request.target_locale)]
        infos = [engine.info(pair) for pair in route.hops]
        for info in infos:
            self._shelf.permit(info)
        response = translate_pb2.TranslateResponse(models=[model_message(info) for info in infos])
        plain = None
        if isinstance(engine, DocumentEngine) and route.hops:
            plain = await self._plain(request, glossary)
            budgets = [LengthBudget(budget.min_characters, budget.max_characters) for budget in request.budgets]
            before = [(one.text, one.translation) for one in request.before]
            document = Document(list(request.texts), budgets, before, list(request.after))
            work = self._endpoint_pool.stream(translate_document, document, route, glossary, engine, plain)
        else:
            work = self._pool.stream(_translations, list(request.texts), route, glossary, engine)
        async with aclosing(work) as translations:
            async for translation in translations:
                response.translations.add(text=translation.text, missed_terms=translation.missed_terms, fallback_reason=translation.fallback_reason)
        if plain and any(translation.fallback_reason for translation in response.translations):
            response.models.extend(model_message(info) for info in plain.models)
        return response

    async def _plain(self, request: translate_pb2.TranslateRequest, glossary: Sequence[GlossaryTerm]) -> PlainTranslator:
        engine = await self._shelf.get(PLAIN_ENGINE)
        assert not isinstance(engine, DocumentEngine)
        plain = PlainTranslator(request.source_locale, request.target_locale, glossary, engine)
        for info in plain.models:
            self._shelf.permit(info)
        return plain

    async def ListPairs(self, request: translate_pb2.ListPairsRequest, context: grpc.aio.ServicerContext) -> translate_pb2.ListPairsResponse:
        engine = await self._shelf.get(request.engine)
        pairs = [translate_pb2.Pair(source_locale=r.source, target_locale=r.target, pivots=len(r.hops) > 1) for r in all_routes(engine.pairs)]
        return translate_pb2.ListPairsResponse(pairs=pairs)

    async def ListModels(self, request: translate_pb2.ListModelsRequest, context: grpc.aio.ServicerContext) -> translate_pb2.ListModelsResponse:
        return translate_pb2.ListModelsResponse(models=[model_message(info) for info in await self._shelf.models()])


def _translations(texts: Sequence[str], route: Route, glossary: Sequence[GlossaryTerm], engine: TranslateEngine) -> Iterator[Translation]:
    for text in texts:
        yield translate_text(text, route, glossary, engine)


def _check(request: translate_pb2.TranslateRequest) -> None:
    """Raises `InvalidInput` with all that is wrong with a request's texts and glossary."""
    wrong: list[FieldViolation] = []
    if not request.texts:
        wrong.append(FieldViolation("texts", "found none; give at least one", "EMPTY"))
    if len(request.texts) > MOST_TEXTS:
        wrong.append(FieldViolation("texts", f"found {len(request.texts)}; give at most {MOST_TEXTS} a request", "TOO_MANY_TEXTS"))
    for index, text in enumerate(request.texts[:MOST_TEXTS]):
        if len(text) > LONGEST_TEXT:
            wrong.append(
                FieldViolation(f"texts[{index}]", f"found {len(text)} code points; give at most {LONGEST_TEXT}: cut it at a paragraph", "TEXT_TOO_LONG")
            )
    if request.budgets and len(request.budgets) != len(request.texts):
        wrong.append(FieldViolation("budgets", f"found {len(request.budgets)} for {len(request.texts)} texts; give one a text, or none", "BUDGET_COUNT"))
    for index, budget in enumerate(request.budgets[:MOST_TEXTS]):
        if budget.max_characters < max(budget.min_characters, 1):
            text = f"found {budget.min_characters} to {budget.max_characters} characters; give at least 1 and no less than the minimum as the maximum"
            wrong.append(FieldViolation(f"budgets[{index}].max_characters", text, "BAD_BUDGET"))
    wrong += glossary_violations(request.glossary, "glossary")
    if wrong:
        raise InvalidInput(wrong)
