"""The store as clients see it: collection for operators, downloads past the gateway, jobs whose artifacts are in S3."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc.aio
import numpy as np
import pytest
from PIL import Image

from gateway.artifacts import ArtifactStore
from gateway.settings import GatewaySettings
from locutor.address import CHANNEL_OPTIONS
from locutor.client import LocutorClient
from locutor.errors import InvalidInput, LocutorError, NotFound, Overloaded, PermissionDenied
from locutor.gateway.v1 import dub_pb2, job_pb2, media_pb2, store_pb2, store_pb2_grpc
from locutor.status import from_rpc_error
from services.serving.interceptors import TokenInterceptor
from tests.cli.command import run
from tests.gateway.conftest import WithToken, client_of, make_spec, running_gateway, running_server
from tests.gateway.fakes import Fakes
from tests.gateway.test_dub_jobs import CONSENT, film
from tests.store.conftest import s3  # noqa: F401 - a fixture
from tests.store.s3_server import S3Server


@pytest.fixture
def in_s3(s3: S3Server, settings: GatewaySettings, monkeypatch: pytest.MonkeyPatch) -> GatewaySettings:  # noqa: F811
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    return replace(settings, store=s3.new_store())


@pytest.mark.parametrize("kind", ["folder", "s3"])
async def test_a_job_s_second_run_finds_everything(kind: str, request: pytest.FixtureRequest, fakes: Fakes, portrait: bytes, tmp_path: Path) -> None:
    settings: GatewaySettings = request.getfixturevalue("settings" if kind == "folder" else "in_s3")
    async with running_gateway(settings, fakes, tmp_path) as client:
        spec = make_spec((await client.upload(portrait)).uri)
        first = await client.ended((await client.create(spec)).id)
        calls = dict(fakes.tts.calls), len(fakes.lipsync.pieces)
        second = await client.ended((await client.create(spec)).id)
        assert [first.state, second.state] == [job_pb2.STATE_SUCCEEDED] * 2
        assert calls == (dict(fakes.tts.calls), len(fakes.lipsync.pieces))
        video = next(output.media for output in second.results[0].outputs if output.kind == job_pb2.OUTPUT_KIND_VIDEO)
        data = await client.download(video.uri)
        assert hashlib.sha256(data).hexdigest() == video.uri.removeprefix("media/")
        assert await client.download(video.uri, 1000) == data[1000:]
    # Nothing of it is in the gateway's own folder.
    assert (settings.data / "store").exists() == (kind == "folder")


async def test_what_a_job_has_lost_is_made_again(in_s3: GatewaySettings, fakes: Fakes, portrait: bytes, tmp_path: Path) -> None:
    async with running_gateway(in_s3, fakes, tmp_path) as client:
        spec = make_spec((await client.upload(portrait)).uri)
        assert (await client.ended((await client.create(spec)).id)).state == job_pb2.STATE_SUCCEEDED
    store = ArtifactStore(in_s3.store_url)
    # Half of it has vanished from the bucket, and what is left is cut.
    for number, found in enumerate(await store.objects.listed("media")):
        if found.path != spec.face_uri:
            await (store.objects.remove([found.path]) if number % 2 else store.objects.put(found.path, b"x"))
    await store.close()
    async with running_gateway(in_s3, fakes, tmp_path) as client:
        job = await client.ended((await client.create(spec)).id)
        assert job.state == job_pb2.STATE_SUCCEEDED, job
        for output in job.results[0].outputs:
            assert hashlib.sha256(await client.download(output.media.uri)).hexdigest() == output.media.uri.removeprefix("media/")


async def test_a_full_store_fails_the_job_and_not_the_gateway(settings: GatewaySettings, fakes: Fakes, portrait: bytes, tmp_path: Path) -> None:
    async with running_gateway(replace(settings, store_bytes=len(portrait) + 20_000), fakes, tmp_path) as client:
        spec = make_spec((await client.upload(portrait)).uri)
        job = await client.ended((await client.create(spec)).id)
        assert (job.state, job.error.code, job.error.reason) == (job_pb2.STATE_FAILED, "RESOURCE_EXHAUSTED", "STORE_FULL"), job
        assert "LOCUTOR_STORE_MB" in job.error.message
        larger = io.BytesIO()
        Image.fromarray(np.random.default_rng(1).integers(0, 255, (400, 400, 3), np.uint8)).save(larger, "PNG")
        refused = await client.refused(client.upload(larger.getvalue()))
        assert isinstance(refused, Overloaded) and refused.reason == "STORE_FULL" and not refused.retryable
        assert (await client.get(job.id)).state == job_pb2.STATE_FAILED


@asynccontextmanager
async def store_stub(address: str, token: str = "") -> AsyncIterator[store_pb2_grpc.StoreServiceStub]:
    async with grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
        yield store_pb2_grpc.StoreServiceStub(WithToken(channel, token) if token else channel)


async def asked(awaitable) -> store_pb2.CollectGarbageResponse:
    try:
        return await awaitable
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error) from error


async def test_only_operators_collect(settings: GatewaySettings, fakes: Fakes, tmp_path: Path) -> None:
    tokens = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("acme", "ops")}
    settings = replace(settings, operators=frozenset({"ops"}))
    async with running_server(settings, fakes, tmp_path, [TokenInterceptor(tokens)]) as address:
        async with store_stub(address, "acme") as stub:
            with pytest.raises(PermissionDenied) as caught:
                await asked(stub.CollectGarbage(store_pb2.CollectGarbageRequest(dry_run=True)))
            assert caught.value.reason == "NOT_AN_OPERATOR" and "LOCUTOR_OPERATORS" in caught.value.message
        async with store_stub(address, "ops") as stub:
            assert (await asked(stub.CollectGarbage(store_pb2.CollectGarbageRequest(dry_run=True)))).removed_bytes == 0


async def test_a_negative_time_is_refused(settings: GatewaySettings, fakes: Fakes, tmp_path: Path) -> None:
    async with running_server(settings, fakes, tmp_path) as address, store_stub(address) as stub:
        request = store_pb2.CollectGarbageRequest()
        request.unused_duration.FromTimedelta(timedelta(seconds=-1))
        with pytest.raises(InvalidInput) as caught:
            await asked(stub.CollectGarbage(request))
        assert caught.value.violations[0].field == "unused_duration"


async def test_a_bucket_gives_urls_and_a_folder_says_that_it_cannot(
    settings: GatewaySettings, in_s3: GatewaySettings, fakes: Fakes, portrait: bytes, tmp_path: Path
) -> None:
    async with running_gateway(settings, fakes, tmp_path) as client:
        media = await client.upload(portrait)
        response = await client.media.GetDownloadUrl(media_pb2.GetDownloadUrlRequest(uri=media.uri))
        assert response.url == "" and response.media == media and not response.HasField("expire_time")
    async with running_gateway(replace(in_s3, data=tmp_path / "other"), fakes, tmp_path) as client:
        media = await client.upload(portrait)
        response = await client.media.GetDownloadUrl(media_pb2.GetDownloadUrlRequest(uri=media.uri))
        assert timedelta(minutes=14) < response.expire_time.ToDatetime(UTC) - datetime.now(UTC) <= timedelta(minutes=15)
        assert await asyncio.to_thread(read_url, response.url) == portrait
        for uri in (f"media/{'0' * 64}", "steps/x"):
            error = await client.refused(client.media.GetDownloadUrl(media_pb2.GetDownloadUrlRequest(uri=uri)))
            assert isinstance(error, NotFound)


async def test_nobody_gets_a_url_of_another_tenant_s_media(in_s3: GatewaySettings, fakes: Fakes, portrait: bytes, tmp_path: Path) -> None:
    tokens = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("acme", "rival")}
    async with running_server(in_s3, fakes, tmp_path, [TokenInterceptor(tokens)]) as address:
        async with client_of(address, "acme") as client:
            media = await client.upload(portrait)
        async with client_of(address, "rival") as client:
            with pytest.raises(LocutorError) as caught:
                await client.call(client.media.GetDownloadUrl(media_pb2.GetDownloadUrlRequest(uri=media.uri)))
            assert isinstance(caught.value, NotFound)


def read_url(url: str) -> bytes:
    with urllib.request.urlopen(url) as response:
        return response.read()


async def test_a_download_past_the_gateway_goes_on_where_it_broke_off(in_s3: GatewaySettings, fakes: Fakes, portrait: bytes, tmp_path: Path) -> None:
    async with running_server(in_s3, fakes, tmp_path) as address:

        def work() -> None:
            with LocutorClient(address) as client:
                uri = client.upload(portrait)
                path = tmp_path / "out" / "face.png"
                path.parent.mkdir()
                part = path.with_name(f".face.png.{hashlib.sha256(uri.encode()).hexdigest()[:16]}.part")
                part.write_bytes(portrait[:100_000])
                client.download(uri, path, direct=True)
                assert path.read_bytes() == portrait and not part.exists()
                url = client.download_url(uri)
                assert url is not None and url.startswith("http://127.0.0.1:")
                # What was there was of another file: it is thrown away, and told.
                part.write_bytes(bytes(100_000))
                with pytest.raises(LocutorError) as caught:
                    client.download(uri, path, direct=True)
                assert caught.value.reason == "DAMAGED_DOWNLOAD" and not part.exists()

        await asyncio.to_thread(work)


async def test_the_command_tells_what_went_and_what_stays_and_why(settings: GatewaySettings, fakes: Fakes, portrait: bytes, tmp_path: Path) -> None:
    async with running_server(settings, fakes, tmp_path) as address, client_of(address) as client:
        spec = make_spec((await client.upload(portrait)).uri)
        await client.ended((await client.create(spec)).id)
        shown = await asyncio.to_thread(run, ["gc", "--dry-run", "--older-than", "0m", "--gateway", address])
        assert shown.returncode == 0, shown.stderr
        assert "jobs and uploads refer to it" in shown.stdout and "written in the last minutes" in shown.stdout and "0 B would be removed" in shown.stdout
        told = await asyncio.to_thread(run, ["gc", "--quota", "1M", "--gateway", address, "--json"])
        collected = json.loads(told.stdout)
        assert {share["reason"] for share in collected["shares"]} <= {"STORE_REASON_JOBS", "STORE_REASON_YOUNG", "STORE_REASON_LEASED"}
        assert int(collected["size_bytes"]) == sum(int(share["size_bytes"]) for share in collected["shares"])
        for option, value in (("--older-than", "soon"), ("--quota", "much")):
            refused = await asyncio.to_thread(run, ["gc", option, value, "--gateway", address])
            assert refused.returncode == 2 and option in refused.stderr and value in refused.stderr


@pytest.mark.parametrize("kind", ["present", "dub"])
async def test_media_that_pass_the_gateway_by_make_the_same_job(
    kind: str,
    in_s3: GatewaySettings,
    s3: S3Server,  # noqa: F811
    fakes: Fakes,
    portrait: bytes,
    tmp_path: Path,
) -> None:
    """The same steps with the same outputs, whether services are sent bytes or URIs."""
    made, held = [], []
    for shared in (False, True):
        settings = replace(in_s3, data=tmp_path / f"data {shared}", store=s3.new_store(), services=dict(fakes.addresses), services_share_store=shared)
        for name in ("asr", "lipsync"):
            await fakes.stop(name)
            fakes.store = settings.store if shared else ""
            await fakes.start(name)
        async with running_gateway(settings, fakes, tmp_path) as client:
            if kind == "present":
                job = await client.ended((await client.create(make_spec((await client.upload(portrait)).uri))).id)
            else:
                uri = (await client.upload(film(), "film.mp4", "video/mp4")).uri
                spec = job_pb2.DubSpec(video_uri=uri, targets=[dub_pb2.DubTarget(locale="pt-BR")], consent=CONSENT)
                created = (await client.call(client.jobs.CreateJob(job_pb2.CreateJobRequest(dub=spec)))).job
                job = await client.ended(created.id)
        assert job.state == job_pb2.STATE_SUCCEEDED, job
        store = ArtifactStore(settings.store_url)
        keys = sorted(found.path.partition("/")[2] for found in await store.objects.listed("steps"))
        results = {key: result for key, result in zip(keys, await store.find_steps(keys), strict=True) if result is not None}
        held.append(len(await store.objects.listed("media")))
        await store.close()
        made.append({key: result.blobs for key, result in results.items() if "video" in result.blobs and len(result.blobs) == 1})
    bytes_sent, named = made
    # What is signed is signed anew each time, a video a locale.
    locales = 2 if kind == "present" else 1
    assert len(bytes_sent.keys() - named.keys()) == len(named.keys() - bytes_sent.keys()) == locales
    same = bytes_sent.keys() & named.keys()
    assert len(same) >= locales and all(bytes_sent[key] == named[key] for key in same)
    assert ({"Animate"} if kind == "present" else {"TrackFaces", "AnimateVideo"}) <= set(fakes.lipsync.calls)
    # The footage was handed over in the store.
    assert held[1] == held[0] + (kind == "dub")


@pytest.mark.parametrize(("other", "reason"), [(False, "NO_STORE"), (True, "NOT_IN_STORE")])
async def test_services_of_another_store_are_told(
    other: bool,
    reason: str,
    in_s3: GatewaySettings,
    s3: S3Server,  # noqa: F811
    fakes: Fakes,
    portrait: bytes,
    tmp_path: Path,
) -> None:
    await fakes.stop("lipsync")
    fakes.store = s3.new_store() if other else ""
    await fakes.start("lipsync")
    settings = replace(in_s3, services=dict(fakes.addresses), services_share_store=True)
    async with running_gateway(settings, fakes, tmp_path) as client:
        job = await client.ended((await client.create(make_spec((await client.upload(portrait)).uri))).id)
        error = job.error if job.HasField("error") else job.results[0].error
        assert (job.state, error.code, error.reason) == (job_pb2.STATE_FAILED, "FAILED_PRECONDITION", reason), job
        assert "LOCUTOR_STORE" in error.message
