"""Inputs that are named, and outputs that are left, in the store that a service shares: as though they had been sent and taken."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from locutor.address import CHANNEL_OPTIONS
from locutor.asr.v1 import separation_pb2, separation_pb2_grpc
from locutor.common.v1 import audio_pb2
from locutor.errors import InvalidInput, LocutorError, Unavailable
from locutor.lipsync.v1 import lipsync_pb2, lipsync_pb2_grpc
from locutor.status import from_rpc_error
from services.serving import GrpcServer, ServingSettings
from services.store import MediaStore
from tests.store.conftest import s3  # noqa: F401 - a fixture
from tests.store.s3_server import S3Server

VIDEO = secrets.token_bytes(1_000_000)


class Echo(lipsync_pb2_grpc.LipsyncServiceServicer, separation_pb2_grpc.SeparationServiceServicer):
    """Gives back what it is sent, and counts the messages."""

    full_name = "locutor.lipsync.v1.LipsyncService"

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def register(self, server: grpc.aio.Server) -> None:
        lipsync_pb2_grpc.add_LipsyncServiceServicer_to_server(self, server)
        separation_pb2_grpc.add_SeparationServiceServicer_to_server(self, server)

    async def load(self) -> None: ...

    async def close(self) -> None: ...

    async def AnimateVideo(self, requests, context):
        async for request in requests:
            self.kinds.append(request.WhichOneof("payload"))
            if request.video or request.tracks:
                assert len(request.video) <= 256 * 1024
                yield lipsync_pb2.AnimateVideoResponse(fragment=request.video + request.tracks)
                yield lipsync_pb2.AnimateVideoResponse(progress=lipsync_pb2.AnimateProgress(frames_done=1))
        yield lipsync_pb2.AnimateVideoResponse(summary=lipsync_pb2.AnimateVideoSummary(frame_count=7))

    async def Separate(self, requests, context):
        yield separation_pb2.SeparateResponse(header=separation_pb2.SeparateHeader())
        async for request in requests:
            if request.audio:
                yield separation_pb2.SeparateResponse(background=request.audio)

    async def Inspect(self, requests, context):
        return lipsync_pb2.InspectResponse(width_pixels=sum([len(request.portrait) async for request in requests]))


@asynccontextmanager
async def serving(folder: Path, store: str) -> AsyncIterator[tuple[Echo, Any, Any]]:
    echo = Echo()
    server = GrpcServer([echo], ServingSettings(listen=f"unix:{folder}/{secrets.token_hex(4)}.sock", store=store))
    await server.start()
    try:
        async with grpc.aio.insecure_channel(server.address, options=CHANNEL_OPTIONS) as channel:
            yield echo, lipsync_pb2_grpc.LipsyncServiceStub(channel), separation_pb2_grpc.SeparationServiceStub(channel)
    finally:
        await server.stop(grace_s=0)


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MediaStore:
    if request.param == "folder":
        return MediaStore((tmp_path / "store").as_uri())
    server: S3Server = request.getfixturevalue("s3")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return MediaStore(server.new_store())


def config(to_store: bool = False) -> lipsync_pb2.AnimateVideoRequest:
    return lipsync_pb2.AnimateVideoRequest(config=lipsync_pb2.AnimateVideoConfig(output_to_store=to_store))


async def answers(call: Any) -> list[Any]:
    try:
        return [answer async for answer in call]
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error) from error


async def refused(call: Any) -> LocutorError:
    with pytest.raises(LocutorError) as caught:
        await answers(call)
    return caught.value


async def test_what_is_named_is_what_would_be_sent(store: MediaStore, tmp_path: Path) -> None:
    video, tracks = await store.put_bytes(VIDEO), await store.put_bytes(b"tracks")
    named = [config(), lipsync_pb2.AnimateVideoRequest(video_uri=video.uri), lipsync_pb2.AnimateVideoRequest(tracks_uri=tracks.uri)]
    async with serving(tmp_path, store.objects.url) as (echo, lipsync, _):
        found = await answers(lipsync.AnimateVideo(iter(named)))
        assert b"".join(answer.fragment for answer in found) == VIDEO + b"tracks"
        assert set(echo.kinds) == {"config", "video", "tracks"}


async def test_what_is_left_in_the_store_is_what_would_be_given(store: MediaStore, tmp_path: Path) -> None:
    video = await store.put_bytes(VIDEO)
    async with serving(tmp_path, store.objects.url) as (_, lipsync, separation):
        found = await answers(lipsync.AnimateVideo(iter([config(True), lipsync_pb2.AnimateVideoRequest(video_uri=video.uri)])))
        kinds = [answer.WhichOneof("payload") for answer in found]
        assert kinds[-2:] == ["stored", "summary"] and set(kinds[:-2]) == {"progress"}
        assert (found[-2].stored.uri, found[-2].stored.size_bytes) == (video.uri, len(VIDEO))

        pcm = separation_pb2.SeparateConfig(format=audio_pb2.AudioFormat(), output_to_store=True)
        sent = [separation_pb2.SeparateRequest(config=pcm), *(separation_pb2.SeparateRequest(audio=bytes([number]) * 1000) for number in range(3))]
        found = await answers(separation.Separate(iter(sent)))
        assert [answer.WhichOneof("payload") for answer in found] == ["header", "stored"]
        assert await store.read(found[-1].stored.uri.removeprefix("media/")) == b"".join(bytes([number]) * 1000 for number in range(3))


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "media/../../etc/passwd",
        "/etc/passwd",
        "file:///etc/passwd",
        "s3://other/bucket",
        "steps/" + "a" * 64,
        "http://169.254.169.254/",
        "media/" + "A" * 64,
    ],
)
async def test_only_names_in_the_store_are_read(uri: str, tmp_path: Path) -> None:
    async with serving(tmp_path, (tmp_path / "store").as_uri()) as (_, lipsync, _):
        error = await refused(lipsync.AnimateVideo(iter([config(), lipsync_pb2.AnimateVideoRequest(video_uri=uri)])))
    assert isinstance(error, InvalidInput) and error.violations[0].field == "video_uri" and error.reason == "BAD_URI"


async def test_bytes_are_named_once_or_sent(tmp_path: Path) -> None:
    store = MediaStore((tmp_path / "store").as_uri())
    blob = await store.put_bytes(b"x")
    named, sent = lipsync_pb2.AnimateVideoRequest(video_uri=blob.uri), lipsync_pb2.AnimateVideoRequest(video=b"x")
    async with serving(tmp_path, store.objects.url) as (_, lipsync, _):
        for both in ([named, sent], [sent, named], [named, named]):
            error = await refused(lipsync.AnimateVideo(iter([config(), *both])))
            assert isinstance(error, InvalidInput) and error.reason == "SENT_TWICE"
        assert len(await answers(lipsync.AnimateVideo(iter([config(), sent, sent])))) == 5


async def test_a_service_without_a_store_says_so_and_how_to_mend_it(tmp_path: Path) -> None:
    async with serving(tmp_path, "") as (echo, lipsync, _):
        for asked in ([config(True)], [config(), lipsync_pb2.AnimateVideoRequest(video_uri="media/" + "a" * 64)]):
            error = await refused(lipsync.AnimateVideo(iter(asked)))
            assert isinstance(error, Unavailable) and error.reason == "NO_STORE" and "LOCUTOR_STORE" in error.message
        assert "summary" not in echo.kinds
        assert (await lipsync.Inspect(iter([lipsync_pb2.InspectRequest(portrait=b"abc")]))).width_pixels == 3


async def test_a_store_that_is_another_one_is_told_from_damage(tmp_path: Path) -> None:
    store = MediaStore((tmp_path / "store").as_uri())
    async with serving(tmp_path, store.objects.url) as (_, lipsync, _):
        asked = [config(), lipsync_pb2.AnimateVideoRequest(video_uri="media/" + "a" * 64)]
        error = await refused(lipsync.AnimateVideo(iter(asked)))
        assert (error.reason, error.retryable) == ("NOT_IN_STORE", False) and "video_uri" in error.message
        blob = await store.put_bytes(VIDEO)
        await store.objects.put(blob.uri, VIDEO[:-1] + bytes([VIDEO[-1] ^ 1]))
        error = await refused(lipsync.AnimateVideo(iter([config(), lipsync_pb2.AnimateVideoRequest(video_uri=blob.uri)])))
        # It was removed: trying again puts it there anew.
        assert (error.reason, error.retryable) == ("CORRUPT_ARTIFACT", True) and not await store.has(blob.sha256)


def test_a_store_that_is_none_is_refused_at_the_start() -> None:
    with pytest.raises(InvalidInput) as caught:
        GrpcServer([Echo()], ServingSettings(store="nonsense"))
    assert caught.value.violations[0].field == "LOCUTOR_STORE"
