"""Tenants know nothing of each other: two tokens at one real server."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, datetime
from pathlib import Path

import grpc.aio
import pytest

from gateway.database import Database
from gateway.media_table import MediaTable
from gateway.settings import GatewaySettings
from locutor.errors import AlreadyExists, InvalidInput, LocutorError, NotFound
from locutor.gateway.v1 import catalog_pb2, job_pb2, media_pb2
from services.serving.interceptors import TokenInterceptor
from tests.gateway.conftest import Client, client_of, eventually, make_spec, running_gateway, running_server
from tests.gateway.fakes import Fakes

TOKENS = {name: hashlib.sha256(f"{name}-token".encode()).hexdigest() for name in ("acme", "globex")}


@pytest.fixture
async def both(settings: GatewaySettings, fakes: Fakes, tmp_path: Path) -> AsyncIterator[tuple[Client, Client]]:
    async with (
        running_server(settings, fakes, tmp_path, [TokenInterceptor(TOKENS)]) as address,
        client_of(address, "acme-token") as acme,
        client_of(address, "globex-token") as globex,
    ):
        yield acme, globex


async def listed(client: Client) -> list[str]:
    return [job.id for job in (await client.jobs.ListJobs(job_pb2.ListJobsRequest())).jobs]


async def refusals(client: Client, job_id: str) -> list[LocutorError]:
    """What each call that names a job is answered."""

    async def watched() -> None:
        async for _ in client.jobs.WatchJob(job_pb2.WatchJobRequest(id=job_id)):
            pass

    calls: list[Awaitable] = [
        client.jobs.GetJob(job_pb2.GetJobRequest(id=job_id)),
        watched(),
        client.jobs.CancelJob(job_pb2.CancelJobRequest(id=job_id)),
        client.jobs.DeleteJob(job_pb2.DeleteJobRequest(id=job_id)),
        client.jobs.ListUtterances(job_pb2.ListUtterancesRequest(id=job_id, locale="pt-BR")),
        client.jobs.EditJob(job_pb2.EditJobRequest(id=job_id)),
    ]
    return [await client.refused(call) for call in calls]


async def test_a_job_is_there_for_its_tenant_alone(both: tuple[Client, Client], fakes: Fakes, portrait: bytes) -> None:
    acme, globex = both
    fakes.lipsync.hold = asyncio.Event()
    job = await acme.create(make_spec((await acme.upload(portrait)).uri))
    await eventually(lambda: len(fakes.lipsync.pieces) == 2)
    # While the runner has it, and when only the table has it.
    assert all(isinstance(error, NotFound) for error in await refusals(globex, job.id))
    assert await listed(acme) == [job.id] and await listed(globex) == []
    assert (await acme.get(job.id)).state == job_pb2.STATE_RUNNING and fakes.lipsync.cancelled == 0
    fakes.lipsync.hold.set()
    assert (await acme.ended(job.id)).state == job_pb2.STATE_SUCCEEDED
    errors = await refusals(globex, job.id)
    assert all(isinstance(error, NotFound) for error in errors)
    never = await refusals(globex, "0" * 16)
    assert [error.message.replace(job.id, "0" * 16) for error in errors] == [error.message for error in never]
    assert await listed(acme) == [job.id] and await listed(globex) == []
    await acme.jobs.DeleteJob(job_pb2.DeleteJobRequest(id=job.id))
    assert await listed(acme) == []


async def test_media_are_read_by_their_tenant_alone(both: tuple[Client, Client], portrait: bytes) -> None:
    acme, globex = both
    face = await acme.upload(portrait, "boss.png")
    job = await acme.ended((await acme.create(make_spec(face.uri))).id)
    uris = [face.uri, *(output.media.uri for result in job.results for output in result.outputs)]
    assert len(uris) == 1 + 2 * 6
    for uri in uris:
        assert await acme.download(uri)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await globex.download(uri)
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    # Nor can a face be used, or asked about, by one who only knows its digest.
    error = await globex.refused(globex.create(make_spec(face.uri)))
    assert isinstance(error, InvalidInput) and [(v.field, v.reason) for v in error.violations] == [("present.face_uri", "MEDIA_NOT_FOUND")]
    error = await globex.refused(globex.catalog.InspectFace(catalog_pb2.InspectFaceRequest(face_uri=face.uri)))
    assert isinstance(error, InvalidInput)
    # Who sends the same bytes has them too, and sees nothing of the other's name for them.
    assert (await globex.upload(portrait, "me.png")).uri == face.uri
    first = await anext(aiter(acme.media.DownloadMedia(media_pb2.DownloadMediaRequest(uri=face.uri))))
    assert first.media.file_name == "boss.png"
    assert await globex.download(face.uri) == portrait
    assert (await globex.ended((await globex.create(make_spec(face.uri))).id)).state == job_pb2.STATE_SUCCEEDED


async def test_a_request_id_is_a_tenant_s_own(both: tuple[Client, Client], portrait: bytes) -> None:
    acme, globex = both
    spec = make_spec((await acme.upload(portrait)).uri)
    await globex.upload(portrait)
    mine, again, other = await acme.create(spec, "one"), await acme.create(spec, "one"), await globex.create(spec, "one")
    assert mine.id == again.id != other.id
    spec.targets[0].rate = 1.1
    assert isinstance(await globex.refused(globex.create(spec, "one")), AlreadyExists)
    for client, job in ((acme, mine), (globex, other)):
        await client.ended(job.id)


async def test_calls_side_by_side_do_not_take_each_other_s_tenant(both: tuple[Client, Client], portrait: bytes) -> None:
    acme, globex = both
    uploads = await asyncio.gather(*(client.upload(portrait, f"{name}.png") for _ in range(20) for name, client in (("acme", acme), ("globex", globex))))
    assert {media.file_name for media in uploads} == {"acme.png", "globex.png"}
    for name, client in (("acme", acme), ("globex", globex)):
        calls = [client.media.DownloadMedia(media_pb2.DownloadMediaRequest(uri=uploads[0].uri)) for _ in range(20)]
        assert {(await anext(aiter(call))).media.file_name for call in calls} == {f"{name}.png"}


async def test_the_jobs_of_a_dead_gateway_stay_their_tenant_s(settings: GatewaySettings, fakes: Fakes, portrait: bytes, tmp_path: Path) -> None:
    fakes.lipsync.hold = asyncio.Event()
    tokens = [TokenInterceptor(TOKENS)]
    async with running_server(settings, fakes, tmp_path, tokens) as address, client_of(address, "acme-token") as acme:
        job = await acme.create(make_spec((await acme.upload(portrait)).uri))
        await eventually(lambda: len(fakes.lipsync.pieces) == 2)
    fakes.lipsync.hold.set()
    async with (
        running_server(settings, fakes, tmp_path, tokens) as address,
        client_of(address, "acme-token") as acme,
        client_of(address, "globex-token") as globex,
    ):
        ended = await acme.ended(job.id)
        assert ended.state == job_pb2.STATE_SUCCEEDED and await acme.download(ended.results[0].outputs[0].media.uri)
        assert isinstance(await globex.refused(globex.get(job.id)), NotFound)
    # Who needs no token is a tenant without a name.
    async with running_gateway(settings, fakes, tmp_path) as client:
        assert await listed(client) == []


async def test_what_another_tenant_sent_since_does_not_expire(tmp_path: Path) -> None:
    database = Database(tmp_path / "jobs.sqlite")
    table = MediaTable(database)
    digest = "a" * 64
    await table.add(media_pb2.Media(uri=f"media/{digest}"), "acme")
    between = datetime.now(UTC)
    await table.add(media_pb2.Media(uri=f"media/{digest}"), "globex")
    assert await table.before(between) == [digest]
    await table.delete([digest], between)
    with pytest.raises(NotFound):
        await table.get(digest, "acme")
    assert (await table.get(digest, "globex")).uri == f"media/{digest}"
    await database.close()


def test_a_database_of_another_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    with sqlite3.connect(path) as old:
        old.execute("CREATE TABLE media (sha256 VARCHAR(64) PRIMARY KEY, owner VARCHAR NOT NULL, media BLOB NOT NULL)")
    old.close()
    with pytest.raises(InvalidInput, match=r"jobs\.sqlite was written by another version of Locutor; move it away"):
        Database(path)
