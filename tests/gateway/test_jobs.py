"""Jobs on fake services: results, caching, faults, cancel, recovery. Real engines are in test_present.py."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
from pathlib import Path

import grpc.aio
import pytest

from gateway.database import Database
from gateway.jobs import JobTable
from gateway.present.speak import SentenceReader
from gateway.settings import GatewaySettings
from locutor.common.v1 import audio_pb2
from locutor.errors import AlreadyExists, InternalError, InvalidInput, NotFound, Overloaded, ServiceLost
from locutor.gateway.v1 import job_pb2
from locutor.tts.v1 import tts_pb2
from media.clock import PROGRAMME_RATE
from media.probe import probe
from tests.gateway.conftest import Client, client_of, eventually, make_spec, running_gateway
from tests.gateway.fakes import SENTENCE_S, Fakes
from tests.gateway.test_upkeep import environment_of, process

SUCCEEDED, FAILED, CANCELLED = job_pb2.STATE_SUCCEEDED, job_pb2.STATE_FAILED, job_pb2.STATE_CANCELLED


def outputs(job: job_pb2.Job, locale: str) -> dict[int, str]:
    result = next(result for result in job.results if result.locale == locale)
    return {output.kind: output.media.uri for output in result.outputs}


def steps(job: job_pb2.Job) -> dict[str, tuple[int, int]]:
    return {f"{stage.locale} {stage.name}": (stage.cached_steps, stage.total_steps) for stage in job.stages}


async def test_a_job_from_request_to_outputs(client: Client, spec: job_pb2.PresentSpec, tmp_path: Path) -> None:
    spec.ClearField("video")
    job = await client.create(spec)
    assert job.state in (job_pb2.STATE_QUEUED, job_pb2.STATE_RUNNING)
    states = await client.watch(job.id)
    assert [state.progress for state in states] == sorted(state.progress for state in states)
    job = states[-1]
    assert (job.state, job.progress) == (SUCCEEDED, 1.0)
    assert job == await client.get(job.id)
    assert [result.locale for result in job.results] == ["en-US", "pt-BR"]
    assert {stage.state for stage in job.stages} == {SUCCEEDED}
    # Lead 0.4 s, a title, 0.6 s, two sentences, 1 s, one sentence, trail 0.6 s.
    expected_s = 0.4 + SENTENCE_S + 0.6 + 2 * SENTENCE_S + 1 + SENTENCE_S + 0.6
    for locale in ("en-US", "pt-BR"):
        made = outputs(job, locale)
        path = tmp_path / "out.mp4"
        path.write_bytes(await client.download(made[job_pb2.OUTPUT_KIND_VIDEO]))
        info = probe(path)
        (video,), (audio,) = info.video, info.audio
        assert (video.codec, video.width, video.height, video.frame_rate, video.pixel_format) == ("h264", 1280, 720, 25, "yuv420p")
        assert (audio.codec, audio.sample_rate, audio.channels) == ("aac", PROGRAMME_RATE, 2)
        assert abs(video.duration_s - expected_s) <= 0.04 and abs(video.duration_s - audio.duration_s) <= 0.04
        report = json.loads(await client.download(made[job_pb2.OUTPUT_KIND_REPORT]))
        assert report["consent"] == {"stated_by": "A test", "statement": "no person is shown"}
        assert report["script"]["translation"] == ("none" if locale == "en-US" else "machine")
        assert report["video"]["frames"] == video.frame_count
        assert (await client.download(made[job_pb2.OUTPUT_KIND_COVER])).startswith(b"\xff\xd8\xff")
        srt = (await client.download(made[job_pb2.OUTPUT_KIND_SUBTITLES_SRT])).decode()
        assert "First sentence" in srt and "00:00:02,680 --> " in srt
        assert (await client.download(made[job_pb2.OUTPUT_KIND_SUBTITLES_VTT])).startswith(b"WEBVTT")


async def test_pieces_are_whole_sentences_and_carry_their_sound(client: Client, fakes: Fakes, spec: job_pb2.PresentSpec) -> None:
    job = await client.ended((await client.create(spec)).id)
    pieces = sorted((first, count) for locale, first, count in fakes.lipsync.pieces if locale == "en-US")
    assert [first for first, _ in pieces] == [sum(count for _, count in pieces[:number]) for number in range(len(pieces))]
    assert len(pieces) > 1
    sound = b"".join(fakes.lipsync.sounds["en-US", first] for first, _ in pieces)
    stage = next(stage for stage in job.stages if stage.locale == "en-US" and stage.name == "speak")
    assert len(sound) / 2 / 24_000 == pytest.approx(stage.media_duration.ToNanoseconds() / 1e9)
    assert sum(1 for first, _ in pieces for p in fakes.lipsync.timelines["en-US", first].phonemes if p.symbol == "m") == 4


async def test_nothing_is_made_twice(client: Client, fakes: Fakes, spec: job_pb2.PresentSpec) -> None:
    first = await client.ended((await client.create(spec)).id)
    assert all(cached == 0 for cached, _ in steps(first).values())
    calls = fakes.tts.calls["Synthesize"], fakes.lipsync.calls["Animate"], fakes.translate.calls["Translate"]
    again = await client.ended((await client.create(spec)).id)
    assert (fakes.tts.calls["Synthesize"], fakes.lipsync.calls["Animate"], fakes.translate.calls["Translate"]) == calls
    assert all(cached == total for name, (cached, total) in steps(again).items() if not name.endswith("mux"))
    assert outputs(again, "pt-BR")[job_pb2.OUTPUT_KIND_COVER] == outputs(first, "pt-BR")[job_pb2.OUTPUT_KIND_COVER]


async def test_an_edit_speaks_only_what_changed(client: Client, fakes: Fakes, spec: job_pb2.PresentSpec) -> None:
    await client.ended((await client.create(spec)).id)
    spoken = fakes.tts.calls["Synthesize"]
    spec.script.text = spec.script.text.replace("Third sentence", "Other words")
    job = await client.ended((await client.create(spec)).id)
    assert fakes.tts.calls["Synthesize"] == spoken + 2
    assert steps(job)["en-US speak"] == (2, 3)
    # The pieces before the edit are those of the first job.
    cached, total = steps(job)["en-US animate"]
    assert 0 < cached < total


@pytest.mark.parametrize("text", ["First one. Hush. Second one.", "Hush. First one. Second one.", "First one. Second one. Hush."])
async def test_a_sentence_without_a_sample_is_heard_all_the_same(client: Client, fakes: Fakes, portrait: bytes, tmp_path: Path, text: str) -> None:
    spec = make_spec((await client.upload(portrait)).uri, text)
    del spec.targets[1]
    if text.startswith("First"):
        # The second attempt goes on after the first sentence.
        fakes.tts.failures = [ServiceLost("gone")]
    made = []
    for _ in range(2):
        job = await client.ended((await client.create(spec)).id)
        assert job.state == SUCCEEDED, job.results[0].error
        stage = next(stage for stage in job.stages if stage.name == "speak")
        assert stage.media_duration.ToNanoseconds() / 1e9 == pytest.approx(0.4 + 2 * SENTENCE_S + 0.6)
        srt = (await client.download(outputs(job, "en-US")[job_pb2.OUTPUT_KIND_SUBTITLES_SRT])).decode()
        made.append(outputs(job, "en-US")[job_pb2.OUTPUT_KIND_TIMELINE])
        assert all(words in srt for words in ("First one", "Hush", "Second one"))
    assert made[0] == made[1] and fakes.tts.calls["Synthesize"] == (2 if text.startswith("First") else 1)


async def test_sentences_that_are_not_as_announced_are_refused() -> None:
    def sentence(start_s: float, end_s: float) -> tts_pb2.SynthesizeResponse:
        found = tts_pb2.Sentence(text="x")
        found.start_offset.FromNanoseconds(round(start_s * 1e9))
        found.end_offset.FromNanoseconds(round(end_s * 1e9))
        return tts_pb2.SynthesizeResponse(sentence=found)

    header = tts_pb2.SynthesizeResponse()
    header.header.format.encoding, header.header.format.channels, header.header.format.sample_rate_hertz = audio_pb2.AUDIO_ENCODING_PCM_S16LE, 1, 1000
    audio = tts_pb2.SynthesizeResponse(audio=bytes(20))
    for messages, words in (
        ([sentence(1, 0)], "sentence 1 ends before it begins"),
        ([sentence(0, 0), audio], "audio after sentence 1, which was complete"),
        ([sentence(0, 0.02), audio, sentence(0.02, 0.03)], "10 samples fewer than sentence 1 is long"),
        ([sentence(0, 0.005), audio], "5 samples more than sentence 1 is long"),
    ):
        reader = SentenceReader()
        with pytest.raises(InternalError, match=words):
            for message in (header, *messages):
                reader.take(message)


async def test_damaged_artifacts_are_made_again(client: Client, settings: GatewaySettings, spec: job_pb2.PresentSpec) -> None:
    await client.ended((await client.create(spec)).id)
    keep = spec.face_uri.removeprefix("media/")
    for path in (settings.data / "store" / "media").iterdir():
        if path.name != keep:
            path.write_bytes(b"\0" * path.stat().st_size)
    # What is only passed on is not read: who reads it is told.
    again = await client.ended((await client.create(spec)).id)
    assert again.state == SUCCEEDED
    assert steps(again)["en-US speak"] == (0, 3)
    with pytest.raises(grpc.aio.AioRpcError, match="damaged and was removed"):
        await client.download(outputs(again, "en-US")[job_pb2.OUTPUT_KIND_VIDEO])
    whole = await client.ended((await client.create(spec)).id)
    assert whole.state == SUCCEEDED
    video = await client.download(outputs(whole, "en-US")[job_pb2.OUTPUT_KIND_VIDEO])
    assert hashlib.sha256(video).hexdigest() == outputs(whole, "en-US")[job_pb2.OUTPUT_KIND_VIDEO].removeprefix("media/") and b"ftyp" in video[:16]


async def test_translation_that_is_given_wins(client: Client, fakes: Fakes, spec: job_pb2.PresentSpec) -> None:
    spec.targets[1].script = "Uma frase minha.\n"
    spec.targets.add(locale="es", script="---\nvoices: {es: es_a}\n---\nUna frase.\n")
    job = await client.ended((await client.create(spec)).id)
    assert job.state == SUCCEEDED
    assert fakes.translate.calls["Translate"] == 0
    assert {(r.text, r.voice) for r in fakes.tts.asked if r.voice != "en_a"} == {("Uma frase minha.", "pt_a"), ("Una frase.", "es_a")}
    reports = [json.loads(await client.download(outputs(job, locale)[job_pb2.OUTPUT_KIND_REPORT])) for locale in ("en-US", "pt-BR", "es")]
    assert [report["script"]["translation"] for report in reports] == ["none", "given", "given"]


async def test_a_locale_of_the_same_language_uses_the_script(client: Client, fakes: Fakes, spec: job_pb2.PresentSpec) -> None:
    spec.targets[1].locale = "en-gb"
    spec.targets[1].voice = "en_b"
    spec.targets[1].rate = 1.5
    job = await client.ended((await client.create(spec)).id)
    assert [result.locale for result in job.results] == ["en-US", "en-GB"]
    assert fakes.translate.calls["Translate"] == 0
    assert {(r.voice, r.rate) for r in fakes.tts.asked} == {("en_a", 1.0), ("en_b", 1.5)}


async def test_missed_terms_and_doubts_about_the_face_are_told(client: Client, fakes: Fakes, spec: job_pb2.PresentSpec) -> None:
    from locutor.lipsync.v1 import lipsync_pb2

    fakes.lipsync.findings = [lipsync_pb2.Finding(severity=lipsync_pb2.SEVERITY_WARNING, reason="SOFT", message="a little soft")]
    spec.glossary.add(source="title", target="título")
    job = await client.ended((await client.create(spec)).id)
    assert list(job.results[0].warnings) == ["face: a little soft"]
    assert list(job.results[1].warnings)[1] == "line 1: the glossary term 'title' was not kept"


async def test_one_locale_that_fails_leaves_the_others(client: Client, spec: job_pb2.PresentSpec) -> None:
    spec.targets[1].script = "This is poison."
    job = await client.ended((await client.create(spec)).id)
    assert job.state == job_pb2.STATE_PARTLY_SUCCEEDED
    good, bad = job.results
    assert good.state == SUCCEEDED and len(good.outputs) == 6
    assert (bad.state, bad.error.code, bad.error.reason, bad.error.retryable) == (FAILED, "INVALID_ARGUMENT", "UNSPEAKABLE", False)
    assert not job.HasField("error")


async def test_a_job_fails_when_all_locales_do(client: Client, spec: job_pb2.PresentSpec) -> None:
    del spec.targets[1]
    spec.script.text = "This is poison."
    job = await client.ended((await client.create(spec)).id)
    assert (job.state, job.error.reason) == (FAILED, "UNSPEAKABLE")
    assert {stage.state for stage in job.stages if stage.name != "translate"} == {FAILED}


async def test_a_stream_that_breaks_is_taken_up_where_it_was(client: Client, fakes: Fakes, spec: job_pb2.PresentSpec) -> None:
    del spec.targets[1]
    fakes.tts.failures = [Overloaded("busy", retry_after_s=0.01)]
    fakes.lipsync.failures = [Overloaded("busy", retry_after_s=0.01)]
    job = await client.ended((await client.create(spec)).id)
    assert job.state == SUCCEEDED
    assert fakes.tts.calls["Synthesize"] == 4
    made = sum(count for _, _, count in set(fakes.lipsync.pieces))
    assert made == round((0.4 + 4 * SENTENCE_S + 0.6 + 1 + 0.6) * 25)
    assert fakes.lipsync.calls["Animate"] == len(set(fakes.lipsync.pieces)) + 1


async def test_a_service_that_dies_and_comes_back_is_waited_for(client: Client, fakes: Fakes, spec: job_pb2.PresentSpec) -> None:
    del spec.targets[1]
    fakes.lipsync.hold = asyncio.Event()
    job = await client.create(spec)
    await eventually(lambda: len(fakes.lipsync.pieces) == 2)
    await fakes.stop("lipsync")
    fakes.lipsync.hold.set()
    await asyncio.sleep(1)
    await fakes.start("lipsync")
    assert (await client.ended(job.id)).state == SUCCEEDED


async def test_an_unexpected_error_tells_nothing_but_its_incident(client: Client, fakes: Fakes, spec: job_pb2.PresentSpec) -> None:
    del spec.targets[1]
    fakes.lipsync.failures = [RuntimeError("/secret/path")]
    job = await client.ended((await client.create(spec)).id)
    assert (job.state, job.error.code) == (FAILED, "INTERNAL")
    assert "/secret" not in str(job)


async def test_cancel_reaches_the_services_at_once(client: Client, fakes: Fakes, spec: job_pb2.PresentSpec) -> None:
    fakes.lipsync.hold = asyncio.Event()
    job = await client.create(spec)
    await eventually(lambda: len(fakes.lipsync.pieces) == 2)
    await client.jobs.CancelJob(job_pb2.CancelJobRequest(id=job.id))
    async with asyncio.timeout(5):
        job = await client.ended(job.id)
    assert job.state == CANCELLED and job.HasField("end_time")
    assert {result.state for result in job.results} == {CANCELLED}
    await eventually(lambda: fakes.lipsync.cancelled == 2)
    # A second time it has no effect.
    assert (await client.jobs.CancelJob(job_pb2.CancelJobRequest(id=job.id))).job == job


async def test_a_queued_job_can_be_cancelled_and_a_running_one_not_deleted(client: Client, fakes: Fakes, spec: job_pb2.PresentSpec) -> None:
    fakes.lipsync.hold = asyncio.Event()
    running, queued = await client.create(spec), await client.create(spec)
    await eventually(lambda: len(fakes.lipsync.pieces) > 0)
    assert (await client.get(queued.id)).state == job_pb2.STATE_QUEUED
    await client.jobs.CancelJob(job_pb2.CancelJobRequest(id=queued.id))
    assert (await client.ended(queued.id)).state == CANCELLED
    error = await client.refused(client.jobs.DeleteJob(job_pb2.DeleteJobRequest(id=running.id)))
    assert error.reason == "JOB_NOT_ENDED"
    await client.jobs.DeleteJob(job_pb2.DeleteJobRequest(id=queued.id))
    assert isinstance(await client.refused(client.get(queued.id)), NotFound)
    fakes.lipsync.hold.set()
    assert (await client.ended(running.id)).state == SUCCEEDED


async def test_a_repeated_request_is_one_job(client: Client, fakes: Fakes, spec: job_pb2.PresentSpec) -> None:
    fakes.lipsync.hold = asyncio.Event()
    jobs = await asyncio.gather(*(client.create(spec, "request-1") for _ in range(5)))
    assert len({job.id for job in jobs}) == 1
    other = job_pb2.PresentSpec()
    other.CopyFrom(spec)
    other.targets[0].rate = 1.1
    with pytest.raises(AlreadyExists):
        await client.create(other, "request-1")
    fakes.lipsync.hold.set()
    await client.ended(jobs[0].id)
    assert (await client.create(spec, "request-1")).state == SUCCEEDED
    assert (await client.refused(client.create(spec, "ü"))).reason == "BAD_REQUEST_ID"
    assert (await client.refused(client.create(spec, "x" * 129))).reason == "BAD_REQUEST_ID"


async def test_jobs_are_listed_newest_first_in_pages(client: Client, spec: job_pb2.PresentSpec) -> None:
    made = [(await client.create(spec)).id for _ in range(5)]
    for job_id in made:
        await client.ended(job_id)
    listed, token = [], ""
    while True:
        page = await client.jobs.ListJobs(job_pb2.ListJobsRequest(page_size=2, page_token=token))
        listed += [job.id for job in page.jobs]
        token = page.next_page_token
        if not token:
            break
    assert listed == made[::-1]
    assert isinstance(await client.refused(client.jobs.ListJobs(job_pb2.ListJobsRequest(page_size=101, page_token="x"))), InvalidInput)
    assert isinstance(await client.refused(client.get("nope")), NotFound)


async def test_a_full_queue_refuses(settings: GatewaySettings, fakes: Fakes, portrait: bytes, tmp_path: Path) -> None:
    async with running_gateway(GatewaySettings(data=settings.data, queue=1), fakes, tmp_path) as client:
        spec = make_spec((await client.upload(portrait)).uri)
        fakes.lipsync.hold = asyncio.Event()
        await client.create(spec)
        await eventually(lambda: len(fakes.lipsync.pieces) > 0)
        await client.create(spec)
        error = await client.refused(client.create(spec))
        assert isinstance(error, Overloaded) and error.retry_after_s == 30
        fakes.lipsync.hold.set()


async def test_the_next_gateway_goes_on_where_the_last_one_died(settings: GatewaySettings, fakes: Fakes, portrait: bytes, tmp_path: Path) -> None:
    fakes.lipsync.hold = asyncio.Event()
    async with running_gateway(settings, fakes, tmp_path) as client:
        spec = make_spec((await client.upload(portrait)).uri)
        first, second = await client.create(spec, "a"), await client.create(spec)
        async for response in client.jobs.WatchJob(job_pb2.WatchJobRequest(id=first.id)):
            if len(fakes.lipsync.pieces) == 2 and all(stage.state == SUCCEEDED for stage in response.job.stages if stage.name == "speak"):
                break
    fakes.lipsync.hold.set()
    async with running_gateway(settings, fakes, tmp_path) as client:
        job = await client.ended(first.id)
        assert job.state == SUCCEEDED
        # What was spoken before the end was not spoken again.
        assert steps(job)["en-US speak"] == (3, 3)
        assert fakes.tts.calls["Synthesize"] == 6
        assert (await client.ended(second.id)).state == SUCCEEDED
        assert (await client.create(spec, "a")).id == first.id


async def test_a_disk_that_is_full_for_a_while_loses_no_end(
    client: Client, settings: GatewaySettings, spec: job_pb2.PresentSpec, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    save, failed, full = JobTable.save, [], True

    async def save_unless_full(self: JobTable, job: job_pb2.Job, owner: str) -> bool:
        if full:
            failed.append(job.state)
            raise OSError(errno.ENOSPC, "No space left on device")
        return await save(self, job, owner)

    monkeypatch.setattr(JobTable, "save", save_unless_full)
    monkeypatch.setattr("gateway.job_run._SAVE_AGAIN_S", (0.02, 0.02))
    monkeypatch.setattr("gateway.job_run._SAVE_INTERVAL_S", 0.02)
    job = await client.ended((await client.create(spec)).id)
    assert job.state == SUCCEEDED
    await eventually(lambda: failed.count(SUCCEEDED) > 1 and failed.count(job_pb2.STATE_RUNNING) > 1)
    assert f"job {job.id}, which is STATE_SUCCEEDED, could not be written" in caplog.text
    full = False
    database = Database(settings.database)
    table = JobTable(database)
    async with asyncio.timeout(20):
        while (await table.get(job.id, "")).state != SUCCEEDED:  # noqa: ASYNC110 - what is waited for knows of no event
            await asyncio.sleep(0.01)
    await database.close()


async def test_a_gateway_whose_disk_is_full_stops_and_the_next_ends_its_job(
    settings: GatewaySettings, fakes: Fakes, portrait: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(self: JobTable, job: job_pb2.Job, owner: str) -> bool:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(JobTable, "save", full)
        async with asyncio.timeout(60), running_gateway(settings, fakes, tmp_path) as client:
            job = await client.ended((await client.create(make_spec((await client.upload(portrait)).uri))).id)
            assert job.state == SUCCEEDED
    async with running_gateway(settings, fakes, tmp_path) as client:
        again = await client.ended(job.id)
        assert again.state == SUCCEEDED and steps(again)["en-US mux"] == (2, 2)


async def test_a_living_gateway_keeps_its_jobs(client: Client, settings: GatewaySettings, fakes: Fakes, spec: job_pb2.PresentSpec, tmp_path: Path) -> None:
    fakes.lipsync.hold = asyncio.Event()
    job = await client.create(spec)
    await eventually(lambda: len(fakes.lipsync.pieces) == 2)
    async with process(environment_of(fakes, settings.data), tmp_path / "b.sock"), client_of(f"unix:{tmp_path}/b.sock") as other:
        assert (await other.get(job.id)).state == job_pb2.STATE_RUNNING
        fakes.lipsync.hold.set()
        assert (await other.ended(job.id)).state == SUCCEEDED
    assert fakes.lipsync.calls["Animate"] == len(set(fakes.lipsync.pieces))
