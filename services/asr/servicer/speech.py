"""AsrService: what is said, and by whom."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace

import grpc.aio
import numpy as np

from locutor.asr.v1 import asr_pb2, asr_pb2_grpc
from locutor.common.v1 import audio_pb2
from locutor.errors import InvalidInput
from services.asr.diarization import engine as diarization
from services.asr.engine import ENGINES, AsrEngine, RecognitionOptions
from services.asr.servicer import uploads
from services.asr.servicer.diarization import diarization_options, diarize_response
from services.asr.servicer.recognition import recognize_response, turns_of_blocks, turns_of_pcm
from services.asr.servicer.uploads import audio_of, blocks_of_file, check_heard, config_of, fields_of, is_file, pcm_reader
from services.serving import EnginePool, ServingSettings
from services.serving.engine_shelf import EngineShelf
from services.serving.messages import duration, model_message
from services.serving.uploads import Admitted, UploadGate, unidle
from services.weights import ModelStore

LONGEST_HINT = 200
"""Code points: a longer one pushes the speech itself out of the model's memory."""


class AsrServicer(asr_pb2_grpc.AsrServiceServicer):
    """Streams of audio take turns in the engines' pool, a chunk at a time: a slow sender occupies no worker while he is awaited.

    How raw audio is cut into windows depends on the sender's pace, and the text, in small things, on the windows. A file
    is always cut the same way.
    """

    full_name = "locutor.asr.v1.AsrService"

    def __init__(self, settings: ServingSettings, store: ModelStore) -> None:
        self._shelf: EngineShelf[AsrEngine] = EngineShelf(ENGINES, store, settings, alternatives=True)
        # The settings name the default engine of recognition.
        self._diarizers: EngineShelf[diarization.DiarizationEngine] = EngineShelf(diarization.ENGINES, store, replace(settings, engine=""))
        self._pool = EnginePool("asr", workers=settings.workers, queue=settings.queue)
        # No more streams than the pool admits calls: a stream that has begun is never turned away for lack of room.
        self._gate = UploadGate("streams", calls=settings.workers + settings.queue, total_bytes=uploads.MOST_FILE_BYTES)
        self._idle_s = settings.idle_s

    def register(self, server: grpc.aio.Server) -> None:
        asr_pb2_grpc.add_AsrServiceServicer_to_server(self, server)

    async def load(self) -> None:
        await self._shelf.get()

    async def close(self) -> None:
        await self._pool.close()

    async def ListModels(self, request: asr_pb2.ListModelsRequest, context: grpc.aio.ServicerContext) -> asr_pb2.ListModelsResponse:
        # The default is that of Recognize.
        diarizers = [replace(info, is_default=False) for info in await self._diarizers.models()]
        models = [*await self._shelf.models(), *diarizers]
        return asr_pb2.ListModelsResponse(models=[model_message(info) for info in models])

    async def Recognize(self, requests: AsyncIterator[asr_pb2.RecognizeRequest], context: grpc.aio.ServicerContext) -> AsyncIterator[asr_pb2.RecognizeResponse]:
        requests = unidle(requests, self._idle_s)
        with self._gate.admit() as admitted:
            config = await config_of(requests)
            if len(config.hint) > LONGEST_HINT:
                raise InvalidInput.of("config.hint", f"found {len(config.hint)} code points; give at most {LONGEST_HINT}", "HINT_TOO_LONG")
            pcm = None if is_file(config.format) else pcm_reader(config.format)
            with fields_of("config"):
                engine = await self._shelf.get(config.engine)
                stream = engine.open(RecognitionOptions(locale=config.locale, words=not config.omit_words, hint=config.hint))
            turns = turns_of_pcm(requests, pcm, stream) if pcm else turns_of_blocks(blocks_of_file(requests, admitted, self._pool), stream)
            async with aclosing(turns):
                async for turn in turns:
                    async with aclosing(self._pool.stream(turn)) as events:
                        async for event in events:
                            yield recognize_response(event)
            yield asr_pb2.RecognizeResponse(
                summary=asr_pb2.RecognizeSummary(
                    audio_duration=duration(stream.heard_s), speech_duration=duration(stream.speech_s), model=model_message(engine.info)
                )
            )

    async def Diarize(self, requests: AsyncIterator[asr_pb2.DiarizeRequest], context: grpc.aio.ServicerContext) -> asr_pb2.DiarizeResponse:
        requests = unidle(requests, self._idle_s)
        with self._gate.admit() as admitted:
            config: asr_pb2.DiarizeConfig = await config_of(requests)
            options = diarization_options(config)
            blocks = self._blocks(config.format, requests, admitted)
            with fields_of("config"):
                engine = await self._diarizers.get(config.engine)
            stream = engine.open(options)
            async with aclosing(blocks):
                async for samples in blocks:
                    await self._pool.run(stream.accept, samples)
            check_heard(stream.heard_s)
            return diarize_response(await self._pool.run(stream.finish), engine.info)

    def _blocks(self, format: audio_pb2.AudioFormat, requests: AsyncIterator[asr_pb2.DiarizeRequest], admitted: Admitted) -> AsyncGenerator[np.ndarray, None]:
        """Raises `InvalidInput` at once where the format is unknown."""
        if is_file(format):
            return blocks_of_file(requests, admitted, self._pool)
        pcm = pcm_reader(format)

        async def blocks() -> AsyncGenerator[np.ndarray, None]:
            async for data in audio_of(requests):
                yield pcm.accept(data)
            yield pcm.finish()

        return blocks()
