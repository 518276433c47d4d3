"""A real video speaks other languages: the words, the lips, the rest of the picture. By the command, on real engines, measured on the finished files."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import pytest

from services.lipsync.landmarks import FaceLandmarker
from services.lipsync.quality import LipsyncQuality, assess
from services.lipsync.quality_leakage import leakage_from_footage
from services.lipsync.quality_track import track_mouth
from services.weights import ModelStore
from tests.cli.command import CONSENT, run
from tests.e2e.finished import phonemes_of, read_timeline, transcribed, words

VIDEO = Path(__file__).parents[3] / "shared" / "testdata" / "video" / "talking_glasses_en.mp4"
"""Ten seconds of a man with glasses and a beard before a webcam: "Good morning. My name is Jordi Mas, I am from Barcelona and I love the city."."""
SPANISH = """1
00:00:01,150 --> 00:00:02,300
Buenos días.

2
00:00:02,500 --> 00:00:04,200
Me llamo Jordi Mas.

3
00:00:05,100 --> 00:00:08,900
Soy de Barcelona y me encanta la ciudad.
"""
LOCALES = ("es", "pt-BR")


@dataclass(frozen=True)
class Dubbed:
    """The outputs of one run."""

    folder: Path

    def path(self, locale: str, suffix: str) -> Path:
        return self.folder / f"talking_glasses_en.{locale}.{suffix}"

    def lines(self, locale: str) -> list[dict[str, Any]]:
        return json.loads(self.path(locale, "utterances.json").read_text("utf-8"))["utterances"]


@pytest.fixture(scope="module")
def dubbed(tmp_path_factory: pytest.TempPathFactory) -> Dubbed:
    if not VIDEO.exists():
        pytest.skip("the footage of ../shared/testdata/video is not on this machine")
    folder = tmp_path_factory.mktemp("dub")
    (folder / "es.srt").write_text(SPANISH, "utf-8")
    command = ["dub", VIDEO, "--from", "en", "--to", ",".join(LOCALES), "--subtitles", f"es={folder / 'es.srt'}", "--out", folder / "out", *CONSENT]
    done = run(command, {"LOCUTOR_DATA": str(folder / "data")}, timeout_s=580)
    assert done.returncode == 0, done.stderr
    return Dubbed(folder / "out")


@pytest.fixture(scope="module")
def landmarker() -> Iterator[FaceLandmarker]:
    with FaceLandmarker(ModelStore().ensure("mediapipe-face-landmarker") / "face_landmarker_v2.task") as landmarker:
        yield landmarker


@pytest.fixture(scope="module", params=LOCALES)
def quality(request: pytest.FixtureRequest, dubbed: Dubbed, landmarker: FaceLandmarker) -> LipsyncQuality:
    """Of what he says: between the lines his own sound is heard, and his mouth is his own."""
    locale = request.param
    track = track_mouth(dubbed.path(locale, "mp4"), landmarker)
    said = [(line["start_s"], line["end_s"]) for line in dubbed.lines(locale)]
    ours = np.logical_or.reduce([(track.times_s > start_s) & (track.times_s < end_s) for start_s, end_s in said])
    return assess(replace(track, gap=np.where(ours, track.gap, np.nan)), phonemes_of(read_timeline(dubbed.path(locale, "timeline.json"))))


@pytest.mark.parametrize("locale", LOCALES)
async def test_the_other_words_are_heard(dubbed: Dubbed, locale: str) -> None:
    said = " ".join(line["text"] for line in dubbed.lines(locale))
    heard = await transcribed(locale, dubbed.path(locale, "mp4"))
    # His name is spelled otherwise: one or two of some fifteen words.
    assert jiwer.wer(words(said, locale), words(heard, locale)) <= 0.2, heard


def test_the_lips_say_the_other_words(quality: LipsyncQuality) -> None:
    assert quality.closures >= 4 and quality.open_vowels >= 4
    assert quality.tightly_closed_share == 1.0, quality
    assert quality.open_gap_median is not None and quality.open_gap_median >= 0.040, quality
    assert quality.offset_ms is not None and abs(quality.offset_ms) <= 40, quality
    assert quality.offset_correlation is not None and quality.offset_correlation >= 0.45, quality


def test_the_rest_of_the_picture_is_the_sources(dubbed: Dubbed, landmarker: FaceLandmarker) -> None:
    assert leakage_from_footage(dubbed.path("pt-BR", "mp4"), VIDEO, landmarker) <= 0.001


@pytest.mark.parametrize("locale", LOCALES)
def test_every_line_is_in_time(dubbed: Dubbed, locale: str) -> None:
    lines = dubbed.lines(locale)
    assert len(lines) >= 3 and {line["fit"] for line in lines} == {"good"}
    assert all(line["end_s"] <= following["start_s"] for line, following in itertools.pairwise(lines))
    assert all(abs(line["start_s"] - line["source_start_s"]) <= 0.1 for line in lines)
