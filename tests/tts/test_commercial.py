"""A server that is set to commercial use asks for the licence of what would speak before any of it is read: the models here are none."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
import pytest
import pytest_asyncio

from locutor.address import Address
from locutor.errors import InvalidInput
from locutor.status import from_rpc_error
from locutor.tts.v1 import tts_pb2, tts_pb2_grpc
from services.serving import GrpcServer, ServingSettings
from services.tts.engines.piper.catalog import FOLDER_VARIABLE
from services.tts.servicer import TtsServicer
from services.weights import ModelStore


def _bring(folder: Path, name: str, quality: str, licence: str) -> None:
    config = {
        "audio": {"sample_rate": 22050, "quality": quality},
        "espeak": {"voice": "de"},
        "phoneme_id_map": {"^": [1], "$": [2], "_": [0], "a": [3]},
        "language": {"code": "de_DE"},
    }
    (folder / f"{name}.onnx").write_bytes(b"no model")
    (folder / f"{name}.onnx.json").write_text(json.dumps(config))
    (folder / f"{name}.MODEL_CARD").write_text(f"* License: {licence}\n")


@pytest_asyncio.fixture
async def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tts_pb2_grpc.TtsServiceStub]:
    _bring(tmp_path, "closed", "high", "CC-BY-NC 4.0")
    _bring(tmp_path, "open", "low", "CC0")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    settings = ServingSettings(listen="tcp://127.0.0.1:0", threads=1, engine="piper", commercial=True)
    server = GrpcServer([TtsServicer(settings, ModelStore())], settings)
    await server.start()
    async with grpc.aio.insecure_channel(Address.parse(server.address).target, options=[("grpc.enable_http_proxy", 0)]) as channel:
        yield tts_pb2_grpc.TtsServiceStub(channel)
    await server.stop(0)


async def _refusals(stub: tts_pb2_grpc.TtsServiceStub, *, voice: str = "", engine: str = "") -> list[InvalidInput]:
    """What speaking and measuring say."""
    found = []
    for call in (
        stub.Synthesize(tts_pb2.SynthesizeRequest(text="Hallo", locale="de", voice=voice, engine=engine)).read(),
        stub.MeasureSpeech(tts_pb2.MeasureSpeechRequest(texts=["Hallo"], rates=[1], locale="de", voice=voice, engine=engine)),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call
        error = from_rpc_error(raised.value)
        assert isinstance(error, InvalidInput)
        found.append(error)
    return found


async def test_a_voice_whose_licence_forbids_it_is_refused_before_it_is_read(stub: tts_pb2_grpc.TtsServiceStub) -> None:
    for error in await _refusals(stub, voice="piper:closed"):
        assert [(v.field, v.reason) for v in error.violations] == [("voice", "NON_COMMERCIAL_WEIGHTS")]


@pytest.mark.parametrize("engine", ["", "piper"])
async def test_the_one_that_may_be_used_is_taken_where_none_is_named(stub: tts_pb2_grpc.TtsServiceStub, engine: str) -> None:
    for error in await _refusals(stub, engine=engine):
        (violation,) = error.violations
        assert violation.reason == "UNUSABLE_VOICE" and violation.message.startswith("open.onnx")
    voices = (await stub.ListVoices(tts_pb2.ListVoicesRequest(locale="de"))).voices
    assert [voice.id for voice in voices if voice.is_default] == ["piper:open"]
