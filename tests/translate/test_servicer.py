"""TranslateService over gRPC, with the real engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest
import pytest_asyncio

from locutor.address import CHANNEL_OPTIONS, Address
from locutor.errors import InvalidInput
from locutor.status import from_rpc_error
from locutor.translate.v1 import translate_pb2, translate_pb2_grpc
from services.serving import GrpcServer, ServingSettings
from services.translate.servicer import TranslateServicer
from services.weights import ModelStore

pytestmark = pytest.mark.asyncio(loop_scope="module")

Term = translate_pb2.GlossaryTerm


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stub() -> AsyncIterator[translate_pb2_grpc.TranslateServiceStub]:
    settings = ServingSettings(workers=2)
    server = GrpcServer([TranslateServicer(settings, ModelStore())], settings)
    await server.start()
    await server.load()
    async with grpc.aio.insecure_channel(Address.parse(server.address).target, options=CHANNEL_OPTIONS) as channel:
        yield translate_pb2_grpc.TranslateServiceStub(channel)
    await server.stop(0)


def request(*texts: str, source: str = "en-US", target: str = "pt-BR", glossary: tuple[translate_pb2.GlossaryTerm, ...] = (), **fields: str):
    return translate_pb2.TranslateRequest(source_locale=source, target_locale=target, texts=texts, glossary=glossary, **fields)


async def test_as_many_translations_in_the_same_order(stub: translate_pb2_grpc.TranslateServiceStub) -> None:
    response = await stub.Translate(request("Open the door.", "", "Close the window.", glossary=(Term(source="door", target="portal"),)))
    first, second, third = response.translations
    assert "portal" in first.text and second.text == "" and "janela" in third.text
    assert not any(translation.missed_terms for translation in response.translations)
    (model,) = response.models
    assert (model.engine, model.name, list(model.locales), model.license) == ("bergamot", "bergamot-en-pt", ["en>pt-BR"], "MPL-2.0")
    assert all(len(file.sha256) == 64 for file in model.weights)


async def test_calls_side_by_side(stub: translate_pb2_grpc.TranslateServiceStub) -> None:
    there, back = await asyncio.gather(
        stub.Translate(request(*["The sun is shining."] * 10)), stub.Translate(request(*["O sol está brilhando."] * 10, source="pt-BR", target="en"))
    )
    assert {t.text for t in there.translations} == {"O sol está brilhando."} and {t.text for t in back.translations} == {"The sun is shining."}


async def test_one_language_uses_no_model(stub: translate_pb2_grpc.TranslateServiceStub) -> None:
    response = await stub.Translate(request("Colour me surprised.", target="en-GB"))
    assert response.translations[0].text == "Colour me surprised." and not response.models


async def test_pairs_and_models(stub: translate_pb2_grpc.TranslateServiceStub) -> None:
    pairs = (await stub.ListPairs(translate_pb2.ListPairsRequest())).pairs
    assert {(pair.source_locale, pair.target_locale, pair.pivots) for pair in pairs} == {("en", "pt-BR", False), ("pt-BR", "en", False)}
    models = (await stub.ListModels(translate_pb2.ListModelsRequest())).models
    plain = [model for model in models if model.engine == "bergamot"]
    assert {model.name for model in plain} == {"bergamot-en-pt", "bergamot-pt-en"}
    assert all(model.installed and model.is_default for model in plain)
    assert [(model.engine, model.installed) for model in models if model not in plain] == [("openai-compatible", False)]


BAD = {
    "no texts": (request(), "texts", "EMPTY"),
    "too many texts": (request(*["a"] * 1001), "texts", "TOO_MANY_TEXTS"),
    "a text too long": (request("fine", "x" * 5001), "texts[1]", "TEXT_TOO_LONG"),
    "no pair": (request("Hallo", source="de"), "target_locale", "NO_TRANSLATION"),
    "another variety": (request("Hello", target="pt-PT"), "target_locale", "NO_TRANSLATION"),
    "no locale": (request("Hello", source=""), "source_locale", "MALFORMED_LOCALE"),
    "an empty term": (request("Hello", glossary=(Term(source=" "),)), "glossary[0].source", "EMPTY"),
    "two targets": (request("Hello", glossary=(Term(source="a", target="b"), Term(source="A", target="c"))), "glossary[1].target", "CONFLICTING_TERMS"),
    "another engine": (request("Hello", engine="deepl"), "engine", "UNKNOWN_ENGINE"),
}


@pytest.mark.parametrize("case", BAD)
async def test_bad_input_names_the_field(stub: translate_pb2_grpc.TranslateServiceStub, case: str) -> None:
    bad, field, reason = BAD[case]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Translate(bad)
    error = from_rpc_error(caught.value)
    assert isinstance(error, InvalidInput), error
    assert (error.violations[0].field, error.violations[0].reason) == (field, reason)


async def test_refusal_lists_the_pairs(stub: translate_pb2_grpc.TranslateServiceStub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Translate(request("Hello", target="ja"))
    assert "en>pt-BR" in str(caught.value.details()) and "pt-BR>en" in str(caught.value.details())
