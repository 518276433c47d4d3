"""What a dub job makes of its services' answers: locales with a fate of their own, subtitles, silence, cancel, edits, lips."""

from __future__ import annotations

import asyncio
import io
import json
from fractions import Fraction

import av
import numpy as np
import pytest

from locutor.errors import InvalidInput
from locutor.gateway.v1 import dub_pb2, job_pb2
from tests.gateway.conftest import Client, eventually
from tests.gateway.fakes import Fakes

RATE, SECONDS, SOUND_RATE = 25, 12, 48_000
CONSENT = job_pb2.Consent(stated_by="A test", statement="nobody is shown")


def film(*, sound: bool = True) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as out:
        picture = out.add_stream("libx264", rate=RATE, options={"preset": "ultrafast"})
        picture.width, picture.height, picture.pix_fmt = 192, 128, "yuv420p"
        track = out.add_stream("aac", rate=SOUND_RATE, layout="mono") if sound else None
        for number in range(RATE * SECONDS):
            frame = av.VideoFrame.from_ndarray(np.full((192, 192), 30 + number % 180, np.uint8), "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            out.mux(picture.encode(frame))
        out.mux(picture.encode(None))
        if track is not None:
            time = np.arange(SECONDS * SOUND_RATE) / SOUND_RATE
            hum = av.AudioFrame.from_ndarray((0.1 * np.sin(2 * np.pi * 220 * time)).astype(np.float32)[None], "fltp", "mono")
            hum.sample_rate, hum.pts = SOUND_RATE, 0
            out.mux(track.encode(hum))
            out.mux(track.encode(None))
    return buffer.getvalue()


@pytest.fixture
async def spec(client: Client) -> job_pb2.DubSpec:
    uri = (await client.upload(film(), "film.mp4", "video/mp4")).uri
    return job_pb2.DubSpec(video_uri=uri, targets=[dub_pb2.DubTarget(locale="pt-BR")], omit_lipsync=True, consent=CONSENT)


async def create(client: Client, spec: job_pb2.DubSpec) -> job_pb2.Job:
    return (await client.call(client.jobs.CreateJob(job_pb2.CreateJobRequest(dub=spec)))).job


async def run(client: Client, spec: job_pb2.DubSpec) -> job_pb2.Job:
    return await client.ended((await create(client, spec)).id)


async def edit(client: Client, job: job_pb2.Job, *edits: dub_pb2.UtteranceEdit) -> job_pb2.Job:
    created = (await client.call(client.jobs.EditJob(job_pb2.EditJobRequest(id=job.id, edits=edits)))).job
    return await client.ended(created.id)


async def utterances(client: Client, job: job_pb2.Job, locale: str = "pt-BR") -> list[dub_pb2.Utterance]:
    return list((await client.call(client.jobs.ListUtterances(job_pb2.ListUtterancesRequest(id=job.id, locale=locale)))).utterances)


async def test_two_speakers_keep_their_times(client: Client, fakes: Fakes, spec: job_pb2.DubSpec) -> None:
    job = await run(client, spec)
    assert job.state == job_pb2.STATE_SUCCEEDED, job
    first, second = await utterances(client, job)
    assert (first.id, first.speaker, first.source_text, first.text) == ("u0001", "speaker1", "Good morning.", "Olá Good morning.")
    assert (second.id, second.speaker, second.source_start_offset.seconds) == ("u0002", "speaker2", 5)
    assert (first.start_offset.seconds, second.start_offset.seconds) == (1, 5)
    assert abs(fakes.asr.heard_bytes - SECONDS * 16_000 * 2) < 3_000, "all of the sound, at the rate that recognition hears"


async def test_what_was_heard_is_heard_once(client: Client, fakes: Fakes, spec: job_pb2.DubSpec) -> None:
    await run(client, spec)
    spec.background_sound = dub_pb2.BACKGROUND_SOUND_NONE
    await run(client, spec)
    assert (fakes.asr.calls["Recognize"], fakes.asr.calls["Diarize"], fakes.tts.calls["Synthesize"]) == (1, 1, 2)


async def test_where_nobody_speaks_the_job_fails_and_says_so(client: Client, fakes: Fakes, spec: job_pb2.DubSpec) -> None:
    fakes.asr.words = []
    job = await run(client, spec)
    assert (job.state, job.error.code, job.error.reason) == (job_pb2.STATE_FAILED, "INVALID_ARGUMENT", "NO_SPEECH")


async def test_a_video_without_sound_is_refused_and_spoken_over_with_subtitles(client: Client, fakes: Fakes, spec: job_pb2.DubSpec) -> None:
    spec.video_uri = (await client.upload(film(sound=False), "mute.mp4")).uri
    refusal = await client.refused(client.jobs.CreateJob(job_pb2.CreateJobRequest(dub=spec)))
    assert isinstance(refusal, InvalidInput) and refusal.reason == "NO_SPEECH"
    spec.targets[0].subtitles_uri = (await client.upload(b"1\n00:00:02,000 --> 00:00:05,000\nOi.\n", "a.srt")).uri
    job = await run(client, spec)
    assert job.state == job_pb2.STATE_SUCCEEDED and [one.text for one in await utterances(client, job)] == ["Oi."]
    assert not fakes.asr.calls


async def test_a_targets_subtitles_win_over_translation(client: Client, fakes: Fakes, spec: job_pb2.DubSpec) -> None:
    subtitles = b"WEBVTT\n\n00:01.000 --> 00:03.000\nBuenos dias.\n\n00:09.000 --> 00:11.000\nAdios.\n"
    spec.targets.add(locale="es", subtitles_uri=(await client.upload(subtitles, "es.vtt", "text/vtt")).uri)
    job = await run(client, spec)
    said = await utterances(client, job, "es")
    assert [(one.id, one.text) for one in said] == [("u0001", "Buenos dias."), ("u0002", ""), ("s0002", "Adios.")]
    spanish = next(result for result in job.results if result.locale == "es")
    assert any("u0002" in warning and "no subtitle" in warning for warning in spanish.warnings)
    assert fakes.translate.calls["Translate"] == 1, "for pt-BR alone"


async def test_a_language_that_is_not_spoken_is_noticed(client: Client, spec: job_pb2.DubSpec) -> None:
    spec.source_locale = "pt"
    job = await run(client, spec)
    assert any("seems to speak en" in warning for warning in job.results[0].warnings)


async def test_a_locale_that_fails_does_not_fail_its_siblings(client: Client, spec: job_pb2.DubSpec) -> None:
    spec.targets.add(locale="es", subtitles_uri=(await client.upload(b"1\n00:00:01,000 --> 00:00:03,000\npoison.\n", "a.srt")).uri)
    job = await run(client, spec)
    assert job.state == job_pb2.STATE_PARTLY_SUCCEEDED
    assert [(result.locale, result.state, result.error.reason) for result in job.results] == [
        ("pt-BR", job_pb2.STATE_SUCCEEDED, ""),
        ("es", job_pb2.STATE_FAILED, "UNSPEAKABLE"),
    ]


async def test_a_cancelled_job_goes_on_where_it_was(client: Client, fakes: Fakes, spec: job_pb2.DubSpec) -> None:
    fakes.tts.hold = asyncio.Event()
    job = await create(client, spec)
    await eventually(lambda: fakes.tts.calls["Synthesize"] == 1)
    assert [one.text for one in await utterances(client, job)] == ["Olá Good morning.", "Olá How are you?"], "what is known by now"
    await client.call(client.jobs.CancelJob(job_pb2.CancelJobRequest(id=job.id)))
    assert (await client.ended(job.id)).state == job_pb2.STATE_CANCELLED
    fakes.tts.hold = None
    assert (await run(client, spec)).state == job_pb2.STATE_SUCCEEDED
    assert fakes.asr.calls["Recognize"] == 1


async def test_an_edit_changes_one_utterance_and_stays_with_further_edits(client: Client, fakes: Fakes, spec: job_pb2.DubSpec) -> None:
    job = await run(client, spec)
    spoken = fakes.tts.calls["Synthesize"]
    changed = await edit(client, job, dub_pb2.UtteranceEdit(id="u0002", locale="pt-BR", text="Tudo bem."))
    assert fakes.tts.calls["Synthesize"] == spoken + 1
    silent = await edit(client, changed, dub_pb2.UtteranceEdit(id="u0001", locale="pt-BR", omitted=True))
    assert [(one.id, one.text, one.HasField("start_offset")) for one in await utterances(client, silent)] == [
        ("u0001", "", False),
        ("u0002", "Tudo bem.", True),
    ]
    assert not silent.dub.edits, "too much for messages that are sent often"
    assert [one.id for one in (await client.get(silent.id)).dub.edits] == ["u0001", "u0002"]
    assert (await client.get(job.id)).state == job_pb2.STATE_SUCCEEDED, "the first job stays"


async def test_a_locked_utterance_stays_as_it_is(client: Client, spec: job_pb2.DubSpec) -> None:
    job = await run(client, spec)
    before = (await utterances(client, job))[0]
    locked = await edit(client, job, dub_pb2.UtteranceEdit(id="u0001", locale="pt-BR", locked=True))
    moved = await edit(client, locked, dub_pb2.UtteranceEdit(id="u0001", source_text="Good night.", speaker="speaker2"))
    after = (await utterances(client, moved))[0]
    assert (after.locked, after.speaker, after.source_text) == (True, "speaker2", "Good night.")
    after.locked, after.speaker, after.source_text = False, before.speaker, before.source_text
    assert after == before


async def test_edits_are_checked(client: Client, spec: job_pb2.DubSpec) -> None:
    job = await run(client, spec)
    for wrong, reason in (
        (dub_pb2.UtteranceEdit(id="u0001", locale="fr", text="x"), "UNKNOWN_LOCALE"),
        (dub_pb2.UtteranceEdit(id="u0001", text="x"), "NO_LOCALE"),
        (dub_pb2.UtteranceEdit(id="u0001", locale="pt-BR", voice="en_a"), "UNKNOWN_VOICE"),
    ):
        assert (await client.refused(client.jobs.EditJob(job_pb2.EditJobRequest(id=job.id, edits=[wrong])))).reason == reason
    gone = await edit(client, job, dub_pb2.UtteranceEdit(id="u0077", locale="pt-BR", text="x"))
    assert any("u0077" in warning for warning in gone.results[0].warnings)
    assert (await client.refused(client.jobs.ListUtterances(job_pb2.ListUtterancesRequest(id=job.id, locale="fr")))).reason == "UNKNOWN_LOCALE"


async def test_faces_are_followed_once_for_all_locales(client: Client, fakes: Fakes, spec: job_pb2.DubSpec) -> None:
    spec.omit_lipsync = False
    spec.targets.add(locale="en-US")
    job = await run(client, spec)
    assert job.state == job_pb2.STATE_SUCCEEDED, job
    assert (fakes.lipsync.calls["TrackFaces"], fakes.lipsync.calls["AnimateVideo"]) == (1, 2)
    first, second = sorted(fakes.lipsync.lines["pt-BR"], key=lambda line: line.speaker)
    assert (first.source_start_offset.seconds, second.source_start_offset.seconds) == (1, 5)
    # 0.2 s of silence before the first sound.
    assert first.timeline_offset.ToNanoseconds() == pytest.approx(0.8e9, abs=1e6)
    report = json.loads(await client.download(next(o.media.uri for o in job.results[0].outputs if o.kind == job_pb2.OUTPUT_KIND_REPORT)))
    assert report["video"]["picture"] == "lips moved" and report["lips"]["changed_frames"] == RATE * SECONDS


async def test_where_no_lips_moved_the_picture_is_the_sources(client: Client, fakes: Fakes, spec: job_pb2.DubSpec) -> None:
    spec.omit_lipsync = False
    fakes.lipsync.changes = False
    job = await run(client, spec)
    uris = {output.kind: output.media.uri for output in job.results[0].outputs}
    assert json.loads(await client.download(uris[job_pb2.OUTPUT_KIND_REPORT]))["video"]["picture"] == "copied"


async def test_a_piece_that_the_service_does_not_take_passes(client: Client, fakes: Fakes, spec: job_pb2.DubSpec) -> None:
    spec.omit_lipsync = False
    spec.targets.add(locale="en-US")
    fakes.lipsync.refuses_footage = True
    job = await run(client, spec)
    assert job.state == job_pb2.STATE_SUCCEEDED, job
    # It is asked once, and each locale is told.
    assert (fakes.lipsync.calls["TrackFaces"], fakes.lipsync.calls["AnimateVideo"]) == (1, 0)
    for result in job.results:
        (warning,) = [warning for warning in result.warnings if "lips" in warning]
        assert "0.00 s to 12.00 s" in warning and "80 s" in warning


async def test_damaged_pictures_are_told(client: Client, fakes: Fakes, spec: job_pb2.DubSpec) -> None:
    spec.omit_lipsync = False
    fakes.lipsync.damage, fakes.lipsync.held_frames = "Invalid data found", 50
    job = await run(client, spec)
    warnings = [warning for warning in job.results[0].warnings if "held" in warning]
    assert len(warnings) == 2 and "Invalid data found" in warnings[0] and "2.00 s" in warnings[1]


async def test_footage_that_cannot_be_copied_is_encoded(client: Client, fakes: Fakes, spec: job_pb2.DubSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: object) -> list[None]:
        return [None]

    monkeypatch.setattr("gateway.dub.footage.cut_picture", nothing)
    spec.omit_lipsync = False
    job = await run(client, spec)
    assert job.state == job_pb2.STATE_SUCCEEDED, job
    # Its file begins with the piece.
    (config,) = fakes.lipsync.footage
    assert (config.start_offset.ToNanoseconds(), config.frame_count) == (0, RATE * SECONDS)
    with av.open(io.BytesIO(fakes.lipsync.video)) as sent:
        greys = [frame.to_ndarray()[:128].mean() for frame in sent.decode(video=0)]
    assert greys == pytest.approx([30 + number % 180 for number in range(RATE * SECONDS)], abs=2)
