"""What a plan says against what the job then does, on services that answer at once."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np
import pytest

from locutor.errors import InvalidInput
from locutor.gateway.v1 import dub_pb2, job_pb2
from tests.gateway.conftest import Client
from tests.gateway.fakes import Fakes

LINES = 100
LINE_S = 2.0
LOCALE = "pt-BR"


@pytest.fixture(scope="module")
def film() -> bytes:
    return _film()


def _film(lines: int = LINES, other: range = range(0)) -> bytes:
    """Small pictures and a tone, as long as so many lines. `other`: pictures that show something else."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        picture = container.add_stream("libx264", rate=Fraction(10), options={"preset": "ultrafast", "g": "20", "qp": "20"})
        picture.width, picture.height, picture.pix_fmt = 128, 128, "yuv420p"
        sound = container.add_stream("aac", rate=48_000, layout="mono")
        frames = round(lines * LINE_S * 10)
        for number in range(frames):
            grey = np.full((128, 128, 3), 40 + number % 100 + (90 if number in other else 0), np.uint8)
            container.mux(picture.encode(av.VideoFrame.from_ndarray(grey, "rgb24")))
        container.mux(picture.encode(None))
        time = np.arange(48_000) / 48_000
        tone = (0.1 * np.sin(2 * np.pi * 200 * time)).astype(np.float32)
        for number in range(round(lines * LINE_S)):
            frame = av.AudioFrame.from_ndarray(tone[None, :], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48_000, number * 48_000, Fraction(1, 48_000)
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    return buffer.getvalue()


def _stamp(seconds: float) -> str:
    return f"{int(seconds) // 3600:02}:{int(seconds) % 3600 // 60:02}:{seconds % 60:06.3f}".replace(".", ",")


def _subtitles(lines: int = LINES) -> bytes:
    cues = [f"{number + 1}\n{_stamp(number * LINE_S + 0.1)} --> {_stamp(number * LINE_S + 1.3)}\nLine number {number}.\n" for number in range(lines)]
    return "\n".join(cues).encode()


@pytest.fixture
async def dub(client: Client, film: bytes) -> job_pb2.DubSpec:
    return job_pb2.DubSpec(
        video_uri=(await client.upload(film, "film.mp4")).uri,
        source_locale="en",
        source_subtitles_uri=(await client.upload(_subtitles(), "film.srt")).uri,
        targets=[dub_pb2.DubTarget(locale=LOCALE)],
        consent=job_pb2.Consent(stated_by="A test", statement="nobody is shown"),
    )


async def _plan(client: Client, spec: job_pb2.DubSpec | job_pb2.PresentSpec) -> job_pb2.PlanJobResponse:
    kind = "dub" if isinstance(spec, job_pb2.DubSpec) else "present"
    return await client.call(client.jobs.PlanJob(job_pb2.PlanJobRequest(**{kind: spec})))


def _planned(plan: job_pb2.PlanJobResponse) -> dict[tuple[str, str], tuple[int, int]]:
    """Of each stage: how many steps are found, and how many are to be made."""
    return {(stage.locale, stage.name): (stage.cached_steps, stage.computed_steps) for stage in plan.stages}


def _done(job: job_pb2.Job) -> dict[tuple[str, str], tuple[int, int]]:
    assert job.state == job_pb2.STATE_SUCCEEDED, job
    return {(stage.locale, stage.name): (stage.cached_steps, stage.total_steps - stage.cached_steps) for stage in job.stages}


async def _dub(client: Client, spec: job_pb2.DubSpec) -> job_pb2.Job:
    return await client.ended((await client.call(client.jobs.CreateJob(job_pb2.CreateJobRequest(dub=spec)))).job.id)


async def test_a_plan_of_a_dub_says_what_the_job_does(client: Client, fakes: Fakes, dub: job_pb2.DubSpec) -> None:
    fresh = await _plan(client, dub)
    assert fakes.tts.calls["Synthesize"] == fakes.lipsync.calls["AnimateVideo"] == 0
    assert all(stage.cached_steps == 0 for stage in fresh.stages)
    assert fresh.estimated_duration == fresh.full_duration and fresh.estimated_duration.ToNanoseconds() > 0
    assert _planned(fresh)[LOCALE, "speak"][1] == 2 * LINES
    job = await _dub(client, dub)

    after = await _plan(client, dub)
    assert all(stage.computed_steps == 0 for stage in after.stages) and after.estimated_duration.ToNanoseconds() == 0
    assert after.full_duration.ToNanoseconds() > 0
    calls = fakes.tts.calls["Synthesize"]
    again = await _dub(client, dub)
    assert _planned(after) == _done(again)
    assert fakes.tts.calls["Synthesize"] == calls
    assert {o.kind: o.media.uri for o in again.results[0].outputs if o.kind == job_pb2.OUTPUT_KIND_VIDEO} == {
        o.kind: o.media.uri for o in job.results[0].outputs if o.kind == job_pb2.OUTPUT_KIND_VIDEO
    }

    dub.edits.add(id="u0050", locale=LOCALE, text="Olá outra.")
    planned = await _plan(client, dub)
    done = _done(await _dub(client, dub))
    assert {place: computed for place, (_, computed) in _planned(planned).items()} == {place: computed for place, (_, computed) in done.items()}
    assert done[LOCALE, "speak"] == (2 * LINES - 2, 2)
    assert 1 <= done[LOCALE, "animate"][1] <= 3 and done["", "track"][1] == 0
    assert planned.estimated_duration.ToNanoseconds() < 0.2 * planned.full_duration.ToNanoseconds()
    assert fakes.tts.calls["Synthesize"] == calls + 1


async def test_a_new_master_makes_only_what_it_shows_otherwise(client: Client, fakes: Fakes, dub: job_pb2.DubSpec) -> None:
    """The same sound, and another shot of four seconds in the middle: what was heard, translated, said and mixed is used again, and all other pieces."""
    dub.video_uri = (await client.upload(_film(40), "short.mp4")).uri
    dub.source_subtitles_uri = (await client.upload(_subtitles(40), "short.srt")).uri
    first = _done(await _dub(client, dub))
    calls = fakes.tts.calls["Synthesize"]
    dub.video_uri = (await client.upload(_film(40, range(400, 440)), "master.mp4")).uri
    done = _done(await _dub(client, dub))
    assert fakes.tts.calls["Synthesize"] == calls
    assert done["", "probe"] == (0, 1) and done["", "diarize"][1] == done[LOCALE, "translate"][1] == done[LOCALE, "speak"][1] == done[LOCALE, "mix"][1] == 0
    pieces = first["", "track"][1]
    for place in (("", "track"), (LOCALE, "animate")):
        assert 1 <= done[place][1] <= 2 and sum(done[place]) == pieces


async def test_a_plan_of_a_presenter_says_what_the_job_does(client: Client, fakes: Fakes, spec: job_pb2.PresentSpec) -> None:
    fresh = await _plan(client, spec)
    assert all(stage.cached_steps == 0 and stage.computed_steps > 0 for stage in fresh.stages if (stage.locale, stage.name) != ("en-US", "translate"))
    assert {stage.name for stage in fresh.stages if stage.estimated} == {"speak", "animate", "mux"}
    await client.ended((await client.create(spec)).id)
    after = await _plan(client, spec)
    assert all(stage.computed_steps == 0 for stage in after.stages) and after.estimated_duration.ToNanoseconds() == 0
    spec.script.text = spec.script.text.replace("Third sentence", "Other words")
    planned = await _plan(client, spec)
    done = _done(await client.ended((await client.create(spec)).id))
    assert _planned(planned)["en-US", "speak"] == done["en-US", "speak"] == (2, 1)


async def test_a_plan_is_refused_as_the_job_is(client: Client, spec: job_pb2.PresentSpec) -> None:
    spec.targets[0].locale = "tlh"
    error = await client.refused(client.jobs.PlanJob(job_pb2.PlanJobRequest(present=spec)))
    assert isinstance(error, InvalidInput) and error.violations[0].field == "present.targets[0].locale"
