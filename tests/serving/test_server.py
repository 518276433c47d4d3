"""The server's plumbing, with a servicer made for the test: errors, tokens, health, reflection, start and end."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from locutor import errors as e
from locutor.address import CHANNEL_OPTIONS, Address
from locutor.asr.v1 import asr_pb2, asr_pb2_grpc
from locutor.status import code_name, from_rpc_error
from locutor.translate.v1 import translate_pb2, translate_pb2_grpc
from locutor.tts.v1 import tts_pb2, tts_pb2_grpc
from services.serving import GrpcServer, ServingSettings
from services.serving.interceptors import TokenInterceptor

ERRORS: list[e.LocutorError] = [
    e.InvalidInput([e.FieldViolation("texts[0]", "is empty; give a text", "EMPTY"), e.FieldViolation("source_locale", "is unknown", "UNKNOWN_LOCALE")]),
    e.OutOfRange.of("target_duration", "1 s cannot be reached; from 2 s to 4 s can", "UNREACHABLE"),
    e.NotFound("no job j1"),
    e.AlreadyExists("other spec"),
    e.PermissionDenied("not yours"),
    e.Unauthenticated("who are you"),
    e.MissingExtra("x", "y"),
    e.Overloaded("full", retry_after_s=1.5),
    e.ServiceLost("tts went away"),
    e.DeadlineExceeded("too late"),
]


class Echo(translate_pb2_grpc.TranslateServiceServicer):
    full_name = "locutor.translate.v1.TranslateService"
    closed = False

    def register(self, server: grpc.aio.Server) -> None:
        translate_pb2_grpc.add_TranslateServiceServicer_to_server(self, server)

    async def load(self) -> None: ...

    async def close(self) -> None:
        self.closed = True

    async def Translate(self, request: translate_pb2.TranslateRequest, context: grpc.aio.ServicerContext) -> translate_pb2.TranslateResponse:
        if request.engine.startswith("error "):
            raise ERRORS[int(request.engine.split()[1])]
        if request.engine == "defect":
            raise RuntimeError("secret path /etc/x")
        if request.engine == "slow":
            await asyncio.sleep(0.4)
        return translate_pb2.TranslateResponse(translations=[translate_pb2.Translation(text=t) for t in request.texts])


class Refuser(asr_pb2_grpc.AsrServiceServicer):
    full_name = "locutor.asr.v1.AsrService"

    def register(self, server: grpc.aio.Server) -> None:
        asr_pb2_grpc.add_AsrServiceServicer_to_server(self, server)

    async def load(self) -> None: ...

    async def close(self) -> None: ...

    async def Recognize(self, requests: AsyncIterator[asr_pb2.RecognizeRequest], context: grpc.aio.ServicerContext) -> AsyncIterator[asr_pb2.RecognizeResponse]:
        async for _ in requests:
            raise e.InvalidInput.of("config.locale", "is unknown", "UNKNOWN_LOCALE")
        yield asr_pb2.RecognizeResponse()


class Streamer(tts_pb2_grpc.TtsServiceServicer):
    full_name = "locutor.tts.v1.TtsService"

    def register(self, server: grpc.aio.Server) -> None:
        tts_pb2_grpc.add_TtsServiceServicer_to_server(self, server)

    async def load(self) -> None: ...

    async def close(self) -> None: ...

    async def Synthesize(self, request: tts_pb2.SynthesizeRequest, context: grpc.aio.ServicerContext) -> AsyncIterator[tts_pb2.SynthesizeResponse]:
        yield tts_pb2.SynthesizeResponse(audio=b"first")
        raise e.Overloaded("full", retry_after_s=3)


@contextlib.asynccontextmanager
async def running(*services, interceptors=(), **settings) -> AsyncIterator[tuple[GrpcServer, grpc.aio.Channel]]:
    server = GrpcServer(services or [Echo()], ServingSettings(**settings), interceptors)
    await server.start()
    await server.load()
    try:
        async with grpc.aio.insecure_channel(Address.parse(server.address).target, options=CHANNEL_OPTIONS) as channel:
            yield server, channel
    finally:
        await server.stop(0)


@pytest.mark.parametrize("number", range(len(ERRORS)), ids=lambda n: type(ERRORS[n]).__name__)
async def test_an_error_arrives_as_it_was_raised(number: int) -> None:
    raised = ERRORS[number]
    async with running() as (_, channel):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await translate_pb2_grpc.TranslateServiceStub(channel).Translate(translate_pb2.TranslateRequest(engine=f"error {number}"))
    got = from_rpc_error(caught.value)
    assert caught.value.code().name == code_name(raised)
    assert (got.reason, got.message, got.retryable, got.retry_after_s) == (raised.reason, raised.message, raised.retryable, raised.retry_after_s)
    assert getattr(got, "violations", ()) == getattr(raised, "violations", ())


@pytest.mark.parametrize("text", ["is too long; cut it at a paragraph" * 4, "長すぎます" * 60], ids=["ascii", "japanese"])
async def test_more_violations_than_headers_hold_are_told_as_far_as_they_do(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raised = e.InvalidInput([e.FieldViolation(f"texts[{index}]", text, "TEXT_TOO_LONG") for index in range(1000)])
    monkeypatch.setattr("tests.serving.test_server.ERRORS", [raised])
    async with running() as (_, channel):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await translate_pb2_grpc.TranslateServiceStub(channel).Translate(translate_pb2.TranslateRequest(engine="error 0"))
    got = from_rpc_error(caught.value)
    assert isinstance(got, e.InvalidInput)
    told = len(got.violations) - 1
    assert told > 2 and got.violations[:told] == raised.violations[:told]
    assert got.violations[told].message.startswith(f"and {1000 - told} more")


async def test_a_message_longer_than_headers_hold_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.serving.test_server.ERRORS", [e.NotFound("no job " + "é" * 100_000)])
    async with running() as (_, channel):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await translate_pb2_grpc.TranslateServiceStub(channel).Translate(translate_pb2.TranslateRequest(engine="error 0"))
    got = from_rpc_error(caught.value)
    assert isinstance(got, e.NotFound) and got.message.startswith("no job éé") and got.message.endswith("é…")


async def test_a_defect_is_internal_and_keeps_its_text_to_itself() -> None:
    async with running() as (_, channel):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await translate_pb2_grpc.TranslateServiceStub(channel).Translate(translate_pb2.TranslateRequest(engine="defect"))
        assert caught.value.code() is grpc.StatusCode.INTERNAL
        assert "secret" not in caught.value.details() and "incident" in caught.value.details()
        answer = await translate_pb2_grpc.TranslateServiceStub(channel).Translate(translate_pb2.TranslateRequest(texts=["still here"]))
        assert answer.translations[0].text == "still here"


async def test_an_error_after_the_first_item_of_a_stream() -> None:
    async with running(Streamer()) as (_, channel):
        call = tts_pb2_grpc.TtsServiceStub(channel).Synthesize(tts_pb2.SynthesizeRequest())
        assert (await call.read()).audio == b"first"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        assert from_rpc_error(caught.value).retry_after_s == 3


async def test_a_refusal_reaches_a_client_that_is_still_sending() -> None:
    async def requests() -> AsyncIterator[asr_pb2.RecognizeRequest]:
        for _ in range(200):
            yield asr_pb2.RecognizeRequest(audio=bytes(256 * 1024))

    async with running(Refuser()) as (_, channel):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in asr_pb2_grpc.AsrServiceStub(channel).Recognize(requests()):
                pass
    assert from_rpc_error(caught.value).reason == "UNKNOWN_LOCALE"


async def test_health_turns_serving_once_loaded_and_reflection_lists_the_services() -> None:
    server = GrpcServer([Echo()], ServingSettings())
    await server.start()
    try:
        async with grpc.aio.insecure_channel(Address.parse(server.address).target, options=CHANNEL_OPTIONS) as channel:
            check = health_pb2_grpc.HealthStub(channel).Check
            for name in ("", Echo.full_name):
                assert (await check(health_pb2.HealthCheckRequest(service=name))).status == health_pb2.HealthCheckResponse.NOT_SERVING
            await server.load()
            for name in ("", Echo.full_name):
                assert (await check(health_pb2.HealthCheckRequest(service=name))).status == health_pb2.HealthCheckResponse.SERVING
            call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
            names = [s.name async for answer in call for s in answer.list_services_response.service]
            assert Echo.full_name in names and "grpc.health.v1.Health" in names
    finally:
        await server.stop(0)


async def test_stop_lets_a_running_call_end_and_closes_the_service() -> None:
    echo = Echo()
    async with running(echo) as (server, channel):
        call = translate_pb2_grpc.TranslateServiceStub(channel).Translate(translate_pb2.TranslateRequest(engine="slow", texts=["done"]))
        await asyncio.sleep(0.1)
        await server.stop(5)
        assert (await call).translations[0].text == "done"
    assert echo.closed


async def test_a_service_that_cannot_be_closed_does_not_keep_the_others_open() -> None:
    class Stuck(Streamer):
        async def close(self) -> None:
            raise RuntimeError("stuck")

    services = [Echo(), Stuck(), Refuser()]
    echo = services[0]
    assert isinstance(echo, Echo)
    for order in (services, services[::-1]):
        echo.closed = False
        server = GrpcServer(order, ServingSettings())
        await server.start()
        with pytest.raises(RuntimeError, match="stuck"):
            await server.stop(0)
        assert echo.closed


async def test_a_token_is_asked_for_but_not_of_health_checks() -> None:
    tokens = {"acme": hashlib.sha256(b"s3cret").hexdigest()}
    async with running(interceptors=[TokenInterceptor(tokens)]) as (_, channel):
        stub = translate_pb2_grpc.TranslateServiceStub(channel)
        for metadata in ((), (("authorization", "Bearer wrong"),), (("authorization", "s3cret"),)):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.Translate(translate_pb2.TranslateRequest(), metadata=metadata)
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        await stub.Translate(translate_pb2.TranslateRequest(), metadata=(("authorization", "Bearer s3cret"),))
        assert (await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())).status == health_pb2.HealthCheckResponse.SERVING


async def test_a_port_that_is_taken_is_an_error_of_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = GrpcServer([Echo()], ServingSettings(listen=f"tcp://127.0.0.1:{taken.getsockname()[1]}"))
        with pytest.raises(e.Unavailable, match="in use"):
            await server.start()


@pytest.mark.parametrize("uri", ["tcp://0.0.0.0:50051", "tcp://[::]:50051", "tcp://192.0.2.1:50051"])
def test_listening_beyond_the_loopback_needs_tls_or_a_word(uri: str) -> None:
    with pytest.raises(e.InvalidInput, match="--trust-network"):
        ServingSettings(listen=uri)
    assert ServingSettings(listen=uri, trust_network=True).listen == uri


def test_an_authority_for_clients_without_tls_is_refused_rather_than_ignored(tmp_path: Path) -> None:
    with pytest.raises(e.InvalidInput, match="--tls-certificate"):
        ServingSettings(tls_client_ca=tmp_path / "ca.pem")


async def test_a_certificate_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    server = GrpcServer([Echo()], ServingSettings(tls_certificate=tmp_path / "no.pem", tls_key=tmp_path / "no.key"))
    with pytest.raises(e.InvalidInput, match=r"no\.\w+ cannot be read"):
        await server.start()


def test_a_variable_that_is_no_number_is_refused_as_an_argument_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LOCUTOR_WORKERS", "2")
    assert ServingSettings.from_arguments("x", "tcp://127.0.0.1:0", []).workers == 2
    monkeypatch.setenv("LOCUTOR_WORKERS", "many")
    with pytest.raises(SystemExit):
        ServingSettings.from_arguments("x", "tcp://127.0.0.1:0", [])
    assert "--workers: invalid int value: 'many'" in capsys.readouterr().err


@pytest.mark.parametrize("uri", ["", "nonsense", "tcp://host:²", "tcp://host", "unix:", "ftp://host:1", "tcp://host:99999"])
def test_a_bad_address_is_refused_with_the_forms_that_are_right(uri: str) -> None:
    with pytest.raises(e.InvalidInput, match="unix:/path"):
        Address.parse(uri)


async def test_sigterm_drains_a_process_and_ends_it() -> None:
    code = (
        "import asyncio\nfrom services.serving import *\nfrom tests.serving.test_server import Echo\n"
        "run(lambda: serve_until_signalled(GrpcServer([Echo()], ServingSettings())))"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stderr=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONWARNINGS": "ignore"})
    assert process.stderr is not None
    address = ""
    while "ready" not in (line := (await process.stderr.readline()).decode()):
        assert line, "the process ended before it was ready"
        if line.startswith("listening on "):
            address = line.split()[-1]
    async with grpc.aio.insecure_channel(Address.parse(address).target, options=CHANNEL_OPTIONS) as channel:
        call = translate_pb2_grpc.TranslateServiceStub(channel).Translate(translate_pb2.TranslateRequest(engine="slow", texts=["kept"]))
        await asyncio.sleep(0.15)
        process.send_signal(signal.SIGTERM)
        assert (await call).translations[0].text == "kept"
    assert await asyncio.wait_for(process.wait(), 20) == 0
