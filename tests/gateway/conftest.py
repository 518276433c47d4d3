"""A gateway on fake services, with a client that a test can call."""

from __future__ import annotations

import asyncio
import io
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc.aio
import numpy as np
import pytest
from PIL import Image

from gateway.server import Gateway
from gateway.settings import GatewaySettings
from locutor.address import CHANNEL_OPTIONS
from locutor.common.v1 import video_pb2
from locutor.errors import LocutorError
from locutor.gateway.v1 import catalog_pb2_grpc, job_pb2, job_pb2_grpc, media_pb2, media_pb2_grpc
from locutor.status import from_rpc_error
from services.serving import GrpcServer, ServingSettings
from tests.gateway.fakes import Fakes, running_fakes

SCRIPT = "# A title\n\nFirst sentence. Second sentence.\n\n[pause 1s]\n\nThird sentence."


@dataclass
class Client:
    """What a test asks of a gateway; refusals come as `LocutorError`."""

    jobs: job_pb2_grpc.JobServiceStub
    media: media_pb2_grpc.MediaServiceStub
    catalog: catalog_pb2_grpc.CatalogServiceStub

    async def call(self, awaitable):
        try:
            return await awaitable
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from error

    async def refused(self, awaitable) -> LocutorError:
        with pytest.raises(LocutorError) as caught:
            await self.call(awaitable)
        return caught.value

    async def upload(self, data: bytes, name: str = "face.png", content_type: str = "") -> media_pb2.Media:
        def requests():
            yield media_pb2.UploadMediaRequest(config=media_pb2.UploadMediaConfig(file_name=name, content_type=content_type))
            for begin in range(0, len(data), 65536):
                yield media_pb2.UploadMediaRequest(data=data[begin : begin + 65536])

        return (await self.call(self.media.UploadMedia(requests()))).media

    async def download(self, uri: str, offset: int = 0) -> bytes:
        call = self.media.DownloadMedia(media_pb2.DownloadMediaRequest(uri=uri, offset_bytes=offset))
        return b"".join([message.data async for message in call])

    async def create(self, spec: job_pb2.PresentSpec, request_id: str = "") -> job_pb2.Job:
        return (await self.call(self.jobs.CreateJob(job_pb2.CreateJobRequest(present=spec, request_id=request_id)))).job

    async def get(self, job_id: str) -> job_pb2.Job:
        return (await self.call(self.jobs.GetJob(job_pb2.GetJobRequest(id=job_id)))).job

    async def watch(self, job_id: str) -> list[job_pb2.Job]:
        return [response.job async for response in self.jobs.WatchJob(job_pb2.WatchJobRequest(id=job_id))]

    async def ended(self, job_id: str) -> job_pb2.Job:
        return (await self.watch(job_id))[-1]


class WithToken:
    """A channel whose calls carry a token."""

    def __init__(self, channel: grpc.aio.Channel, token: str) -> None:
        self._channel = channel
        self._metadata = (("authorization", f"Bearer {token}"),)

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        return lambda *args, **options: partial(getattr(self._channel, kind)(*args, **options), metadata=self._metadata)


@asynccontextmanager
async def client_of(address: str, token: str = "") -> AsyncIterator[Client]:
    async with grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) as plain:
        channel = WithToken(plain, token) if token else plain
        yield Client(job_pb2_grpc.JobServiceStub(channel), media_pb2_grpc.MediaServiceStub(channel), catalog_pb2_grpc.CatalogServiceStub(channel))


@asynccontextmanager
async def running_server(settings: GatewaySettings, fakes: Fakes, folder: Path, interceptors: Sequence[grpc.aio.ServerInterceptor] = ()) -> AsyncIterator[str]:
    gateway = Gateway(settings, fakes.addresses)
    # gRPC remembers, for a while, that nobody listens on an address: each gateway has its own.
    server = GrpcServer(gateway.servicers, ServingSettings(listen=f"unix:{folder}/{secrets.token_hex(4)}.sock"), interceptors)
    await server.start()
    await server.load()
    await gateway.take_up()
    try:
        yield server.address
    finally:
        await server.stop(grace_s=0)
        await gateway.close()


@asynccontextmanager
async def running_gateway(settings: GatewaySettings, fakes: Fakes, folder: Path) -> AsyncIterator[Client]:
    async with running_server(settings, fakes, folder) as address, client_of(address) as client:
        yield client


@pytest.fixture
def settings(tmp_path: Path) -> GatewaySettings:
    return GatewaySettings(data=tmp_path / "data")


@pytest.fixture
async def fakes(tmp_path: Path) -> AsyncIterator[Fakes]:
    async with running_fakes(tmp_path) as fakes:
        yield fakes


@pytest.fixture
async def client(settings: GatewaySettings, fakes: Fakes, tmp_path: Path) -> AsyncIterator[Client]:
    async with running_gateway(settings, fakes, tmp_path) as client:
        yield client


@pytest.fixture
def portrait() -> bytes:
    """An image that nobody would take for a face; the fake service does not look."""
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
async def spec(client: Client, portrait: bytes) -> job_pb2.PresentSpec:
    """A sound request for two locales, with a small picture."""
    return make_spec((await client.upload(portrait)).uri)


def make_spec(face_uri: str, script: str = SCRIPT) -> job_pb2.PresentSpec:
    return job_pb2.PresentSpec(
        script=job_pb2.Script(text=script, locale="en-US"),
        face_uri=face_uri,
        targets=[job_pb2.Target(locale="en-US"), job_pb2.Target(locale="pt-BR")],
        video=video_pb2.VideoFormat(width_pixels=256, height_pixels=144),
        consent=job_pb2.Consent(stated_by="A test", statement="no person is shown"),
    )


async def eventually(condition: Callable[[], bool], within_s: float = 20) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - what is waited for knows of no event
            await asyncio.sleep(0.01)
