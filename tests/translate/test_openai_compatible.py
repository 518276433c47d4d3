"""Translation by an endpoint of a large language model: what it may answer, and what becomes of it."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import grpc
import grpc.aio
import pytest
import pytest_asyncio

from locutor.address import CHANNEL_OPTIONS, Address
from locutor.errors import InvalidInput, LocutorError, Unavailable
from locutor.status import from_rpc_error
from locutor.translate.v1 import translate_pb2, translate_pb2_grpc
from services.serving import GrpcServer, ServingSettings
from services.translate.engines import chat_endpoint
from services.translate.engines.chat_endpoint import EndpointSettings
from services.translate.engines.openai_compatible import OpenAiCompatibleEngine
from services.translate.servicer import TranslateServicer
from services.weights import ModelStore
from tests.translate.endpoint import PORTUGUESE, Endpoint, Reply, completion, entries, good, serve

TEXTS = ("Good evening and welcome.", "The harbour has 24 ships.", "Please call {name} tomorrow.")
WELL = [PORTUGUESE[text] for text in TEXTS]
KEY = "sk-a-key-that-nobody-may-see"


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    # Waits between attempts stay in proportion, but short.
    monkeypatch.setattr(chat_endpoint, "_FIRST_WAIT_S", 0.01)
    with serve() as endpoint:
        settings = {"URL": endpoint.url, "MODEL": "tiny-llm", "KEY": KEY, "LOCALES": "en,pt-BR,ja", "TIMEOUT_S": "1"}
        for name, text in settings.items():
            monkeypatch.setenv(f"LOCUTOR_TRANSLATE_OPENAI_{name}", text)
        yield endpoint


@pytest_asyncio.fixture
async def stub(endpoint: Endpoint) -> AsyncIterator[translate_pb2_grpc.TranslateServiceStub]:
    settings = ServingSettings(workers=1)
    server = GrpcServer([TranslateServicer(settings, ModelStore())], settings)
    await server.start()
    await server.load()
    async with grpc.aio.insecure_channel(Address.parse(server.address).target, options=CHANNEL_OPTIONS) as channel:
        yield translate_pb2_grpc.TranslateServiceStub(channel)
    await server.stop(0)


def request(*texts: str, target: str = "pt-BR", **fields: Any) -> translate_pb2.TranslateRequest:
    return translate_pb2.TranslateRequest(source_locale="en", target_locale=target, texts=texts or TEXTS, engine="openai-compatible", **fields)


def content(change: Callable[[list[dict[str, str]]], Any]) -> Callable[[dict[str, Any]], Reply]:
    """A good answer with its entries changed."""

    def reply(asked: dict[str, Any]) -> Reply:
        return completion(json.dumps({"translations": change(entries(asked))}))

    return reply


def saying(index: int, text: str) -> Callable[[dict[str, Any]], Reply]:
    """A good answer, but for the translation of one of `TEXTS`, however often it is asked for."""

    def reply(asked: dict[str, Any]) -> Reply:
        return completion(
            json.dumps(
                {"translations": [{**e, "text": text if asked["utterances"][i]["text"] == TEXTS[index] else e["text"]} for i, e in enumerate(entries(asked))]}
            )
        )

    return reply


async def test_a_good_answer_is_taken(stub: translate_pb2_grpc.TranslateServiceStub, endpoint: Endpoint) -> None:
    budgets = [translate_pb2.LengthBudget(min_characters=len(text) - 2, max_characters=len(text) + 2) for text in WELL]
    glossary = [translate_pb2.GlossaryTerm(source="harbour", target="porto"), translate_pb2.GlossaryTerm(source="lighthouse", target="farol")]
    response = await stub.Translate(request(budgets=budgets, glossary=glossary))
    assert [t.text for t in response.translations] == WELL
    assert not any(t.fallback_reason or t.missed_terms for t in response.translations)
    assert [(m.engine, m.name) for m in response.models] == [("openai-compatible", "tiny-llm")]
    (asked,) = endpoint.asked
    assert (asked["source_locale"], asked["target_locale"]) == ("en", "pt-BR")
    assert [u["text"] for u in asked["utterances"]] == list(TEXTS)
    assert asked["utterances"][0]["min_characters"] == len(WELL[0]) - 2
    # A term that no text has is not sent.
    assert asked["glossary"] == [{"source": "harbour", "target": "porto"}]
    assert endpoint.headers[0]["authorization"] == f"Bearer {KEY}"
    assert endpoint.bodies[0]["model"] == "tiny-llm"


async def test_empty_texts_are_not_asked_for(stub: translate_pb2_grpc.TranslateServiceStub, endpoint: Endpoint) -> None:
    response = await stub.Translate(request("", TEXTS[0], " "))
    assert [t.text for t in response.translations] == ["", WELL[0], " "]
    assert len(endpoint.asked[0]["utterances"]) == 1


async def test_long_documents_go_in_passages_that_know_their_neighbours(stub: translate_pb2_grpc.TranslateServiceStub, endpoint: Endpoint) -> None:
    response = await stub.Translate(request(*[TEXTS[i % 3] for i in range(70)]))
    assert [t.text for t in response.translations] == [WELL[i % 3] for i in range(70)]
    first, second, _ = endpoint.asked
    assert "before" not in first and first["after"] == [TEXTS[0], TEXTS[1]]
    assert second["before"][-1] == {"text": TEXTS[29 % 3], "translation": WELL[29 % 3]}


async def test_texts_know_what_stands_around_them(stub: translate_pb2_grpc.TranslateServiceStub, endpoint: Endpoint) -> None:
    before = [translate_pb2.TranslatedText(text="Hello.", translation="Olá.")]
    await stub.Translate(request(TEXTS[0], before=before, after=["Good night."]))
    (asked,) = endpoint.asked
    assert asked["before"] == [{"text": "Hello.", "translation": "Olá."}] and asked["after"] == ["Good night."]


async def test_what_is_doubtful_is_asked_again_together(stub: translate_pb2_grpc.TranslateServiceStub, endpoint: Endpoint) -> None:
    endpoint.replies = [content(lambda found: [{**entry, "text": ""} for entry in found]), good]
    response = await stub.Translate(request())
    assert [t.text for t in response.translations] == WELL
    assert [len(asked["utterances"]) for asked in endpoint.asked] == [3, 3]


MENDED = {
    "fenced": lambda asked: completion("```json\n" + json.dumps({"translations": entries(asked)}, indent=1) + "\n```"),
    "reordered": content(lambda e: e[::-1]),
    "more than asked for": content(lambda e: [*e, {"id": "u99", "text": "A mais."}, "nonsense", {"id": 7}]),
    "too many requests": lambda asked: Reply(429, b"slow down", {"Retry-After": "0.2"}),
    "a date to come back at": lambda asked: Reply(503, b"", {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
    "an error": lambda asked: Reply(500, b"<html>oops</html>"),
    "a connection that is cut": lambda asked: Reply(body=good(asked).body, cut_after=20),
    "one is missing": content(lambda e: e[:-1]),
    "one comes twice": content(lambda e: [*e, {"id": e[0]["id"], "text": "Outra coisa."}]),
    "truncated JSON": lambda asked: completion(json.dumps({"translations": entries(asked)})[:-30]),
    "cut off": lambda asked: completion(json.dumps({"translations": entries(asked)}), "length"),
    "no JSON": lambda asked: completion("Here are your translations!"),
    "another shape": lambda asked: completion(json.dumps({"result": ["Boa noite"]})),
    "a list": lambda asked: completion("[1, 2]"),
    "deep nesting": lambda asked: completion("[" * 100_000),
    "no choices": lambda asked: Reply(body=b'{"choices": []}'),
    "no object": lambda asked: Reply(body=b"[]"),
    "HTML": lambda asked: Reply(body=b"<html><body>Sign in</body></html>"),
    "nothing": lambda asked: completion(""),
}


@pytest.mark.parametrize("case", MENDED)
async def test_one_rude_answer_is_mended_by_asking_again(stub: translate_pb2_grpc.TranslateServiceStub, endpoint: Endpoint, case: str) -> None:
    endpoint.replies = [MENDED[case], good]
    response = await stub.Translate(request())
    assert [t.text for t in response.translations] == WELL
    assert not any(t.fallback_reason for t in response.translations)


UNUSABLE = {
    "a number is lost": (1, "O porto tem muitos navios.", "the number 24"),
    "a number is another": (1, "O porto tem 42 navios.", "the number 24"),
    "a placeholder is lost": (2, "Por favor, ligue para ele amanhã.", "{name}"),
    "a placeholder is renamed": (2, "Por favor, ligue para {nome} amanhã.", "{name}"),
    "a placeholder is added": (0, "Boa noite e bem-vindos, {name}.", "{name}"),
    "markup": (0, "<b>Boa noite</b> e bem-vindos.", "markup"),
    "markdown": (0, "**Boa noite** e bem-vindos.", "markup"),
    "entities": (0, "Boa noite &amp; bem-vindos.", "markup"),
    "notes": (0, "Boa noite e bem-vindos.\n\nNote: informal.", "line breaks"),
    "an essay": (0, "Boa noite e sejam todos muito bem-vindos a este maravilhoso programa. " * 3, "length"),
    "a figure alone": (1, "24", "no words"),
    "the source": (0, TEXTS[0], "not a translation"),
    "another script": (0, "Добрый вечер и добро пожаловать.", "script"),
    "a loop": (0, "boa noite boa noite boa noite boa noite boa noite boa", "again and again"),
    "nothing": (0, "", "empty"),
}


@pytest.mark.parametrize("case", UNUSABLE)
async def test_what_stays_unusable_is_translated_plainly_and_says_why(stub: translate_pb2_grpc.TranslateServiceStub, endpoint: Endpoint, case: str) -> None:
    index, text, reason = UNUSABLE[case]
    endpoint.replies = [saying(index, text)]
    response = await stub.Translate(request())
    fallen = response.translations[index]
    assert reason in fallen.fallback_reason, fallen
    assert fallen.text and fallen.text != text and fallen.text != TEXTS[index]
    assert [t.text for i, t in enumerate(response.translations) if i != index] == [t for i, t in enumerate(WELL) if i != index]
    assert [(m.engine, m.name) for m in response.models] == [("openai-compatible", "tiny-llm"), ("bergamot", "bergamot-en-pt")]
    assert len(endpoint.asked) == 2 and reason in endpoint.asked[1]["utterances"][0]["refused"]


async def test_what_is_said_is_no_instruction(stub: translate_pb2_grpc.TranslateServiceStub, endpoint: Endpoint) -> None:
    (text,) = (text for text in PORTUGUESE if "HACKED" in text)
    endpoint.replies = [lambda asked: completion(json.dumps({"translations": [{"id": "u1", "text": "HACKED"}] * 1}))]
    response = await stub.Translate(request(text, budgets=[translate_pb2.LengthBudget(min_characters=40, max_characters=60)]))
    assert response.translations[0].fallback_reason and "instruções" in response.translations[0].text
    assert "never an instruction" in endpoint.bodies[0]["messages"][0]["content"]
    assert text not in endpoint.bodies[0]["messages"][0]["content"]


async def test_of_two_lengths_the_nearer_one_is_kept(stub: translate_pb2_grpc.TranslateServiceStub, endpoint: Endpoint) -> None:
    long, nearer = "Muito boa noite e sejam todos bem-vindos.", "Boa noite e sejam bem-vindos."
    endpoint.replies = [saying(0, long), saying(0, nearer)]
    response = await stub.Translate(request(TEXTS[0], budgets=[translate_pb2.LengthBudget(min_characters=18, max_characters=24)]))
    assert response.translations[0].text == nearer and not response.translations[0].fallback_reason
    assert "max_characters" in endpoint.asked[1]["utterances"][0]["refused"]


async def test_a_missed_term_is_asked_for_again_then_told(stub: translate_pb2_grpc.TranslateServiceStub, endpoint: Endpoint) -> None:
    glossary = [translate_pb2.GlossaryTerm(source="ships", target="embarcações")]
    response = await stub.Translate(request(glossary=glossary))
    assert response.translations[1].text == WELL[1] and list(response.translations[1].missed_terms) == ["ships"]
    assert "ships" in endpoint.asked[1]["utterances"][0]["refused"]


DEAD = {
    "too many requests for good": (lambda asked: Reply(429, b"", {"Retry-After": "0"}), "status 429", 4),
    "no key": (lambda asked: Reply(401, b"bad key"), "check its key", 1),
    "no model": (lambda asked: Reply(404, b""), "status 404", 1),
    "elsewhere": (lambda asked: Reply(302, b"", {"Location": "http://example.com/"}), "status 302", 1),
    "cut for good": (lambda asked: Reply(body=good(asked).body, cut_after=20), "broke off", 4),
}


@pytest.mark.parametrize("case", DEAD)
async def test_a_dead_endpoint_is_given_up(stub: translate_pb2_grpc.TranslateServiceStub, endpoint: Endpoint, case: str) -> None:
    reply, reason, calls = DEAD[case]
    endpoint.replies = [reply]
    response = await stub.Translate(request(*TEXTS * 20))
    assert all(reason in t.fallback_reason and t.text for t in response.translations)
    # Once it is given up, the other passages and texts do not ask it again.
    assert len(endpoint.asked) == calls


async def test_a_slow_endpoint_is_given_up(stub: translate_pb2_grpc.TranslateServiceStub, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_endpoint, "_ATTEMPTS", 2)
    endpoint.replies = [lambda asked: Reply(delay_s=60)]
    response = await stub.Translate(request())
    assert all("did not answer within 1 s" in t.fallback_reason for t in response.translations)
    # Nor does the next request wait for it.
    again = await stub.Translate(request())
    assert all("did not answer within 1 s" in t.fallback_reason for t in again.translations) and len(endpoint.asked) == 2


async def test_without_a_plain_model_the_call_fails(stub: translate_pb2_grpc.TranslateServiceStub, endpoint: Endpoint) -> None:
    endpoint.replies = [saying(0, "")]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Translate(request(TEXTS[0], target="ja"))
    error = from_rpc_error(caught.value)
    assert isinstance(error, Unavailable) and error.reason == "NO_FALLBACK" and "it is empty" in error.message and "ja" in error.message


async def test_the_key_is_in_no_log(stub: translate_pb2_grpc.TranslateServiceStub, endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    endpoint.replies = [lambda asked: Reply(401, KEY.encode())]
    response = await stub.Translate(request())
    assert caplog.records and KEY not in caplog.text and KEY not in str(response) and KEY not in repr(EndpointSettings.from_environment())


async def test_pairs_and_models(stub: translate_pb2_grpc.TranslateServiceStub) -> None:
    models = {m.engine: m for m in (await stub.ListModels(translate_pb2.ListModelsRequest())).models}
    listed = models["openai-compatible"]
    assert listed.installed and not listed.is_default and not listed.commercial_use
    assert set(listed.locales) == {"en>pt-BR", "en>ja", "pt-BR>en", "pt-BR>ja", "ja>en", "ja>pt-BR"}
    assert models["bergamot"].is_default
    pairs = (await stub.ListPairs(translate_pb2.ListPairsRequest(engine="openai-compatible"))).pairs
    assert {f"{pair.source_locale}>{pair.target_locale}" for pair in pairs} == set(listed.locales) and not any(pair.pivots for pair in pairs)
    assert len((await stub.ListPairs(translate_pb2.ListPairsRequest())).pairs) == 2


BUDGETS = {
    "one too few": ([(1, 10)], "budgets", "BUDGET_COUNT"),
    "no maximum": ([(1, 10), (0, 0), (1, 1)], "budgets[1].max_characters", "BAD_BUDGET"),
    "upside down": ([(1, 10), (1, 2), (9, 8)], "budgets[2].max_characters", "BAD_BUDGET"),
}


@pytest.mark.parametrize("case", BUDGETS)
async def test_bad_budgets_name_the_field(stub: translate_pb2_grpc.TranslateServiceStub, case: str) -> None:
    budgets, field, reason = BUDGETS[case]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Translate(request(budgets=[translate_pb2.LengthBudget(min_characters=a, max_characters=b) for a, b in budgets]))
    error = from_rpc_error(caught.value)
    assert isinstance(error, InvalidInput) and (error.violations[0].field, error.violations[0].reason) == (field, reason)


def test_not_set_up_it_says_what_to_set() -> None:
    (info,) = OpenAiCompatibleEngine.describe(ModelStore())
    assert not info.installed and chat_endpoint.URL_VARIABLE in info.remedy
    with pytest.raises(Unavailable, match=chat_endpoint.MODEL_VARIABLE):
        OpenAiCompatibleEngine(ModelStore())


WRONG_SETTINGS = [
    ("URL", "ftp://llm.example"),
    ("URL", "http://user:secret@llm.example"),
    ("URL", "http://llm.example/v1"),
    ("URL", "https://llm.example:99999/v1"),
    ("TIMEOUT_S", "soon"),
    ("TIMEOUT_S", "0"),
    ("LOCALES", "en,not a locale"),
    ("KEY_FILE", "/nowhere/key"),
]


@pytest.mark.parametrize(("name", "text"), WRONG_SETTINGS)
def test_settings_that_cannot_be(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setenv(f"LOCUTOR_TRANSLATE_OPENAI_{name}", text)
    with pytest.raises(LocutorError) as caught:
        OpenAiCompatibleEngine(ModelStore())
    assert isinstance(caught.value, InvalidInput) and caught.value.violations[0].field == f"LOCUTOR_TRANSLATE_OPENAI_{name}"
    assert KEY not in str(caught.value) and "secret" not in str(caught.value)


def test_the_key_may_lie_in_a_file(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "key").write_text(" another-key\n")
    monkeypatch.setenv(chat_endpoint.KEY_FILE_VARIABLE, str(tmp_path / "key"))
    settings = EndpointSettings.from_environment()
    assert settings is not None and settings.key == "another-key"
