"""`locutor inspect` on a short video that the embedded engine makes, and on what is none."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soxr
from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration
from skimage import data

from locutor.common.v1 import timeline_pb2
from media.fragments import FragmentEncoder
from media.mux import mux_program
from services.articulation.speech import PhonemeSpan, Speech
from services.lipsync.engine import Background, Piece, VideoFormat
from services.lipsync.engines.warp import WarpEngine
from services.tts.engine import SpeechRequest
from services.tts.engines.kokoro.engine import KokoroEngine
from services.weights import ModelStore
from tests.cli.command import run_here

RATE = Fraction(25)
LEAD_S = 0.8


def timeline(spans: list[PhonemeSpan], late_s: float = 0.0) -> str:
    def offset(time_s: float) -> Duration:
        return Duration(nanos=round(time_s * 1e9) % 10**9, seconds=round(time_s * 1e9) // 10**9)

    phonemes = [timeline_pb2.Phoneme(symbol=s.symbol, start_offset=offset(s.start_s + late_s), end_offset=offset(s.end_s + late_s)) for s in spans]
    return json_format.MessageToJson(timeline_pb2.Timeline(phonemes=phonemes))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[PhonemeSpan]]:
    """A video with sound, beside it its .timeline.json, and what is said in it."""
    folder, store = tmp_path_factory.mktemp("inspect"), ModelStore()
    kokoro = KokoroEngine(store, threads=2)
    [sentence] = kokoro.plan(SpeechRequest("My brother Bob made a map of a big park.", "en-US")).sentences()
    spans = [PhonemeSpan(p.symbol, p.start_s + LEAD_S, p.end_s + LEAD_S) for p in sentence.timeline.phonemes if p.symbol]
    audio = np.pad(soxr.resample(sentence.audio, kokoro.sample_rate, 48_000), round(LEAD_S * 48_000))
    engine, video = WarpEngine(store), VideoFormat(640, 360, RATE)
    portrait = engine.prepare(np.asarray(data.astronaut()), video, Background())
    encoder = FragmentEncoder(video.width, video.height, video.frame_rate)
    frames = engine.animate(portrait, Speech(audio, 48_000, spans), Piece(0, len(audio) * 25 // 48_000))
    piece = b"".join([part for frame in frames for part in encoder.add(frame)] + encoder.finish())
    path = folder / "talk.mp4"
    mux_program(path, [piece], audio[: len(audio) // 1920 * 1920], frame_rate=RATE)
    (folder / "talk.timeline.json").write_text(timeline(spans))
    return path, spans


def test_by_timeline_beside_a_reference(finished: tuple[Path, list[PhonemeSpan]], astronaut: Path) -> None:
    video, spans = finished
    done = run_here(
        ["inspect", video, "--timeline", video.with_suffix(".timeline.json"), "--portrait", astronaut, "--reference", video, "--json"],
    )
    told = json.loads(done.stdout)
    measured = told["video"]
    assert measured["phonemes"] == "timeline" and told["reference"]["phonemes"] == "estimated"
    assert measured["closures"] == sum(span.symbol[0] in "mbp" for span in spans)
    assert measured["tightly_closed_share"] == 1.0 and measured["open_gap_median"] >= 0.04
    assert measured["leakage"] <= 0.001 and told["reference"]["leakage"] is None
    assert 0 < measured["jitter"] < 0.01
    # Read from the picture, these do not depend on what is thought to be said.
    assert all(measured[name] == told["reference"][name] for name in ("frames", "jitter", "blinks"))
    met = [goal["met"] for goal in told["goals"]]
    assert told["passed"] == (False not in met) and done.returncode == (0 if told["passed"] else 1)


def test_a_missed_goal_is_told(finished: tuple[Path, list[PhonemeSpan]], tmp_path: Path) -> None:
    video, spans = finished
    late = tmp_path / "late.timeline.json"
    late.write_text(timeline(spans, late_s=0.15))
    done = run_here(["inspect", video, "--timeline", late])
    assert done.returncode == 1
    assert "missed:" in done.stdout and "mouth after sound" in done.stdout and "✗" in done.stdout
    assert "its timeline" in done.stdout


def test_by_its_own_sound(finished: tuple[Path, list[PhonemeSpan]]) -> None:
    done = run_here(["inspect", finished[0]])
    assert "by the estimator" in done.stdout and "✓" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["missing.mp4"], ("VIDEO", "there is no file missing.mp4")),
        (["TEXT"], ("video", "notes.txt", "is not an audio or video file")),
        (["VIDEO", "--timeline", "TEXT"], ("--timeline", "notes.txt is no timeline", ".timeline.json")),
        (["VIDEO", "--timeline", "EMPTY"], ("--timeline", "has no phonemes")),
        (["VIDEO", "--timeline", "TIMELINE", "--original", "TEXT"], ("original", "is not an audio or video file")),
        (["VIDEO", "--reference", "."], ("--reference", "there is no file")),
        (["SILENT"], ("video", "has no sound", "timeline")),
    ],
)
def test_what_cannot_be_measured(finished: tuple[Path, list[PhonemeSpan]], tmp_path: Path, arguments: list[str], parts: tuple[str, ...]) -> None:
    video = finished[0]
    files = {"VIDEO": video, "TIMELINE": video.with_suffix(".timeline.json")}
    for name, file, text in (("TEXT", "notes.txt", "no video"), ("EMPTY", "empty.json", "{}")):
        files[name] = tmp_path / file
        files[name].write_text(text)
    files["SILENT"] = tmp_path / "silent.mp4"
    encoder = FragmentEncoder(128, 128, RATE)
    gray = np.full((192, 128), 128, np.uint8)
    files["SILENT"].write_bytes(b"".join([*encoder.add(gray), *encoder.finish()]))
    done = run_here(["inspect", *(files.get(argument, argument) for argument in arguments)])
    assert done.returncode == 2, done.stderr + done.stdout
    for part in parts:
        assert part in done.stderr
