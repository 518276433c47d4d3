"""AsrService: messages to dataclasses and back."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import grpc.aio

from locutor.asr.v1 import asr_pb2, asr_pb2_grpc
from locutor.common.v1 import audio_pb2
from locutor.errors import InvalidInput
from services.asr.engine import ENGINES, AsrEngine, LanguageDetection, RecognitionOptions, RecognitionStream, Segment
from services.asr.media_file import sound_of
from services.asr.pcm import PcmReader
from services.serving import EnginePool, ServingSettings
from services.serving.engine_shelf import EngineShelf
from services.serving.messages import duration, model_message
from services.serving.uploads import Admitted, UploadGate, unidle
from services.weights import ModelStore

LONGEST_HINT = 200
"""Code points: a longer one pushes the speech itself out of the model's memory."""
LARGEST_FILE_BYTES = 2 * 1024**3
MOST_FILE_BYTES = 2 * LARGEST_FILE_BYTES
"""Of all files that are being recognised: they lie in the folder for temporary files, which may be memory."""

_LIVE_SHARE = 0.5
"""A sender is live if we wait for a chunk at least so much of the chunk's own time."""

Turn = Callable[[], Iterator[LanguageDetection | Segment]]
"""What a stream does in the pool before it lets others in."""


class AsrServicer(asr_pb2_grpc.AsrServiceServicer):
    """Streams of audio take turns in the engine's pool, a chunk at a time: a slow sender occupies no worker while he is awaited.

    How raw audio is cut into windows depends on the sender's pace, and the text, in small things, on the windows. A file
    is always cut the same way.
    """

    full_name = "locutor.asr.v1.AsrService"

    def __init__(self, settings: ServingSettings, store: ModelStore) -> None:
        self._shelf: EngineShelf[AsrEngine] = EngineShelf(ENGINES, store, settings)
        self._pool = EnginePool("asr", workers=settings.workers, queue=settings.queue)
        # No more streams than the pool admits calls: a stream that has begun is never turned away for lack of room.
        self._gate = UploadGate("streams", calls=settings.workers + settings.queue, total_bytes=MOST_FILE_BYTES)
        self._idle_s = settings.idle_s

    def register(self, server: grpc.aio.Server) -> None:
        asr_pb2_grpc.add_AsrServiceServicer_to_server(self, server)

    async def load(self) -> None:
        await self._shelf.get()

    async def close(self) -> None:
        await self._pool.close()

    async def ListModels(self, request: asr_pb2.ListModelsRequest, context: grpc.aio.ServicerContext) -> asr_pb2.ListModelsResponse:
        return asr_pb2.ListModelsResponse(models=[model_message(info) for info in await self._shelf.models()])

    async def Recognize(self, requests: AsyncIterator[asr_pb2.RecognizeRequest], context: grpc.aio.ServicerContext) -> AsyncIterator[asr_pb2.RecognizeResponse]:
        requests = unidle(requests, self._idle_s)
        with self._gate.admit() as admitted:
            config = await _config(requests)
            is_file = config.format.encoding == audio_pb2.AUDIO_ENCODING_FILE
            pcm = None if is_file else _pcm_reader(config.format)
            with _fields_of("config"):
                engine = await self._shelf.get(config.engine)
                stream = engine.open(RecognitionOptions(locale=config.locale, words=not config.omit_words, hint=config.hint))
            turns = _turns_of_pcm(requests, pcm, stream) if pcm else self._turns_of_file(requests, admitted, stream)
            async with aclosing(turns):
                async for turn in turns:
                    async with aclosing(self._pool.stream(turn)) as events:
                        async for event in events:
                            yield _response(event)
            yield asr_pb2.RecognizeResponse(
                summary=asr_pb2.RecognizeSummary(
                    audio_duration=duration(stream.heard_s), speech_duration=duration(stream.speech_s), model=model_message(engine.info)
                )
            )

    async def _turns_of_file(
        self, requests: AsyncIterator[asr_pb2.RecognizeRequest], admitted: Admitted, stream: RecognitionStream
    ) -> AsyncGenerator[Turn, None]:
        with tempfile.TemporaryDirectory(prefix="locutor-asr-") as folder:
            path = Path(folder) / "media"
            await _receive(requests, admitted, path)
            with closing(sound_of(path)) as blocks:
                while (samples := await self._pool.run(next, blocks, None)) is not None:
                    yield partial(stream.accept, samples, caught_up=False)
        yield stream.finish


async def _config(requests: AsyncIterator[asr_pb2.RecognizeRequest]) -> asr_pb2.RecognizeConfig:
    first = await anext(aiter(requests), None)
    if first is None or first.WhichOneof("payload") != "config":
        raise InvalidInput.of("config", f"found {_found(first)} as the first message; send `config` first, then `audio`", "CONFIG_MISSING")
    if len(first.config.hint) > LONGEST_HINT:
        raise InvalidInput.of("config.hint", f"found {len(first.config.hint)} code points; give at most {LONGEST_HINT}", "HINT_TOO_LONG")
    return first.config


@contextmanager
def _fields_of(message: str) -> Iterator[None]:
    """Fields that an engine finds fault with are named by their path in the request."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput([replace(v, field=f"{message}.{v.field}") for v in error.violations]) from error


def _found(request: asr_pb2.RecognizeRequest | None) -> str:
    return "the end of the stream" if request is None else f"`{request.WhichOneof('payload')}`" if request.WhichOneof("payload") else "an empty message"


def _pcm_reader(format: audio_pb2.AudioFormat) -> PcmReader:
    if format.encoding != audio_pb2.AUDIO_ENCODING_PCM_S16LE:
        raise InvalidInput.of(
            "config.format.encoding", f"found {format.encoding}; give AUDIO_ENCODING_PCM_S16LE or AUDIO_ENCODING_FILE", "UNSUPPORTED_ENCODING"
        )
    return PcmReader(format.sample_rate_hertz, format.channels)


async def _audio(requests: AsyncIterator[asr_pb2.RecognizeRequest]) -> AsyncIterator[bytes]:
    async for request in requests:
        if request.WhichOneof("payload") != "audio":
            raise InvalidInput.of("audio", f"found {_found(request)} after the config; send `audio` messages only", "AUDIO_EXPECTED")
        yield request.audio


async def _turns_of_pcm(requests: AsyncIterator[asr_pb2.RecognizeRequest], pcm: PcmReader, stream: RecognitionStream) -> AsyncGenerator[Turn, None]:
    clock = asyncio.get_running_loop().time
    asked = clock()
    async for data in _audio(requests):
        live = clock() - asked >= _LIVE_SHARE * pcm.seconds(data)
        yield partial(stream.accept, pcm.accept(data), caught_up=live)
        asked = clock()
    yield partial(stream.accept, pcm.finish(), caught_up=False)
    if stream.heard_s == 0:
        raise InvalidInput.of("audio", "no audio arrived; send messages with `audio` after the config", "EMPTY_AUDIO")
    yield stream.finish


async def _receive(requests: AsyncIterator[asr_pb2.RecognizeRequest], admitted: Admitted, path: Path) -> None:
    with path.open("wb") as file:
        async for data in _audio(requests):
            if admitted.size + len(data) > LARGEST_FILE_BYTES:
                raise InvalidInput.of("audio", f"the file is larger than {LARGEST_FILE_BYTES // 1024**2} MiB; send its audio track alone", "FILE_TOO_LARGE")
            admitted.hold(len(data))
            await asyncio.to_thread(file.write, data)


def _response(event: LanguageDetection | Segment) -> asr_pb2.RecognizeResponse:
    if isinstance(event, LanguageDetection):
        return asr_pb2.RecognizeResponse(language=asr_pb2.LanguageDetection(locale=event.locale, probability=event.probability))
    words: list[Any] = [
        asr_pb2.RecognizedWord(text=w.text, start_offset=duration(w.start_s), end_offset=duration(w.end_s), probability=w.probability) for w in event.words
    ]
    return asr_pb2.RecognizeResponse(
        segment=asr_pb2.Segment(
            text=event.text,
            start_offset=duration(event.start_s),
            end_offset=duration(event.end_s),
            words=words,
            mean_log_probability=event.mean_log_probability,
            no_speech_probability=event.no_speech_probability,
        )
    )
