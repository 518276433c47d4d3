"""What a tenant sends keeps other calls from waiting, and is held to its limits once it is read."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import pytest

import gateway.servicers.jobs
import gateway.validate
from locutor.gateway.v1 import dub_pb2, job_pb2
from tests.gateway.conftest import Client
from tests.gateway.test_dub_jobs import CONSENT, create, film, run


@pytest.fixture
async def spec(client: Client) -> job_pb2.DubSpec:
    uri = (await client.upload(film(), "film.mp4", "video/mp4")).uri
    return job_pb2.DubSpec(video_uri=uri, targets=[dub_pb2.DubTarget(locale="pt-BR")], omit_lipsync=True, consent=CONSENT)


async def test_subtitles_are_read_beside_other_calls(client: Client, spec: job_pb2.DubSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = set()

    def reading(*arguments: Any) -> Any:
        threads.add(threading.current_thread())
        return given_texts(*arguments)

    given_texts = gateway.validate.given_texts
    monkeypatch.setattr(gateway.validate, "given_texts", reading)
    spec.targets[0].subtitles_uri = (await client.upload(b"1\n00:00:01,000 --> 00:00:03,000\nOi.\n", "a.srt")).uri
    job = await create(client, spec)
    await client.call(client.jobs.CancelJob(job_pb2.CancelJobRequest(id=job.id)))
    assert threads and threading.main_thread() not in threads


async def test_utterances_are_read_once_for_all_locks(client: Client, spec: job_pb2.DubSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Counter[str]()

    def reading(data: bytes) -> list[dub_pb2.Utterance]:
        calls["read"] += 1
        return read_utterances(data)

    read_utterances = gateway.servicers.jobs.read_utterances
    monkeypatch.setattr(gateway.servicers.jobs, "read_utterances", reading)
    job = await run(client, spec)
    locks = [dub_pb2.UtteranceEdit(id=name, locale="pt-BR", locked=True) for name in ("u0001", "u0002")]
    edited = await client.call(client.jobs.EditJob(job_pb2.EditJobRequest(id=job.id, edits=locks)))
    await client.call(client.jobs.CancelJob(job_pb2.CancelJobRequest(id=edited.job.id)))
    assert calls["read"] == 1


async def test_a_video_longer_than_its_headers_say_is_refused_once_it_is_read(client: Client, spec: job_pb2.DubSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway.validate, "check_length", lambda *_: None)
    monkeypatch.setattr("gateway.dub.source.MAX_VIDEO_S", 5.0)
    job = await run(client, spec)
    assert (job.state, job.error.code, job.error.reason) == (job_pb2.STATE_FAILED, "INVALID_ARGUMENT", "TOO_LONG")
