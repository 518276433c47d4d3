"""SeparationService: what is not speech."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace

import grpc.aio

from locutor.asr.v1 import separation_pb2, separation_pb2_grpc
from locutor.common.v1 import audio_pb2
from locutor.errors import InvalidInput
from services.asr.separation.background import BackgroundStream
from services.asr.separation.engine import ENGINES, SeparationEngine
from services.asr.servicer.uploads import audio_of, config_of, fields_of
from services.serving import EnginePool, ServingSettings
from services.serving.engine_shelf import EngineShelf
from services.serving.messages import model_message
from services.serving.uploads import UploadGate, unidle
from services.weights import ModelStore

_MESSAGE_BYTES = 256 * 1024


class SeparationServicer(separation_pb2_grpc.SeparationServiceServicer):
    full_name = "locutor.asr.v1.SeparationService"

    def __init__(self, settings: ServingSettings, store: ModelStore) -> None:
        # The settings name the default engine of recognition.
        self._shelf: EngineShelf[SeparationEngine] = EngineShelf(ENGINES, store, replace(settings, engine=""))
        self._pool = EnginePool("separation", workers=settings.workers, queue=settings.queue)
        self._gate = UploadGate("streams", calls=settings.workers + settings.queue, total_bytes=0)
        self._idle_s = settings.idle_s

    def register(self, server: grpc.aio.Server) -> None:
        separation_pb2_grpc.add_SeparationServiceServicer_to_server(self, server)

    async def load(self) -> None:
        """Nothing: the weights are the operator's, and many have none. The first call loads them."""

    async def close(self) -> None:
        await self._pool.close()

    async def ListSeparationModels(
        self, request: separation_pb2.ListSeparationModelsRequest, context: grpc.aio.ServicerContext
    ) -> separation_pb2.ListSeparationModelsResponse:
        return separation_pb2.ListSeparationModelsResponse(models=[model_message(info) for info in await self._shelf.models()])

    async def Separate(
        self, requests: AsyncIterator[separation_pb2.SeparateRequest], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[separation_pb2.SeparateResponse]:
        requests = unidle(requests, self._idle_s)
        with self._gate.admit():
            config: separation_pb2.SeparateConfig = await config_of(requests)
            if config.format.encoding != audio_pb2.AUDIO_ENCODING_PCM_S16LE:
                raise InvalidInput.of("config.format.encoding", f"found {config.format.encoding}; give AUDIO_ENCODING_PCM_S16LE", "UNSUPPORTED_ENCODING")
            with fields_of("config"):
                engine = await self._shelf.get(config.engine)
            stream = BackgroundStream(engine, config.format.sample_rate_hertz, config.format.channels)
            yield separation_pb2.SeparateResponse(header=separation_pb2.SeparateHeader(model=model_message(engine.info)))
            heard = False
            async for data in audio_of(requests):
                heard = heard or bool(data)
                async with aclosing(self._pool.stream(stream.accept, data)) as parts:
                    async for background in parts:
                        for message in _messages(background):
                            yield message
            if not heard:
                raise InvalidInput.of("audio", "no audio arrived; send messages with `audio` after the config", "EMPTY_AUDIO")
            async with aclosing(self._pool.stream(stream.finish)) as parts:
                async for background in parts:
                    for message in _messages(background):
                        yield message


def _messages(background: bytes) -> list[separation_pb2.SeparateResponse]:
    return [separation_pb2.SeparateResponse(background=background[at : at + _MESSAGE_BYTES]) for at in range(0, len(background), _MESSAGE_BYTES)]
