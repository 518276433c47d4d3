"""AsrService over gRPC, with the real engine."""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import grpc
import grpc.aio
import numpy as np
import pytest
import pytest_asyncio

from locutor.address import CHANNEL_OPTIONS, Address
from locutor.asr.v1 import asr_pb2, asr_pb2_grpc
from locutor.common.v1 import audio_pb2
from locutor.errors import DeadlineExceeded, InvalidInput, LocutorError, Overloaded
from locutor.status import from_rpc_error
from services.asr.engines.faster_whisper import WEIGHTS_VARIABLE
from services.asr.servicer import AsrServicer
from services.serving import GrpcServer, ServingSettings
from services.weights import ModelStore
from tests.asr.recordings import Recording, all_english, read_english, speech_folder, word_error_rate

pytestmark = pytest.mark.asyncio(loop_scope="module")

PCM = audio_pb2.AUDIO_ENCODING_PCM_S16LE
FILE = audio_pb2.AUDIO_ENCODING_FILE
CHUNK = 64 * 1024


@asynccontextmanager
async def serving(settings: ServingSettings) -> AsyncIterator[asr_pb2_grpc.AsrServiceStub]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(WEIGHTS_VARIABLE, "whisper-tiny-en")
        server = GrpcServer([AsrServicer(settings, ModelStore())], settings)
        await server.start()
        await server.load()
        async with grpc.aio.insecure_channel(Address.parse(server.address).target, options=CHANNEL_OPTIONS) as channel:
            yield asr_pb2_grpc.AsrServiceStub(channel)
        await server.stop(0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stub() -> AsyncIterator[asr_pb2_grpc.AsrServiceStub]:
    async with serving(ServingSettings(threads=2, queue=1)) as stub:
        yield stub


def config(encoding: int = PCM, rate: int = 16_000, channels: int = 1, **fields: object) -> asr_pb2.RecognizeRequest:
    sound = audio_pb2.AudioFormat(encoding=encoding, sample_rate_hertz=rate, channels=channels)  # type: ignore[arg-type]
    return asr_pb2.RecognizeRequest(config=asr_pb2.RecognizeConfig(format=sound, **fields))  # type: ignore[arg-type]


def chunks(data: bytes, size: int = CHUNK) -> list[asr_pb2.RecognizeRequest]:
    return [asr_pb2.RecognizeRequest(audio=data[at : at + size]) for at in range(0, len(data), size)]


async def recognize(stub: asr_pb2_grpc.AsrServiceStub, requests: Iterable[asr_pb2.RecognizeRequest]) -> list[asr_pb2.RecognizeResponse]:
    return [response async for response in stub.Recognize(iter(requests))]


async def refusal(stub: asr_pb2_grpc.AsrServiceStub, requests: Iterable[asr_pb2.RecognizeRequest]) -> LocutorError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await recognize(stub, requests)
    return from_rpc_error(caught.value)


def text_of(responses: Iterable[asr_pb2.RecognizeResponse]) -> str:
    return " ".join(r.segment.text for r in responses if r.HasField("segment"))


async def test_answers_with_language_then_segments_then_summary(stub: asr_pb2_grpc.AsrServiceStub) -> None:
    speech = read_english("LJ001-0001")
    responses = await recognize(stub, [config(rate=speech.sample_rate), *chunks(speech.data)])
    kinds = [response.WhichOneof("payload") for response in responses]
    assert kinds[0] == "language" and kinds[-1] == "summary" and set(kinds[1:-1]) == {"segment"}
    assert responses[0].language.locale == "en"
    assert word_error_rate(speech.text, text_of(responses)) <= 0.05
    summary = responses[-1].summary
    assert summary.audio_duration.ToTimedelta().total_seconds() == pytest.approx(speech.seconds, abs=0.001)
    assert 6 < summary.speech_duration.ToTimedelta().total_seconds() < speech.seconds
    assert summary.model.engine == "faster-whisper" and summary.model.name == "whisper-tiny-en"
    assert {file.name for file in summary.model.weights} >= {"model.bin", "tokenizer.json"}


async def test_segments_arrive_before_the_input_ends(stub: asr_pb2_grpc.AsrServiceStub) -> None:
    """The sender waits for the first segment before it sends the last half, as a dialogue would."""
    speech = all_english()
    first_segment = asyncio.Event()
    half = len(speech.data) // 4 * 2

    async def sender() -> AsyncIterator[asr_pb2.RecognizeRequest]:
        yield config(rate=speech.sample_rate)
        for request in chunks(speech.data[:half]):
            yield request
        # Live: nothing further is there to be sent for a while, then a little silence.
        while not first_segment.is_set():
            await asyncio.sleep(0.12)
            yield asr_pb2.RecognizeRequest(audio=bytes(speech.sample_rate // 5))
        for request in chunks(speech.data[half:]):
            yield request

    responses = []
    async for response in stub.Recognize(sender(), timeout=120):
        responses.append(response)
        if response.HasField("segment"):
            first_segment.set()
    assert word_error_rate(speech.text, text_of(responses)) <= 0.2


@pytest.mark.parametrize("container", ["wav", "flac"])
async def test_media_files(stub: asr_pb2_grpc.AsrServiceStub, container: str) -> None:
    if container == "wav":
        speech = read_english("LJ001-0005")
        buffer = io.BytesIO()
        with wave.open(buffer, "wb") as file:
            file.setparams((2, 2, speech.sample_rate, 0, "NONE", ""))
            file.writeframes(np.repeat(speech.samples, 2).tobytes())
        data, text = buffer.getvalue(), speech.text
    else:
        data = (speech_folder() / "jfk.flac").read_bytes()
        text = "And so my fellow Americans ask not what your country can do for you ask what you can do for your country"
    responses = await recognize(stub, [config(FILE), *chunks(data)])
    assert word_error_rate(text, text_of(responses)) <= 0.05


async def test_words_may_be_left_out(stub: asr_pb2_grpc.AsrServiceStub) -> None:
    speech = read_english("LJ001-0006")
    responses = await recognize(stub, [config(rate=speech.sample_rate, omit_words=True), *chunks(speech.data)])
    segments = [r.segment for r in responses if r.HasField("segment")]
    assert segments and not any(segment.words for segment in segments)
    assert all(segment.start_offset.ToNanoseconds() < segment.end_offset.ToNanoseconds() for segment in segments)


SECOND = bytes(32_000)

REFUSED: dict[str, tuple[Callable[[], list[asr_pb2.RecognizeRequest]], str, str]] = {
    "no message": (list, "config", "CONFIG_MISSING"),
    "audio first": (lambda: chunks(SECOND), "config", "CONFIG_MISSING"),
    "a second config": (lambda: [config(), config()], "audio", "AUDIO_EXPECTED"),
    "no encoding": (lambda: [config(0), *chunks(SECOND)], "config.format.encoding", "UNSUPPORTED_ENCODING"),
    "no rate": (lambda: [config(rate=0), *chunks(SECOND)], "config.format.sample_rate_hertz", "UNSUPPORTED_SAMPLE_RATE"),
    "a rate too high": (lambda: [config(rate=192_000), *chunks(SECOND)], "config.format.sample_rate_hertz", "UNSUPPORTED_SAMPLE_RATE"),
    "no channels": (lambda: [config(channels=0), *chunks(SECOND)], "config.format.channels", "UNSUPPORTED_CHANNELS"),
    "no audio": (lambda: [config()], "audio", "EMPTY_AUDIO"),
    "half a sample": (lambda: [config(), *chunks(SECOND[:-1])], "audio", "TRUNCATED_AUDIO"),
    "an empty file": (lambda: [config(FILE)], "audio", "EMPTY_AUDIO"),
    "a text file": (lambda: [config(FILE), *chunks(b"this is no sound\n" * 100)], "audio", "NOT_MEDIA"),
    "a long hint": (lambda: [config(hint="x" * 201), *chunks(SECOND)], "config.hint", "HINT_TOO_LONG"),
    "no tag": (lambda: [config(locale="not a locale"), *chunks(SECOND)], "config.locale", "MALFORMED_LOCALE"),
    "another language": (lambda: [config(locale="pt-BR"), *chunks(SECOND)], "config.locale", "UNKNOWN_LOCALE"),
    "another engine": (lambda: [config(engine="riva"), *chunks(SECOND)], "config.engine", "UNKNOWN_ENGINE"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_bad_input_names_the_field(stub: asr_pb2_grpc.AsrServiceStub, case: str) -> None:
    requests, field, reason = REFUSED[case]
    error = await refusal(stub, requests())
    assert isinstance(error, InvalidInput), error
    assert (error.violations[0].field, error.violations[0].reason) == (field, reason)


async def test_a_truncated_file_is_refused_or_heard(stub: asr_pb2_grpc.AsrServiceStub) -> None:
    data = (speech_folder() / "jfk.flac").read_bytes()
    damaged = data[:40] + bytes(4000) + data[4040:200_000]
    error = await refusal(stub, [config(FILE), *chunks(damaged[:60])])
    assert isinstance(error, InvalidInput) and error.violations[0].field == "audio"


async def test_silence_has_neither_language_nor_text(stub: asr_pb2_grpc.AsrServiceStub) -> None:
    responses = await recognize(stub, [config(), *chunks(bytes(32_000 * 5))])
    assert [r.WhichOneof("payload") for r in responses] == ["summary"]
    assert responses[0].summary.speech_duration.ToNanoseconds() == 0


async def test_slow_senders_leave_the_worker_to_others_and_end_when_cancelled(stub: asr_pb2_grpc.AsrServiceStub) -> None:
    """The server has one worker and admits two streams: two that only wait must not stop it, a third is told to come back."""

    async def idle() -> AsyncIterator[asr_pb2.RecognizeRequest]:
        yield config()
        yield asr_pb2.RecognizeRequest(audio=SECOND)
        await asyncio.sleep(3600)

    waiting = stub.Recognize(idle())
    first = asyncio.ensure_future(waiting.read())
    speech = read_english("LJ001-0006")
    assert word_error_rate(speech.text, await _text(stub, speech)) <= 0.2
    second = stub.Recognize(idle())
    also = asyncio.ensure_future(second.read())
    await asyncio.sleep(0.3)
    assert isinstance(await refusal(stub, [config(), *chunks(SECOND)]), Overloaded)
    waiting.cancel()
    second.cancel()
    await asyncio.gather(first, also, return_exceptions=True)
    await asyncio.sleep(0.3)
    assert word_error_rate(speech.text, await _text(stub, speech)) <= 0.2


@pytest.mark.parametrize("sent", [[], [config()], [config(), *chunks(SECOND)], [config(FILE), *chunks(SECOND)]], ids=["nothing", "config", "audio", "file"])
async def test_a_sender_that_falls_silent_loses_his_place(sent: list[asr_pb2.RecognizeRequest]) -> None:
    async def silent() -> AsyncIterator[asr_pb2.RecognizeRequest]:
        for request in sent:
            yield request
        await asyncio.sleep(3600)

    async with serving(ServingSettings(threads=1, queue=0, idle_s=0.5)) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in stub.Recognize(silent(), timeout=60):
                pass
        error = from_rpc_error(caught.value)
        assert isinstance(error, DeadlineExceeded) and error.reason == "IDLE_STREAM" and "0.5 s" in error.message
        assert [r.WhichOneof("payload") for r in await recognize(stub, [config(), *chunks(bytes(32_000))])] == ["summary"]


async def test_files_share_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.asr.servicer.uploads.MOST_FILE_BYTES", 100_000)
    arrived = asyncio.Event()

    async def unfinished() -> AsyncIterator[asr_pb2.RecognizeRequest]:
        yield config(FILE)
        yield asr_pb2.RecognizeRequest(audio=bytes(60_000))
        arrived.set()
        await asyncio.sleep(3600)

    async with serving(ServingSettings(threads=1)) as stub:
        call = stub.Recognize(unfinished())
        first = asyncio.ensure_future(call.read())
        await arrived.wait()
        await asyncio.sleep(0.3)
        assert isinstance(await refusal(stub, [config(FILE), *chunks(bytes(60_000))]), Overloaded)
        call.cancel()
        await asyncio.gather(first, return_exceptions=True)
        # The server hears of the end when it hears of it.
        for _ in range(100):
            error = await refusal(stub, [config(FILE), *chunks(bytes(60_000))])
            if error.reason != "OVERLOADED":
                break
            await asyncio.sleep(0.1)
        assert error.reason == "NOT_MEDIA"


async def _text(stub: asr_pb2_grpc.AsrServiceStub, speech: Recording) -> str:
    return text_of(await recognize(stub, [config(rate=speech.sample_rate), *chunks(speech.data)]))


async def test_models(stub: asr_pb2_grpc.AsrServiceStub) -> None:
    models = (await stub.ListModels(asr_pb2.ListModelsRequest())).models
    chosen, other, diarizer = [model for model in models if model.engine != "openai-whisper"]
    assert (chosen.engine, chosen.name, chosen.installed, chosen.is_default) == ("faster-whisper", "whisper-base", True, True)
    assert (other.engine, other.name) == ("faster-whisper", "whisper-tiny-en") and list(other.locales) == ["en"]
    assert other.installed or other.remedy == "fetch the weights: locutor models fetch whisper-tiny-en"
    assert (diarizer.engine, diarizer.installed, diarizer.is_default) == ("resemblyzer", True, False)
    assert [model.license for model in (chosen, other, diarizer)] == ["MIT", "MIT", "Apache-2.0"]
