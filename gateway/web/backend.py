"""The gateway, as the pages need it: its stubs behind one object."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import grpc.aio
from starlette.datastructures import UploadFile

from locutor.address import CHANNEL_OPTIONS, Address
from locutor.errors import Unauthenticated
from locutor.gateway.v1 import catalog_pb2, catalog_pb2_grpc, job_pb2, job_pb2_grpc, media_pb2, media_pb2_grpc
from locutor.lipsync.v1 import lipsync_pb2
from locutor.status import from_rpc_error

_CHUNK_BYTES = 256 * 1024
_MOST_EVENTS = 1000


class Backend:
    """Calls of one person (his token goes along). Every method raises what the gateway raised."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.aio.insecure_channel(Address.parse(address).target, options=CHANNEL_OPTIONS)
        self._metadata: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, shared: Backend, token: str) -> Backend:
        """The same channel, with a person's token. Raises `Unauthenticated` for one that no header can carry."""
        if not (token.isascii() and token.isprintable()):
            raise Unauthenticated("this token holds characters that no token has")
        own = cls.__new__(cls)
        own._channel = shared._channel
        own._metadata = (("authorization", f"Bearer {token}"),)
        return own

    async def close(self) -> None:
        await self._channel.close(None)

    async def catalog(self) -> catalog_pb2.GetCatalogResponse:
        stub = catalog_pb2_grpc.CatalogServiceStub(self._channel)
        return await _raised(stub.GetCatalog(catalog_pb2.GetCatalogRequest(), metadata=self._metadata))

    async def inspect_face(self, uri: str) -> lipsync_pb2.InspectResponse:
        stub = catalog_pb2_grpc.CatalogServiceStub(self._channel)
        return (await _raised(stub.InspectFace(catalog_pb2.InspectFaceRequest(face_uri=uri), metadata=self._metadata))).inspection

    async def upload(self, file: UploadFile) -> str:
        """Send an uploaded file on; returns its URI."""

        async def requests() -> AsyncIterator[media_pb2.UploadMediaRequest]:
            config = media_pb2.UploadMediaConfig(file_name=file.filename or "", content_type=file.content_type or "")
            yield media_pb2.UploadMediaRequest(config=config)
            while data := await file.read(_CHUNK_BYTES):
                yield media_pb2.UploadMediaRequest(data=data)

        stub = media_pb2_grpc.MediaServiceStub(self._channel)
        return (await _raised(stub.UploadMedia(requests(), metadata=self._metadata))).media.uri

    async def create_job(self, spec: job_pb2.PresentSpec, request_id: str) -> job_pb2.Job:
        request = job_pb2.CreateJobRequest(present=spec, request_id=request_id)
        return (await _raised(self._jobs().CreateJob(request, metadata=self._metadata))).job

    async def job(self, job_id: str) -> job_pb2.Job:
        return (await _raised(self._jobs().GetJob(job_pb2.GetJobRequest(id=job_id), metadata=self._metadata))).job

    async def events(self, job_id: str) -> Sequence[job_pb2.JobEvent]:
        """What happened to a job, from its begin on, as far as a page holds it."""
        events: list[job_pb2.JobEvent] = []
        token = ""
        while len(events) < _MOST_EVENTS:
            page = await _raised(self._jobs().ListJobEvents(job_pb2.ListJobEventsRequest(id=job_id, page_token=token), metadata=self._metadata))
            events += page.events
            token = page.next_page_token
            if not token:
                break
        return events[:_MOST_EVENTS]

    async def list_jobs(self) -> Sequence[job_pb2.Job]:
        return (await _raised(self._jobs().ListJobs(job_pb2.ListJobsRequest(page_size=50), metadata=self._metadata))).jobs

    async def cancel(self, job_id: str) -> job_pb2.Job:
        return (await _raised(self._jobs().CancelJob(job_pb2.CancelJobRequest(id=job_id), metadata=self._metadata))).job

    async def watch(self, job_id: str) -> AsyncIterator[job_pb2.Job]:
        call = self._jobs().WatchJob(job_pb2.WatchJobRequest(id=job_id), metadata=self._metadata)
        try:
            async for response in call:
                yield response.job
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from error
        finally:
            call.cancel()

    async def download(self, uri: str, first: int, last: int) -> AsyncIterator[bytes]:
        """The bytes from `first` to `last`, both included."""
        stub = media_pb2_grpc.MediaServiceStub(self._channel)
        call = stub.DownloadMedia(media_pb2.DownloadMediaRequest(uri=uri, offset_bytes=first), metadata=self._metadata)
        left = last - first + 1
        try:
            async for response in call:
                if response.WhichOneof("payload") == "data":
                    yield response.data[:left]
                    left -= len(response.data)
                    if left <= 0:
                        return
        finally:
            call.cancel()

    def _jobs(self) -> job_pb2_grpc.JobServiceStub:
        return job_pb2_grpc.JobServiceStub(self._channel)


async def _raised(call):  # type: ignore[no-untyped-def]
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error) from error
