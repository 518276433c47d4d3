"""Diarize over gRPC, with the real engine."""

from __future__ import annotations

import io
import wave
from collections.abc import AsyncIterator, Iterable

import grpc
import grpc.aio
import pytest
import pytest_asyncio

from bench.diarization import Dialogue, dialogue, speak
from locutor.address import CHANNEL_OPTIONS, Address
from locutor.asr.v1 import asr_pb2, asr_pb2_grpc
from locutor.common.v1 import audio_pb2
from locutor.errors import InvalidInput, LocutorError
from locutor.status import from_rpc_error
from services.asr.servicer import AsrServicer
from services.asr.servicer.diarization import diarization_options
from services.serving import GrpcServer, ServingSettings
from services.weights import ModelStore

pytestmark = pytest.mark.asyncio(loop_scope="module")

PCM = audio_pb2.AUDIO_ENCODING_PCM_S16LE
FILE = audio_pb2.AUDIO_ENCODING_FILE


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stub() -> AsyncIterator[asr_pb2_grpc.AsrServiceStub]:
    """Recognition is not loaded: telling speakers apart does not need it."""
    settings = ServingSettings(threads=2)
    server = GrpcServer([AsrServicer(settings, ModelStore())], settings)
    await server.start()
    async with grpc.aio.insecure_channel(Address.parse(server.address).target, options=CHANNEL_OPTIONS) as channel:
        yield asr_pb2_grpc.AsrServiceStub(channel)
    await server.stop(0)


@pytest.fixture(scope="module")
def talk() -> Dialogue:
    return dialogue(
        [(0, speak("Good morning, and what did you find when you came down to the river?", "bm_george")), (1, speak("We found three old boats.", "bf_emma"))],
        (0.3,),
    )


def config(encoding: int = PCM, rate: int = 16_000, spans: Iterable[tuple[float, float]] = (), **fields: object) -> asr_pb2.DiarizeRequest:
    sound = audio_pb2.AudioFormat(encoding=encoding, sample_rate_hertz=rate, channels=1)  # type: ignore[arg-type]
    found = asr_pb2.DiarizeConfig(format=sound, **fields)  # type: ignore[arg-type]
    for begin, end in spans:
        span = found.spans.add()
        span.start_offset.FromNanoseconds(round(begin * 1e9))
        span.end_offset.FromNanoseconds(round(end * 1e9))
    return asr_pb2.DiarizeRequest(config=found)


def chunks(data: bytes) -> list[asr_pb2.DiarizeRequest]:
    return [asr_pb2.DiarizeRequest(audio=data[at : at + 65_536]) for at in range(0, len(data), 65_536)]


async def refusal(stub: asr_pb2_grpc.AsrServiceStub, requests: Iterable[asr_pb2.DiarizeRequest]) -> LocutorError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Diarize(iter(requests))
    return from_rpc_error(caught.value)


@pytest.mark.parametrize("kind", ["pcm", "file"])
@pytest.mark.parametrize("given", [True, False], ids=["words", "no words"])
async def test_two_speakers(stub: asr_pb2_grpc.AsrServiceStub, talk: Dialogue, kind: str, given: bool) -> None:
    spans = [(word.start_s, word.end_s) for word in talk.words] if given else []
    if kind == "file":
        buffer = io.BytesIO()
        with wave.open(buffer, "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            file.writeframes(talk.pcm)
        requests = [config(FILE, spans=spans, speaker_count=2), *chunks(buffer.getvalue())]
    else:
        requests = [config(spans=spans, speaker_count=2), *chunks(talk.pcm)]
    response = await stub.Diarize(iter(requests))
    assert [turn.speaker for turn in response.turns] == [0, 1] and len(response.speakers) == 2
    change = response.turns[1].start_offset.ToNanoseconds() / 1e9
    assert change == pytest.approx(talk.turns[1].start_s, abs=0.001 if given else 0.5)
    assert [len(speaker.embedding) for speaker in response.speakers] == [256, 256]
    man, woman = response.speakers
    assert 100 < man.pitch_hertz < 160 < woman.pitch_hertz < 230
    assert man.speech_duration.ToNanoseconds() > woman.speech_duration.ToNanoseconds() > 0
    assert (response.model.engine, response.model.name) == ("resemblyzer", "resemblyzer") and response.model.installed


async def test_silence_has_no_speakers(stub: asr_pb2_grpc.AsrServiceStub) -> None:
    response = await stub.Diarize(iter([config(), *chunks(bytes(64_000))]))
    assert not response.turns and not response.speakers and response.model.engine == "resemblyzer"


SECOND = bytes(32_000)
REFUSED = {
    "no message": ([], "config", "CONFIG_MISSING"),
    "audio first": (chunks(SECOND), "config", "CONFIG_MISSING"),
    "no encoding": ([config(0), *chunks(SECOND)], "config.format.encoding", "UNSUPPORTED_ENCODING"),
    "no rate": ([config(rate=0), *chunks(SECOND)], "config.format.sample_rate_hertz", "UNSUPPORTED_SAMPLE_RATE"),
    "too many speakers": ([config(speaker_count=21), *chunks(SECOND)], "config.speaker_count", "OUT_OF_RANGE"),
    "spans out of order": ([config(spans=[(0.5, 0.6), (0.1, 0.2)]), *chunks(SECOND)], "config.spans[1]", "BAD_SPAN"),
    "a span that ends before it begins": ([config(spans=[(0.5, 0.4)]), *chunks(SECOND)], "config.spans[0]", "BAD_SPAN"),
    "another engine": ([config(engine="pyannote"), *chunks(SECOND)], "config.engine", "UNKNOWN_ENGINE"),
    "no audio": ([config()], "audio", "EMPTY_AUDIO"),
    "half a sample": ([config(), *chunks(SECOND[:-1])], "audio", "TRUNCATED_AUDIO"),
    "a text file": ([config(FILE), *chunks(b"this is no sound\n" * 100)], "audio", "NOT_MEDIA"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_bad_input_names_the_field(stub: asr_pb2_grpc.AsrServiceStub, case: str) -> None:
    requests, field, reason = REFUSED[case]
    error = await refusal(stub, requests)
    assert isinstance(error, InvalidInput), error
    assert (error.violations[0].field, error.violations[0].reason) == (field, reason)


async def test_spans_that_overlap_are_one_after_the_other(stub: asr_pb2_grpc.AsrServiceStub, talk: Dialogue) -> None:
    spans = [(word.start_s, word.end_s + 0.05) for word in talk.words]
    response = await stub.Diarize(iter([config(spans=spans), *chunks(talk.pcm)]))
    edges = [offset.ToNanoseconds() for turn in response.turns for offset in (turn.start_offset, turn.end_offset)]
    assert edges == sorted(edges)


async def test_a_span_within_another_is_in_order() -> None:
    spans = diarization_options(config(spans=[(1.0, 3.0), (2.0, 2.5), (2.6, 3.2)]).config).spans
    assert [(span.start_s, span.end_s) for span in spans] == [(1.0, 3.0), (3.0, 3.0), (3.0, 3.2)]
