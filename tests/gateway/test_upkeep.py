"""What a gateway does beside jobs: retention, owners, settings, tokens, its process."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import grpc
import grpc.aio
import pytest

from gateway.artifacts import ArtifactStore
from gateway.collector import Collector
from gateway.database import Database
from gateway.jobs import JobTable, QueueLimits
from gateway.media_table import MediaTable
from gateway.owners import Owner
from gateway.retention import Retention, needs_of
from gateway.settings import GatewaySettings
from gateway.tokens import read_tokens
from locutor.address import CHANNEL_OPTIONS
from locutor.channel import TlsFiles
from locutor.errors import InvalidInput, NotFound
from locutor.gateway.v1 import job_pb2, job_pb2_grpc, media_pb2
from services.serving import GrpcServer, ServingSettings
from tests.client.test_tls import certificate
from tests.gateway.conftest import Client, client_of, make_spec, running_gateway
from tests.gateway.fakes import Fakes


async def test_what_has_expired_goes_and_nothing_else(client: Client, settings: GatewaySettings, spec: job_pb2.PresentSpec) -> None:
    job = await client.ended((await client.create(spec)).id)
    database, store = Database(settings.database), ArtifactStore(settings.store_url)
    table, media, forgotten = JobTable(database), MediaTable(database), list[str]()

    async def forget(job_id: str) -> None:
        forgotten.append(job_id)

    retention = Retention(settings, table, media, forget, Collector(store, partial(needs_of, table, media), database.id, settle_s=0))
    kept = {output.media.uri.removeprefix("media/") for result in job.results for output in result.outputs} | {spec.face_uri.removeprefix("media/")}
    end = job.end_time.ToDatetime(UTC)

    await retention.sweep(end + settings.retention - timedelta(seconds=1))
    assert (await table.get(job.id, "")).id == job.id
    assert all([await store.has(digest) for digest in kept])

    await retention.sweep(end + settings.retention + timedelta(hours=1))
    with pytest.raises(NotFound):
        await table.get(job.id, "")
    assert not any([await store.has(digest) for digest in kept])
    assert list((settings.data / "store" / "steps").iterdir()) == []
    assert forgotten == [job.id]
    await database.close()


async def test_steps_go_before_the_job_that_needs_its_outputs(client: Client, settings: GatewaySettings, spec: job_pb2.PresentSpec) -> None:
    job = await client.ended((await client.create(spec)).id)
    database, store = Database(settings.database), ArtifactStore(settings.store_url)
    table, media = JobTable(database), MediaTable(database)
    job.expire_time.FromDatetime(datetime(2999, 1, 1))
    (worker,) = {event.worker for event in (await client.jobs.ListJobEvents(job_pb2.ListJobEventsRequest(id=job.id))).events}
    assert await table.save(job, worker)

    async def forget(job_id: str) -> None:
        raise AssertionError(job_id)

    retention = Retention(settings, table, media, forget, Collector(store, partial(needs_of, table, media), database.id, settle_s=0))
    await retention.sweep(job.end_time.ToDatetime(UTC) + settings.retention + timedelta(hours=1))
    left = {path.name for path in (settings.data / "store" / "media").iterdir()}
    assert left == {output.media.uri.removeprefix("media/") for result in job.results for output in result.outputs} | {spec.face_uri.removeprefix("media/")}
    await database.close()


async def test_a_job_that_cannot_be_removed_keeps_no_other_from_it(
    client: Client, settings: GatewaySettings, spec: job_pb2.PresentSpec, caplog: pytest.LogCaptureFixture
) -> None:
    jobs = [await client.ended((await client.create(spec)).id) for _ in range(2)]
    database, store = Database(settings.database), ArtifactStore(settings.store_url)
    table, media = JobTable(database), MediaTable(database)

    async def forget(job_id: str) -> None:
        if job_id == jobs[0].id:
            raise OSError(job_id)

    retention = Retention(settings, table, media, forget, Collector(store, partial(needs_of, table, media), database.id, settle_s=0))
    await retention.sweep(jobs[1].end_time.ToDatetime(UTC) + settings.retention + timedelta(hours=1))
    assert [job.id for job in await table.all()] == [jobs[0].id] and f"the expired job {jobs[0].id} could not be removed" in caplog.text
    await database.close()


async def test_many_media_are_forgotten(tmp_path: Path) -> None:
    database = Database(tmp_path / "jobs.sqlite")
    media = MediaTable(database)
    await media.add(media_pb2.Media(uri="media/a"), "")
    later = datetime.now(UTC) + timedelta(seconds=1)
    await media.delete([*(f"{number:064x}" for number in range(40_000)), "a"], later)
    assert await media.before(later) == []
    await database.close()


def test_an_owner_that_is_starting_is_left_alone(tmp_path: Path) -> None:
    one = Owner(tmp_path)
    young, old = (tmp_path / "work" / f"starting-{name}" for name in ("young", "old"))
    for folder in (young, old):
        folder.mkdir()
    os.utime(old, (0, 0))
    one.bury_dead()
    assert young.exists() and not old.exists() and one.folder.exists()
    one.release()


def test_an_owner_is_dead_when_its_process_is(tmp_path: Path) -> None:
    one, other = Owner(tmp_path), Owner(tmp_path)
    assert not one.is_dead(other.id) and not one.is_dead(one.id)
    other.release()
    assert one.is_dead(other.id)
    left = tmp_path / "work" / "0123456789ab"
    left.mkdir()
    (left / "lock").touch()
    one.bury_dead()
    assert one.folder.exists() and not left.exists()
    one.release()


async def test_only_one_gateway_takes_a_job_over(tmp_path: Path) -> None:
    databases = [Database(tmp_path / "jobs.sqlite") for _ in range(4)]
    tables = [JobTable(database) for database in databases]
    for number in range(8):
        request = job_pb2.CreateJobRequest(request_id=f"r{number}")
        await tables[0].add(job_pb2.Job(id=f"job{number}", state=job_pb2.STATE_RUNNING), request, "", "dead", QueueLimits(100, 0))
    taken = await asyncio.gather(*(table.take_over("dead") for table in tables))
    assert sorted(len(jobs) for jobs in taken) == [0, 0, 0, 8]
    assert max(taken, key=len) == [f"job{number}" for number in range(8)]
    claimed = await asyncio.gather(*(table.claim(f"owner{number}", True, 0, []) for number, table in enumerate(tables)))
    assert {job.id for job in claimed if job} == {f"job{number}" for number in range(4)}
    for database in databases:
        await database.close()


async def test_a_page_of_large_jobs_fits_into_a_message(tmp_path: Path) -> None:
    database = Database(tmp_path / "jobs.sqlite")
    table = JobTable(database)
    for number in range(5):
        job = job_pb2.Job(id=f"job{number}", state=job_pb2.STATE_QUEUED, present=job_pb2.PresentSpec(script=job_pb2.Script(text="x" * 3_000_000)))
        await table.add(job, job_pb2.CreateJobRequest(), "", "me", QueueLimits(100, 0))
    pages, before = [], None
    while not pages or before is not None:
        jobs, before = await table.page("", 100, before)
        pages.append([job.id for job in jobs])
    assert pages == [["job4", "job3"], ["job2", "job1"], ["job0"]]
    await database.close()


def test_settings_come_from_the_environment(tmp_path: Path) -> None:
    settings = GatewaySettings.from_environment({"LOCUTOR_DATA": str(tmp_path), "LOCUTOR_TTS": "dns:///tts:50051", "LOCUTOR_JOBS": "3", "LOCUTOR_WEB": ""})
    assert (settings.data, dict(settings.services), settings.jobs_at_once, settings.web) == (tmp_path, {"tts": "dns:///tts:50051"}, 3, "")
    assert settings.store_url == (tmp_path / "store").as_uri()


def test_certificates_for_services_come_from_the_environment() -> None:
    prefix = "LOCUTOR_SERVICES_TLS_"
    assert GatewaySettings.from_environment({}).services_tls is None
    assert GatewaySettings.from_environment({f"{prefix}CA": "ca.pem"}).services_tls == TlsFiles(Path("ca.pem"))
    both = GatewaySettings.from_environment({f"{prefix}CERTIFICATE": "own.pem", f"{prefix}KEY": "own.key"})
    assert both.services_tls == TlsFiles(None, Path("own.pem"), Path("own.key"))
    with pytest.raises(InvalidInput) as caught:
        GatewaySettings.from_environment({f"{prefix}CA": "ca.pem", f"{prefix}CERTIFICATE": "own.pem"})
    assert caught.value.violations[0].field == f"{prefix}KEY"


async def test_services_are_called_over_tls(settings: GatewaySettings, fakes: Fakes, portrait: bytes, tmp_path: Path) -> None:
    """Three services on unix sockets stay as they are; the voice is behind mTLS."""
    authority = certificate(tmp_path, "authority", None)
    for name in ("server", "client"):
        certificate(tmp_path, name, authority)
    serving = ServingSettings(tls_certificate=tmp_path / "server.pem", tls_key=tmp_path / "server.key", tls_client_ca=tmp_path / "authority.pem")
    server = GrpcServer([fakes.tts], serving)
    await server.start()
    fakes.addresses["tts"] = server.address
    own = TlsFiles(tmp_path / "authority.pem", tmp_path / "client.pem", tmp_path / "client.key")
    secured = replace(settings, services=fakes.addresses, services_tls=own)
    async with running_gateway(secured, fakes, tmp_path) as client:
        spec = make_spec((await client.upload(portrait)).uri)
        assert (await client.ended((await client.create(spec)).id)).state == job_pb2.STATE_SUCCEEDED
    # Without a certificate of its own, and in plain text, it is not let in.
    for tls in (TlsFiles(tmp_path / "authority.pem"), None):
        async with running_gateway(replace(secured, services_tls=tls), fakes, tmp_path) as client:
            error = await client.refused(client.create(spec))
            assert error.reason == "SERVICE_LOST" and "the tts service at tcp://127.0.0.1:" in error.message
    await server.stop(grace_s=0)


@pytest.mark.parametrize(("name", "value"), [("LOCUTOR_TTS", "tts"), ("LOCUTOR_JOBS", "0"), ("LOCUTOR_JOBS", "many"), ("LOCUTOR_RETENTION_DAYS", "-1")])
def test_settings_that_are_wrong_are_named(name: str, value: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        GatewaySettings.from_environment({name: value})
    assert caught.value.violations[0].field == name


def test_tokens(tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    digest = hashlib.sha256(b"secret").hexdigest()
    path.write_text(f'acme = "{digest}"\n')
    assert read_tokens(path, "LOCUTOR_TOKENS") == {"acme": digest}
    for content in ("", 'acme = "secret"\n', f'"" = "{digest}"\n', "acme = 1\n", "[x"):
        path.write_text(content)
        with pytest.raises(InvalidInput):
            read_tokens(path, "LOCUTOR_TOKENS")
    with pytest.raises(InvalidInput):
        read_tokens(tmp_path / "none", "LOCUTOR_TOKENS")


@asynccontextmanager
async def process(environment: dict[str, str], socket: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, list[str]]]:
    """`python -m gateway` from the moment it is ready, with what it has said; killed at the end if it is still there."""
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "--listen", f"unix:{socket}", env={**os.environ, **environment}, stderr=asyncio.subprocess.PIPE
    )
    assert running.stderr is not None
    try:
        lines: list[str] = []
        async with asyncio.timeout(60):
            while "ready" not in lines:
                lines.append((await running.stderr.readline()).decode().strip())
                assert lines[-1] or running.returncode is None, lines
        yield running, lines
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()
        await running.stderr.read()


def environment_of(fakes: Fakes, data: Path) -> dict[str, str]:
    return {**{f"LOCUTOR_{name.upper()}": address for name, address in fakes.addresses.items()}, "LOCUTOR_DATA": str(data), "LOCUTOR_WEB": ""}


async def test_the_process_serves_and_ends_at_sigterm(fakes: Fakes, tmp_path: Path) -> None:
    digest = hashlib.sha256(b"secret").hexdigest()
    (tmp_path / "tokens.toml").write_text(f'acme = "{digest}"\n')
    environment = environment_of(fakes, tmp_path / "data") | {"LOCUTOR_WEB": "tcp://127.0.0.1:0", "LOCUTOR_TOKENS": str(tmp_path / "tokens.toml")}
    async with process(environment, tmp_path / "process.sock") as (running, lines):
        assert any(line.startswith("web form on http://127.0.0.1:") for line in lines)
        async with grpc.aio.insecure_channel(f"unix:{tmp_path}/process.sock", options=CHANNEL_OPTIONS) as channel:
            jobs = job_pb2_grpc.JobServiceStub(channel)
            assert not (await jobs.ListJobs(job_pb2.ListJobsRequest(), metadata=(("authorization", "Bearer secret"),))).jobs
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await jobs.ListJobs(job_pb2.ListJobsRequest())
            assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED
        running.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            assert await running.wait() == 0
    assert list((tmp_path / "data" / "work").iterdir()) == []


async def test_a_killed_gateway_s_jobs_are_finished_by_the_next(fakes: Fakes, portrait: bytes, tmp_path: Path) -> None:
    environment = environment_of(fakes, tmp_path / "data")
    fakes.lipsync.hold = asyncio.Event()
    async with process(environment, tmp_path / "one.sock") as (running, _), client_of(f"unix:{tmp_path}/one.sock") as client:
        job = await client.create(make_spec((await client.upload(portrait)).uri), "once")
        async for response in client.jobs.WatchJob(job_pb2.WatchJobRequest(id=job.id)):
            if len(fakes.lipsync.pieces) == 2 and all(stage.state == job_pb2.STATE_SUCCEEDED for stage in response.job.stages if stage.name == "speak"):
                break
        running.send_signal(signal.SIGKILL)
        await running.wait()
    fakes.lipsync.hold.set()
    spoken = fakes.tts.calls["Synthesize"]
    async with process(environment, tmp_path / "two.sock"), client_of(f"unix:{tmp_path}/two.sock") as client:
        ended = await client.ended(job.id)
        assert ended.state == job_pb2.STATE_SUCCEEDED
        assert fakes.tts.calls["Synthesize"] == spoken
        assert len(list((tmp_path / "data" / "work").iterdir())) == 1


async def test_the_process_refuses_open_access(fakes: Fakes, tmp_path: Path) -> None:
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "--listen", "tcp://0.0.0.0:0", env={**os.environ, **environment_of(fakes, tmp_path)}, stderr=asyncio.subprocess.PIPE
    )
    _, stderr = await running.communicate()
    assert running.returncode == 1 and b"0.0.0.0" in stderr and b"Traceback" not in stderr


def test_one_command_on_a_database_of_another_version_ends_in_one_line(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "jobs.sqlite") as old:
        old.execute("CREATE TABLE media (sha256 VARCHAR(64) PRIMARY KEY)")
    old.close()
    program = (
        "import asyncio\nfrom gateway.embedded import EmbeddedGateway\nfrom gateway.settings import GatewaySettings\n"
        "from services.serving import run\nrun(EmbeddedGateway(GatewaySettings.from_environment()).__aenter__)"
    )
    environment = {**os.environ, "LOCUTOR_DATA": str(tmp_path), "TMPDIR": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 1 and ended.stderr.count("\n") == 1 and "jobs.sqlite was written by another version" in ended.stderr
    assert not list(tmp_path.glob("locutor-*"))


async def test_an_unreachable_service_is_named(settings: GatewaySettings, fakes: Fakes, tmp_path: Path, portrait: bytes) -> None:
    fakes.addresses["translate"] = f"unix:{tmp_path}/nobody.sock"
    async with running_gateway(settings, fakes, tmp_path) as client:
        error = await client.refused(client.create(make_spec((await client.upload(portrait)).uri)))
        assert error.reason == "SERVICE_LOST" and error.retryable
        assert "the translate service at unix:" in error.message
