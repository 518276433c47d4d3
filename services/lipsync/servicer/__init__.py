"""LipsyncService: messages to dataclasses and back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from threading import Event

import grpc.aio

from locutor.errors import InvalidInput
from locutor.lipsync.v1 import lipsync_pb2, lipsync_pb2_grpc
from services.lipsync.engine import ENGINES, LipsyncEngine
from services.lipsync.image import MAX_BYTES
from services.lipsync.portraits import Portraits
from services.lipsync.rendering import Started, render
from services.lipsync.revoicing import Begun, Summary, revoice_footage, track_footage, tracker_info
from services.lipsync.servicer.animate import animation
from services.lipsync.servicer.answers import finding_message, inspection_message, revoiced_message, tracks_message
from services.lipsync.servicer.footage import tracking_request, video_request
from services.lipsync.servicer.upload import Upload
from services.lipsync.tracking.codec import to_bytes
from services.lipsync.tracking.tracker import Followed
from services.serving import EnginePool, ServingSettings
from services.serving.draining import drain
from services.serving.engine_shelf import EngineShelf
from services.serving.messages import model_message
from services.serving.uploads import UploadGate, unidle
from services.weights import ModelStore

MOST_UPLOADED_BYTES = 512 << 20
"""Of all pieces at work and waiting, of tracks and sound of all footage, and of all portraits that are looked at: they are held in memory."""
MOST_FOOTAGE_BYTES = 2 << 30
"""Of all footage at work and waiting: it lies in the folder for temporary files, which may be memory."""
_CHUNK_BYTES = 256 << 10
_PROGRESS_EVERY = 10
"""Frames."""


class LipsyncServicer(lipsync_pb2_grpc.LipsyncServiceServicer):
    full_name = "locutor.lipsync.v1.LipsyncService"

    def __init__(self, settings: ServingSettings, store: ModelStore) -> None:
        self._shelf: EngineShelf[LipsyncEngine] = EngineShelf(ENGINES, store, settings)
        self._pool = EnginePool("lipsync", workers=settings.workers, queue=settings.queue)
        # A look at a face takes a moment, and somebody waits for it: it does not queue behind pieces.
        self._inspections = EnginePool("lipsync inspection", workers=1, queue=settings.queue)
        self._store = store
        self._portraits: asyncio.Task[Portraits] | None = None
        # Uploads are held in memory: no more of them than the pools admit.
        self._gate = UploadGate("pieces", calls=settings.workers + settings.queue, total_bytes=MOST_UPLOADED_BYTES)
        self._footage_gate = UploadGate("pieces of footage", calls=settings.workers + settings.queue, total_bytes=MOST_FOOTAGE_BYTES)
        self._sound_gate = UploadGate("tracks and sounds of footage", calls=settings.workers + settings.queue, total_bytes=MOST_UPLOADED_BYTES)
        self._inspection_gate = UploadGate("portraits", calls=1 + settings.queue, total_bytes=MOST_UPLOADED_BYTES)
        self._idle_s, self._threads = settings.idle_s, settings.threads

    def register(self, server: grpc.aio.Server) -> None:
        lipsync_pb2_grpc.add_LipsyncServiceServicer_to_server(self, server)

    async def load(self) -> None:
        await self._shelf.get()
        await self._load_portraits()

    async def close(self) -> None:
        await asyncio.gather(self._pool.close(), self._inspections.close())
        if self._portraits is not None:
            # Why they could not be loaded was told to those who asked for them.
            [portraits] = await asyncio.gather(self._portraits, return_exceptions=True)
            if isinstance(portraits, Portraits):
                portraits.close()

    async def Animate(
        self, requests: AsyncIterator[lipsync_pb2.AnimateRequest], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[lipsync_pb2.AnimateResponse]:
        with self._gate.admit() as admitted:
            order, speech, piece, engine_name = await animation(unidle(requests, self._idle_s), admitted)
            engine, portraits = await self._shelf.get(engine_name), await self._load_portraits()
            frames = 0
            async with aclosing(self._pool.stream(render, portraits, order, engine, speech, piece)) as events:
                async for event in events:
                    if isinstance(event, Started):
                        warnings = [finding_message(finding) for finding in event.warnings]
                        header = lipsync_pb2.AnimateHeader(model=model_message(engine.info), frame_count=piece.frame_count, warnings=warnings)
                        yield lipsync_pb2.AnimateResponse(header=header)
                        continue
                    for part in event.parts:
                        yield lipsync_pb2.AnimateResponse(fragment=part)
                    if event.frames % _PROGRESS_EVERY == 0 and event.frames > frames:
                        yield lipsync_pb2.AnimateResponse(progress=lipsync_pb2.AnimateProgress(frames_done=event.frames))
                    frames = event.frames
            yield lipsync_pb2.AnimateResponse(summary=lipsync_pb2.AnimateSummary(frame_count=frames))

    async def TrackFaces(
        self, requests: AsyncIterator[lipsync_pb2.TrackFacesRequest], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[lipsync_pb2.TrackFacesResponse]:
        with self._footage_gate.admit() as admitted:
            async with tracking_request(unidle(requests, self._idle_s), admitted) as footage:
                abandoned = Event()
                events = self._pool.stream(track_footage, footage.path, footage.stretch, self._store, self._threads, abandoned, on_cancel=abandoned.set)
                async with aclosing(events):
                    async for event in events:
                        if isinstance(event, Followed):
                            if event.frames % _PROGRESS_EVERY == 0:
                                yield lipsync_pb2.TrackFacesResponse(progress=lipsync_pb2.TrackFacesProgress(frames_done=event.frames))
                            continue
                        data = await asyncio.to_thread(to_bytes, event.tracks)
                        for begin in range(0, len(data), _CHUNK_BYTES):
                            yield lipsync_pb2.TrackFacesResponse(tracks=data[begin : begin + _CHUNK_BYTES])
                        yield lipsync_pb2.TrackFacesResponse(summary=tracks_message(event, tracker_info(self._store)))

    async def AnimateVideo(
        self, requests: AsyncIterator[lipsync_pb2.AnimateVideoRequest], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[lipsync_pb2.AnimateVideoResponse]:
        with self._footage_gate.admit() as admitted, self._sound_gate.admit() as in_memory:
            async with video_request(unidle(requests, self._idle_s), admitted, in_memory) as request:
                engine, footage, abandoned, done = await self._shelf.get(request.engine), request.footage, Event(), 0
                job = (footage.path, footage.stretch, request.tracks, request.dubbing, engine, abandoned)
                events = self._pool.stream(revoice_footage, *job, on_cancel=abandoned.set)
                async with aclosing(events):
                    async for event in events:
                        if isinstance(event, Begun):
                            yield lipsync_pb2.AnimateVideoResponse(header=lipsync_pb2.AnimateVideoHeader(model=model_message(engine.info)))
                        elif isinstance(event, Summary):
                            yield lipsync_pb2.AnimateVideoResponse(summary=revoiced_message(event, footage.stretch.frame_rate))
                        else:
                            for part in event.parts:
                                yield lipsync_pb2.AnimateVideoResponse(fragment=part)
                            if event.frames % _PROGRESS_EVERY == 0 and event.frames > done:
                                yield lipsync_pb2.AnimateVideoResponse(progress=lipsync_pb2.AnimateProgress(frames_done=event.frames))
                            done = event.frames

    async def Inspect(self, requests: AsyncIterator[lipsync_pb2.InspectRequest], context: grpc.aio.ServicerContext) -> lipsync_pb2.InspectResponse:
        try:
            with self._inspection_gate.admit() as admitted:
                portrait = Upload("portrait", MAX_BYTES, admitted)
                async for request in unidle(requests, self._idle_s):
                    portrait.add(request.portrait)
                inspection = await self._inspections.run((await self._load_portraits()).inspect, portrait.data())
        except InvalidInput as error:
            await drain(requests)
            # To say what is wrong with an image is this call's answer, not its failure.
            errors = [lipsync_pb2.Finding(severity=lipsync_pb2.SEVERITY_ERROR, reason=v.reason, message=f"the file {v.message}") for v in error.violations]
            return lipsync_pb2.InspectResponse(usable=False, findings=errors)
        return inspection_message(inspection)

    async def ListModels(self, request: lipsync_pb2.ListModelsRequest, context: grpc.aio.ServicerContext) -> lipsync_pb2.ListModelsResponse:
        return lipsync_pb2.ListModelsResponse(models=[model_message(info) for info in await self._shelf.models()])

    async def _load_portraits(self) -> Portraits:
        if self._portraits is None or (self._portraits.done() and (self._portraits.cancelled() or self._portraits.exception() is not None)):
            self._portraits = asyncio.create_task(asyncio.to_thread(Portraits, self._store))
        return await asyncio.shield(self._portraits)
