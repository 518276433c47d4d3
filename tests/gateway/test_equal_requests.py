"""A request that was made before, word for word."""

from __future__ import annotations

import asyncio
from pathlib import Path

from gateway.provenance import read_manifest
from locutor.gateway.v1 import job_pb2
from tests.gateway.conftest import Client
from tests.gateway.test_jobs import outputs, steps


async def test_an_equal_request_gets_the_video_that_was_signed_for_the_first(client: Client, spec: job_pb2.PresentSpec, tmp_path: Path) -> None:
    """Its manifest tells when this consent was first stated for it; other words are signed anew."""
    jobs, stated = [], []
    for number, words in enumerate(("no person is shown", "no person is shown", "the person agrees")):
        spec.consent.statement = words
        job = await client.ended((await client.create(spec)).id)
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(await client.download(outputs(job, "en-US")[job_pb2.OUTPUT_KIND_VIDEO]))
        assert steps(job)["en-US mux"] == ((0, 2), (2, 2), (1, 2))[number]
        consent = read_manifest(path).assertion("locutor.consent")
        assert consent["statement"] == words
        stated.append(consent["stated_at"])
        jobs.append(job.create_time.ToJsonString()[:19] + "Z")
        await asyncio.sleep(1.1)  # the manifest counts whole seconds
    assert stated == [jobs[0], jobs[0], jobs[2]]
