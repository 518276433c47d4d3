"""The service over gRPC: order of messages, lists, bad input."""

from __future__ import annotations

import math
import threading
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration

from locutor.address import Address
from locutor.common.v1 import audio_pb2, timeline_pb2
from locutor.errors import InvalidInput, OutOfRange
from locutor.status import from_rpc_error
from locutor.tts.v1 import tts_pb2, tts_pb2_grpc
from services.engine import load_engine_class
from services.serving import GrpcServer, ServingSettings
from services.tts.servicer import TtsServicer
from services.weights import ModelStore


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stub() -> AsyncIterator[tts_pb2_grpc.TtsServiceStub]:
    settings = ServingSettings(listen="tcp://127.0.0.1:0", threads=2)
    server = GrpcServer([TtsServicer(settings, ModelStore())], settings)
    await server.start()
    await server.load()
    async with grpc.aio.insecure_channel(Address.parse(server.address).target, options=[("grpc.enable_http_proxy", 0)]) as channel:
        yield tts_pb2_grpc.TtsServiceStub(channel)
    await server.stop(grace_s=0)


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_messages_come_in_order_and_agree(stub: tts_pb2_grpc.TtsServiceStub) -> None:
    text = "Good morning to you all. That costs $5 in the new shop."
    responses = [r async for r in stub.Synthesize(tts_pb2.SynthesizeRequest(text=text, locale="en"))]
    kinds = [r.WhichOneof("payload") for r in responses]
    assert kinds[0] == "header" and kinds[1] == "sentence" and kinds[-1] == "summary"
    assert set(kinds[2:-1]) == {"audio", "sentence"} and kinds.count("sentence") == 2
    header, summary = responses[0].header, responses[-1].summary
    assert (header.voice, header.locale) == ("af_heart", "en-US")
    assert header.model.engine == "kokoro" and header.model.weights and header.model.is_default is False
    assert header.format == audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hertz=24000, channels=1)
    audio = b"".join(r.audio for r in responses)
    assert all(len(r.audio) <= 256 * 1024 for r in responses)
    assert len(audio) == summary.sample_count * 2
    assert summary.duration.ToNanoseconds() == round(summary.sample_count / 24000 * 1e9)
    assert summary.rate == 1
    sentences = [r.sentence for r in responses if r.WhichOneof("payload") == "sentence"]
    assert sentences[0].start_offset.ToNanoseconds() == 0
    assert sentences[0].end_offset == sentences[1].start_offset
    assert sentences[1].end_offset == summary.duration
    assert sentences[1].spoken_text == "That costs five dollars in the new shop."
    for sentence in sentences:
        assert sentence.timeline.visemes[0].viseme == timeline_pb2.VISEME_SILENCE
        for span in (sentence.timeline.phonemes, sentence.timeline.visemes):
            assert span[0].start_offset == sentence.start_offset and span[-1].end_offset == sentence.end_offset
    word = next(w for w in sentences[1].timeline.words if w.text == "$5")
    assert text[word.text_begin : word.text_end] == "$5"


async def test_tracks_come_when_they_are_asked_for(stub: tts_pb2_grpc.TtsServiceStub) -> None:
    text = "Good morning to you all, my friends. That map costs $5 in the big shop."
    plain = [r.sentence.timeline async for r in stub.Synthesize(tts_pb2.SynthesizeRequest(text=text, locale="en")) if r.HasField("sentence")]
    assert all(not t.mouth_shapes and not t.azure_visemes and not t.HasField("blendshapes") for t in plain)
    tracks = [timeline_pb2.TIMELINE_TRACK_MOUTH_SHAPES, timeline_pb2.TIMELINE_TRACK_AZURE_VISEMES, timeline_pb2.TIMELINE_TRACK_BLENDSHAPES]
    responses = [r async for r in stub.Synthesize(tts_pb2.SynthesizeRequest(text=text, locale="en", tracks=tracks))]
    sentences = [r.sentence for r in responses if r.HasField("sentence")]
    samples = 0
    for sentence in sentences:
        timeline = sentence.timeline
        for spans in (timeline.mouth_shapes, timeline.azure_visemes):
            assert spans[0].start_offset == sentence.start_offset and spans[-1].end_offset == sentence.end_offset
        closures = [span.start_offset for span in timeline.visemes if span.viseme == timeline_pb2.VISEME_PP]
        assert closures == [span.start_offset for span in timeline.azure_visemes if span.viseme_id == 21]
        assert closures == [span.start_offset for span in timeline.mouth_shapes if span.shape == timeline_pb2.MOUTH_SHAPE_MBP]
        curves = timeline.blendshapes
        assert (curves.rate_hertz, len(curves.names), len(curves.weights) % 52) == (60, 52, 0)
        assert curves.start_offset.ToNanoseconds() == round(samples / 60 * 1e9), "the next sentence goes on where this one ended"
        samples += len(curves.weights) // 52
    assert len(sentences) == 2 and samples == math.ceil(responses[-1].summary.duration.ToNanoseconds() / 1e9 * 60)


async def test_lists(stub: tts_pb2_grpc.TtsServiceStub) -> None:
    voices = (await stub.ListVoices(tts_pb2.ListVoicesRequest())).voices
    assert len([voice for voice in voices if voice.engine == "kokoro"]) == 54 and len({voice.id for voice in voices}) == len(voices)
    heart = next(voice for voice in voices if voice.id == "af_heart")
    assert (heart.locale, heart.gender, heart.display_name, heart.is_default) == ("en-US", tts_pb2.GENDER_FEMALE, "Heart", True)
    assert heart.engine == "kokoro" and heart.quality == tts_pb2.QUALITY_NEURAL
    spanish = (await stub.ListVoices(tts_pb2.ListVoicesRequest(locale="es"))).voices
    assert {voice.id for voice in spanish} == {"ef_dora", "em_alex", "em_santa", "espeak:es", "espeak:es+f1", "espeak:es-419", "espeak:es-419+f1"}
    assert {voice.quality for voice in spanish if voice.engine == "espeak"} == {tts_pb2.QUALITY_FORMANT}
    # The one default of a locale is of the first engine that speaks it, and never rule-made.
    assert [voice.id for voice in voices if voice.is_default and voice.locale in ("en-US", "de")] == ["af_heart"]
    models = (await stub.ListModels(tts_pb2.ListModelsRequest())).models
    model = next(model for model in models if model.engine == "kokoro")
    assert model.installed and model.is_default and not model.remedy and "pt-BR" in model.locales
    assert model.license == "Apache-2.0" and len(model.weights) == 55
    licences = {(model.engine, model.name): model.license for model in models}
    assert all(licences[voice.engine, voice.model] == voice.license for voice in voices), "each voice names the weights that speak it"


async def test_voices_are_listed_without_holding_up_other_calls(stub: tts_pb2_grpc.TtsServiceStub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first list imports the engines' libraries: not in the thread that serves all calls."""
    threads: list[threading.Thread] = []

    def load(*arguments: Any) -> Any:
        threads.append(threading.current_thread())
        return load_engine_class(*arguments)

    monkeypatch.setattr("services.tts.roster.load_engine_class", load)
    assert (await stub.ListVoices(tts_pb2.ListVoicesRequest())).voices
    assert threads and threading.current_thread() not in threads


@pytest.mark.parametrize(
    ("fields", "request_"),
    [
        ({"text", "locale"}, {}),
        ({"text"}, {"text": " \n", "locale": "es"}),
        ({"text"}, {"text": "a" * 5001, "locale": "es"}),
        ({"text"}, {"text": "...", "locale": "es"}),
        ({"locale"}, {"text": "Hallo", "locale": "de"}),
        ({"voice"}, {"text": "Hola", "locale": "es", "voice": "af_heart"}),
        ({"engine"}, {"text": "Hola", "locale": "es", "engine": "nothing"}),
        ({"rate"}, {"text": "Hola", "locale": "es", "rate": 2.5}),
        ({"rate"}, {"text": "Hola", "locale": "es", "rate": float("nan")}),
        ({"min_rate"}, {"text": "Hola", "locale": "es", "min_rate": 1.5}),
        ({"target_duration"}, {"text": "Hola", "locale": "es", "target_duration": Duration(seconds=-1)}),
        ({"tracks[1]", "locale"}, {"text": "Hola", "tracks": [timeline_pb2.TIMELINE_TRACK_MOUTH_SHAPES, 9]}),
        ({"tracks[0]"}, {"text": "Hola", "locale": "es", "tracks": [timeline_pb2.TIMELINE_TRACK_UNSPECIFIED]}),
        ({"rate"}, {"text": "Hola", "locale": "es", "rate": 1, "target_duration": Duration(seconds=1)}),
    ],
)
async def test_bad_input_names_its_fields(stub: tts_pb2_grpc.TtsServiceStub, fields: set[str], request_: dict[str, Any]) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        async for _ in stub.Synthesize(tts_pb2.SynthesizeRequest(**request_)):
            pass
    error = from_rpc_error(raised.value)
    assert isinstance(error, InvalidInput)
    assert {violation.field for violation in error.violations} == fields


async def test_an_unreachable_target_is_out_of_range(stub: tts_pb2_grpc.TtsServiceStub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        async for _ in stub.Synthesize(tts_pb2.SynthesizeRequest(text="Hello there, my friend.", locale="en-US", target_duration=Duration(seconds=9))):
            pass
    assert raised.value.code() is grpc.StatusCode.OUT_OF_RANGE
    assert isinstance(from_rpc_error(raised.value), OutOfRange)


async def test_malformed_locale_of_a_list(stub: tts_pb2_grpc.TtsServiceStub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stub.ListVoices(tts_pb2.ListVoicesRequest(locale="no such"))
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_speech_is_measured_before_it_is_spoken(stub: tts_pb2_grpc.TtsServiceStub) -> None:
    text = "Hello. This is a short text."
    request = tts_pb2.MeasureSpeechRequest(texts=[text, "Hi!"], locale="en-US", rates=[0.85, 1.0, 1.35])
    measured = [[d.ToTimedelta().total_seconds() for d in measure.durations] for measure in (await stub.MeasureSpeech(request)).measures]
    assert len(measured) == 2 and all(slow > natural > fast for slow, natural, fast in measured)
    *_, summary = [response async for response in stub.Synthesize(tts_pb2.SynthesizeRequest(text=text, locale="en-US"))]
    assert summary.summary.duration.ToTimedelta().total_seconds() == pytest.approx(measured[0][1], abs=1e-6)


async def _spoken(stub: tts_pb2_grpc.TtsServiceStub, **fields: Any) -> list[tts_pb2.SynthesizeResponse]:
    return [response async for response in stub.Synthesize(tts_pb2.SynthesizeRequest(**fields))]


@pytest.mark.parametrize(
    ("fields", "engine", "voice", "hertz"),
    [
        ({"locale": "en", "voice": "piper:en_US-joe-medium"}, "piper", "piper:en_US-joe-medium", 22050),
        ({"locale": "en", "engine": "piper"}, "piper", "piper:en_US-joe-medium", 22050),
        ({"locale": "de-AT", "engine": "espeak"}, "espeak", "espeak:de", 22050),
        ({"locale": "de", "voice": "espeak:de+f1"}, "espeak", "espeak:de+f1", 22050),
        ({"locale": "en-GB"}, "kokoro", "bf_emma", 24000),
    ],
)
async def test_a_voice_of_any_engine_speaks_by_its_id(stub: tts_pb2_grpc.TtsServiceStub, fields: dict[str, str], engine: str, voice: str, hertz: int) -> None:
    header, *rest = await _spoken(stub, text="Hallo. Anna!", **fields)
    assert (header.header.model.engine, header.header.voice, header.header.format.sample_rate_hertz) == (engine, voice, hertz)
    samples = sum(len(response.audio) for response in rest) // 2
    assert samples == rest[-1].summary.sample_count and rest[-1].summary.duration.ToNanoseconds() == round(samples / hertz * 1e9)
    measured = await stub.MeasureSpeech(tts_pb2.MeasureSpeechRequest(texts=["Hallo. Anna!"], rates=[1.0], **fields))
    assert measured.measures[0].durations[0].ToNanoseconds() == pytest.approx(samples / hertz * 1e9, abs=1)


async def test_a_rule_made_voice_is_never_taken_unasked(stub: tts_pb2_grpc.TtsServiceStub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await _spoken(stub, text="Hallo", locale="de")
    error = from_rpc_error(raised.value)
    assert isinstance(error, InvalidInput) and error.violations[0].reason == "ONLY_FORMANT_VOICES"
    assert "espeak:de or espeak:de+f1" in error.violations[0].message
