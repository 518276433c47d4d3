"""A machine without room or memory ends a job, with what to do told, and never the gateway."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.present.pipeline import LocaleRun
from locutor.gateway.v1 import job_pb2
from tests.gateway.conftest import Client, client_of, eventually, make_spec
from tests.gateway.fakes import Fakes
from tests.gateway.test_upkeep import environment_of, process

SIZE = 24 * 1024 * 1024
TEXT = " ".join(f"Here is sentence {number}." for number in range(12))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("a small disk of one's own can be mounted by root alone")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path, left: int) -> Path:
    """A file that leaves so many bytes of the disk, whatever else is being written."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(65536))
    os.truncate(ballast, max(0, ballast.stat().st_size - left))
    return ballast


@pytest.mark.parametrize("left", [0, 100_000, 400_000])
async def test_a_disk_that_is_full_ends_the_job_and_not_the_gateway(small_disk: Path, fakes: Fakes, portrait: bytes, tmp_path: Path, left: int) -> None:
    """Wherever in the job it happens: at its first write, or after some."""
    async with process(environment_of(fakes, small_disk / "data"), tmp_path / "g.sock") as (running, _), client_of(f"unix:{tmp_path}/g.sock") as client:
        face = (await client.upload(portrait)).uri
        ended = await client.ended((await client.create(make_spec(face, "Said before."))).id)
        assert ended.state == job_pb2.STATE_SUCCEEDED
        fakes.lipsync.hold = asyncio.Event()
        job = await client.create(make_spec(face, TEXT))
        await eventually(lambda: fakes.lipsync.held > 0)
        ballast = fill(small_disk, left)
        fakes.lipsync.hold.set()
        ended = await client.ended(job.id)
        assert ended.state == job_pb2.STATE_FAILED
        errors = {(result.error.code, result.error.reason) for result in ended.results}
        assert errors <= {("RESOURCE_EXHAUSTED", "DISK_FULL"), ("RESOURCE_EXHAUSTED", "STORE_FULL")}, ended
        assert running.returncode is None
        ballast.unlink()
        # With room it is made.
        again = await client.ended((await client.create(make_spec(face, TEXT))).id)
        assert again.state == job_pb2.STATE_SUCCEEDED, (again.error, [result.error for result in again.results])


async def test_memory_that_runs_out_ends_the_job_and_not_the_gateway(client: Client, spec: job_pb2.PresentSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_memory(self: LocaleRun) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(LocaleRun, "run", no_memory)
        job = await client.ended((await client.create(spec)).id)
        assert (job.state, job.error.code, job.error.reason) == (job_pb2.STATE_FAILED, "RESOURCE_EXHAUSTED", "OUT_OF_MEMORY")
    assert (await client.ended((await client.create(spec)).id)).state == job_pb2.STATE_SUCCEEDED
