"""Changes to a dub on the real services: what they cost, and that nothing tells the result from a fresh one with the same changes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from google.protobuf.duration_pb2 import Duration

from gateway.embedded import EmbeddedGateway
from gateway.settings import GatewaySettings
from locutor.gateway.v1 import dub_pb2, job_pb2
from media.soundtrack import Soundtrack
from tests.gateway.conftest import Client, client_of
from tests.gateway.dub_inputs import RATE, VIDEO

pytestmark = pytest.mark.skipif(not VIDEO.is_file(), reason="the test data beside the project is missing")

LOCALE = "pt-BR"
CONSENT = job_pb2.Consent(stated_by="A test", statement="a video under the Apache licence")
SIGNED = (job_pb2.OUTPUT_KIND_VIDEO, job_pb2.OUTPUT_KIND_REPORT, job_pb2.OUTPUT_KIND_UTTERANCES)
"""What names its job, its time or its signer."""


@dataclass(frozen=True)
class Dub:
    job: job_pb2.Job
    utterances: list[dub_pb2.Utterance]
    outputs: dict[int, bytes]

    def steps(self, stage: str) -> tuple[int, int]:
        """Of a stage: how many were found in the store, and how many there were."""
        found = next(each for each in self.job.stages if each.name == stage)
        return found.cached_steps, found.total_steps


@dataclass(frozen=True)
class Made:
    first: Dub
    edits: list[dub_pb2.UtteranceEdit]
    one: Dub
    """With the first of the edits alone."""
    edited: Dub
    """With all of them, given one after another."""
    fresh: Dub
    """With all of them at once, by a gateway that has made nothing before."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return asyncio.run(_make(tmp_path_factory.mktemp("edits")))


async def _make(folder: Path) -> Made:
    async with EmbeddedGateway(GatewaySettings(data=folder / "one")) as gateway, client_of(gateway.address) as client:
        first = await _dub(client, (await client.call(client.jobs.CreateJob(job_pb2.CreateJobRequest(dub=await _spec(client))))).job)
        edits = _edits(first.utterances)
        one = edited = await _edit(client, first, edits[:1])
        for edit in edits[1:]:
            edited = await _edit(client, edited, [edit])
    async with EmbeddedGateway(GatewaySettings(data=folder / "two")) as gateway, client_of(gateway.address) as client:
        spec = await _spec(client)
        spec.edits.extend(edits)
        fresh = await _dub(client, (await client.call(client.jobs.CreateJob(job_pb2.CreateJobRequest(dub=spec)))).job)
    return Made(first, edits, one, edited, fresh)


async def _spec(client: Client) -> job_pb2.DubSpec:
    uri = (await client.upload(VIDEO.read_bytes(), VIDEO.name)).uri
    return job_pb2.DubSpec(video_uri=uri, source_locale="en", targets=[dub_pb2.DubTarget(locale=LOCALE)], omit_lipsync=True, consent=CONSENT)


def _edits(utterances: list[dub_pb2.Utterance]) -> list[dub_pb2.UtteranceEdit]:
    """Another text for the last; the first not said; another speaker, and a later time, for the second."""
    first, second, last = utterances[0], utterances[1], utterances[-1]
    later = Duration()
    later.FromNanoseconds(second.start_offset.ToNanoseconds() + 200_000_000)
    return [
        dub_pb2.UtteranceEdit(id=last.id, locale=LOCALE, text="Eu adoro esta cidade."),
        dub_pb2.UtteranceEdit(id=first.id, locale=LOCALE, omitted=True),
        dub_pb2.UtteranceEdit(id=second.id, speaker="Anna"),
        dub_pb2.UtteranceEdit(id=second.id, locale=LOCALE, start_offset=later),
    ]


async def _edit(client: Client, dub: Dub, edits: list[dub_pb2.UtteranceEdit]) -> Dub:
    return await _dub(client, (await client.call(client.jobs.EditJob(job_pb2.EditJobRequest(id=dub.job.id, edits=edits)))).job)


async def _dub(client: Client, job: job_pb2.Job) -> Dub:
    job = await client.ended(job.id)
    assert job.state == job_pb2.STATE_SUCCEEDED, job
    utterances = (await client.call(client.jobs.ListUtterances(job_pb2.ListUtterancesRequest(id=job.id, locale=LOCALE)))).utterances
    return Dub(job, list(utterances), {output.kind: await client.download(output.media.uri) for output in job.results[0].outputs})


def test_one_changed_text_is_the_only_one_that_is_spoken(made: Made) -> None:
    count = len(made.first.utterances)
    assert count >= 3
    # An utterance is measured and spoken.
    assert made.one.steps("speak") == (2 * count - 2, 2 * count)
    for stage in ("recognize", "diarize", "translate"):
        cached, total = made.one.steps(stage)
        assert cached == total > 0, stage
    assert [each.start_offset for each in made.one.utterances[:-1]] == [each.start_offset for each in made.first.utterances[:-1]]


def test_the_result_of_many_edits_is_bit_for_bit_that_of_a_fresh_job(made: Made) -> None:
    kinds = [kind for kind in made.edited.outputs if kind not in SIGNED]
    assert job_pb2.OUTPUT_KIND_AUDIO in kinds and job_pb2.OUTPUT_KIND_SUBTITLES_SRT in kinds
    for kind in kinds:
        assert made.edited.outputs[kind] == made.fresh.outputs[kind], job_pb2.OutputKind.Name(kind)
    assert made.edited.outputs[job_pb2.OUTPUT_KIND_AUDIO] != made.first.outputs[job_pb2.OUTPUT_KIND_AUDIO]
    assert made.edited.utterances == made.fresh.utterances


def test_each_edit_does_what_it_says(made: Made) -> None:
    before, after = made.first.utterances, made.edited.utterances
    assert after[-1].text == "Eu adoro esta cidade."
    assert after[1].speaker == "Anna" and after[1].voice != before[1].voice
    assert after[1].start_offset.ToNanoseconds() - before[1].start_offset.ToNanoseconds() == pytest.approx(200e6, abs=1e6)
    assert not after[0].text and after[0].id not in _said(made.edited)


def _said(dub: Dub) -> set[str]:
    return {each.id for each in dub.utterances if each.text}


def test_what_is_not_said_is_heard_as_it_was(made: Made, tmp_path: Path) -> None:
    """Not ducked, with nothing over it: the original at one gain with the rest of the programme."""

    def heard(path: Path) -> np.ndarray:
        return np.concatenate(list(Soundtrack(path).blocks()))[:, 0].astype(np.float64)

    (sound := tmp_path / "edited.wav").write_bytes(made.edited.outputs[job_pb2.OUTPUT_KIND_AUDIO])
    source, dubbed = heard(VIDEO), heard(sound)
    omitted = made.first.utterances[0]
    spoken = slice(*(round(offset.ToNanoseconds() * RATE / 1e9) for offset in (omitted.source_start_offset, omitted.source_end_offset)))
    quiet = slice(0, round(0.8 * RATE))

    def gain(part: slice) -> float:
        return float(source[part] @ dubbed[part] / (source[part] @ source[part]))

    residual = dubbed[spoken] - gain(spoken) * source[spoken]
    assert 10 * np.log10(np.square(residual).mean() / np.square(dubbed[spoken]).mean()) < -40
    assert gain(spoken) == pytest.approx(gain(quiet), rel=0.02)
