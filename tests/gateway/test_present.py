"""A present job on the real services and weights: two sentences in two languages."""

from __future__ import annotations

import asyncio
import io
import json
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
import skimage
from PIL import Image

from gateway.embedded import EmbeddedGateway
from gateway.provenance import read_manifest
from gateway.settings import GatewaySettings
from locutor.gateway.v1 import catalog_pb2, job_pb2
from media.clock import PROGRAMME_RATE
from media.loudness import measure
from media.probe import probe
from tests.gateway.conftest import client_of

SCRIPT = "---\ntitle: Welcome\n---\nHello, my name is Eileen.\n\nThis costs 12 dollars.\n"
LOCALES = ("en-US", "pt-BR")
_SUFFIXES = {
    job_pb2.OUTPUT_KIND_VIDEO: "mp4",
    job_pb2.OUTPUT_KIND_SUBTITLES_SRT: "srt",
    job_pb2.OUTPUT_KIND_SUBTITLES_VTT: "vtt",
    job_pb2.OUTPUT_KIND_COVER: "jpg",
    job_pb2.OUTPUT_KIND_REPORT: "report.json",
    job_pb2.OUTPUT_KIND_TIMELINE: "timeline.json",
}


@dataclass(frozen=True)
class Made:
    states: list[job_pb2.Job]
    again: job_pb2.Job
    catalog: catalog_pb2.GetCatalogResponse
    folder: Path

    def path(self, locale: str, suffix: str) -> Path:
        return self.folder / f"{locale}.{suffix}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return asyncio.run(_make(tmp_path_factory.mktemp("present")))


async def _make(folder: Path) -> Made:
    async with EmbeddedGateway(GatewaySettings(data=folder / "data")) as gateway, client_of(gateway.address) as client:
        portrait = io.BytesIO()
        Image.fromarray(skimage.data.astronaut()).save(portrait, "PNG")
        spec = job_pb2.PresentSpec(
            script=job_pb2.Script(text=SCRIPT, locale="en-US"),
            face_uri=(await client.upload(portrait.getvalue())).uri,
            targets=[job_pb2.Target(locale=locale) for locale in LOCALES],
            consent=job_pb2.Consent(stated_by="NASA", statement="a portrait in the public domain"),
        )
        states = await client.watch((await client.create(spec)).id)
        for result in states[-1].results:
            for output in result.outputs:
                (folder / f"{result.locale}.{_SUFFIXES[output.kind]}").write_bytes(await client.download(output.media.uri))
        again = await client.ended((await client.create(spec)).id)
        return Made(states, again, await client.catalog.GetCatalog(catalog_pb2.GetCatalogRequest()), folder)


def test_the_job_succeeds_and_its_progress_never_goes_back(made: Made) -> None:
    job = made.states[-1]
    assert job.state == job_pb2.STATE_SUCCEEDED, job
    assert [len(result.outputs) for result in job.results] == [6, 6]
    progress = [state.progress for state in made.states]
    assert progress == sorted(progress) and progress[-1] == 1.0
    assert len(set(progress)) > 10


@pytest.mark.parametrize("locale", LOCALES)
def test_the_video_is_what_players_expect(made: Made, locale: str) -> None:
    path = made.path(locale, "mp4")
    info = probe(path)
    (video,), (audio,) = info.video, info.audio
    assert (video.codec, video.profile, video.pixel_format, video.width, video.height) == ("h264", "High", "yuv420p", 1280, 720)
    assert video.frame_rate == 25
    assert (audio.codec, audio.sample_rate, audio.channels) == ("aac", PROGRAMME_RATE, 2)
    assert abs(video.duration_s - audio.duration_s) <= Fraction(1, 25)
    assert info.title == "Welcome"
    data = path.read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")


@pytest.mark.parametrize("locale", LOCALES)
def test_the_face_moves_and_the_sound_is_speech_at_its_loudness(made: Made, locale: str) -> None:
    with av.open(str(made.path(locale, "mp4"))) as container:
        frames = [frame.to_ndarray(format="gray").astype(np.int16) for frame in container.decode(video=0)]
    with av.open(str(made.path(locale, "mp4"))) as container:
        sound = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1).T.astype(np.float32)
    report = json.loads(made.path(locale, "report.json").read_text())
    assert len(frames) == report["video"]["frames"]
    assert len(sound) == pytest.approx(report["video"]["duration_s"] * PROGRAMME_RATE, abs=2048)
    changes = np.array([np.abs(after - before).max() for before, after in pairwise(frames)])
    assert (changes > 30).mean() > 0.2
    assert measure(sound).integrated_lufs == pytest.approx(-16, abs=0.7)
    # The programme begins and ends with silence.
    assert np.abs(sound[: round(0.35 * PROGRAMME_RATE)]).max() < 0.01
    assert np.abs(sound[-round(0.5 * PROGRAMME_RATE) :]).max() < 0.01
    level = np.abs(sound[round(0.5 * PROGRAMME_RATE) : -round(0.6 * PROGRAMME_RATE)]).max()
    assert level > 0.2


@pytest.mark.parametrize(("locale", "words"), [("en-US", ["Hello,", "Eileen", "12"]), ("pt-BR", ["Olá", "Eileen", "12"])])
def test_subtitles_show_the_text_as_written(made: Made, locale: str, words: list[str]) -> None:
    srt, vtt = made.path(locale, "srt").read_text("utf-8"), made.path(locale, "vtt").read_text("utf-8")
    for word in words:
        assert word in srt and word in vtt
    assert srt.startswith("1\n00:00:00,") and vtt.startswith("WEBVTT\n")


@pytest.mark.parametrize("locale", LOCALES)
def test_the_report_says_by_what_and_how_fast(made: Made, locale: str) -> None:
    report = json.loads(made.path(locale, "report.json").read_text("utf-8"))
    assert report["consent"] == {"stated_by": "NASA", "statement": "a portrait in the public domain"}
    stages = ["speak", "animate"] if locale == "en-US" else ["translate", "speak", "animate"]
    assert list(dict.fromkeys(engine["stage"] for engine in report["engines"])) == stages
    for engine in report["engines"]:
        assert engine["engine"] and engine["version"]
        assert engine["weights"] and all(len(digest) == 64 for digest in engine["weights"].values())
    for stage in report["stages"]:
        if stage["name"] in {"speak", "animate", "mux"}:
            assert stage["real_time_factor"] > 0
            assert stage["media_s"] == pytest.approx(report["video"]["duration_s"], abs=0.05)


@pytest.mark.parametrize("locale", LOCALES)
def test_the_video_says_that_it_is_synthetic_and_with_whose_consent(made: Made, locale: str) -> None:
    manifest = read_manifest(made.path(locale, "mp4"))
    assert manifest.is_intact
    assert manifest.assertion("locutor.consent")["stated_by"] == "NASA"
    assert manifest.assertion("locutor.production")["locale"] == locale


def test_the_cover_is_the_frame_that_the_video_begins_with(made: Made) -> None:
    with av.open(str(made.path("en-US", "mp4"))) as container:
        first = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(float)
    cover = np.asarray(Image.open(made.path("en-US", "jpg")), float)
    assert cover.shape == first.shape and np.abs(cover - first).mean() < 3


def test_an_equal_request_makes_nothing_anew(made: Made) -> None:
    assert made.again.state == job_pb2.STATE_SUCCEEDED
    assert all(stage.total_steps and stage.total_steps == stage.cached_steps for stage in made.again.stages if stage.name != "translate")
    first, second = ([[output.media.uri for output in result.outputs] for result in job.results] for job in (made.states[-1], made.again))
    # The report alone tells of its own job.
    assert all(len(set(one) - set(other)) <= 1 for one, other in zip(first, second, strict=True))


def test_the_catalog_tells_of_all_services(made: Made) -> None:
    assert {"en-US", "pt-BR", "ja"} <= {voice.locale for voice in made.catalog.voices} | {voice.locale.split("-")[0] for voice in made.catalog.voices}
    assert ("en", "pt") in {(p.source_locale.split("-")[0], p.target_locale.split("-")[0]) for p in made.catalog.pairs}
    assert {"kokoro", "warp"} <= {model.engine for model in made.catalog.models}
