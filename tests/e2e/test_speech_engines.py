"""One script and one video through Piper and espeak-ng, swapped by a flag alone: what is heard, and what the report says of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

from tests.cli.command import CONSENT, run
from tests.e2e.finished import phonemes_of, read_timeline, transcribed, words

VIDEO = Path(__file__).parents[3] / "shared" / "testdata" / "video" / "talking_glasses_en.mp4"
ENGLISH = "Good morning, and welcome to the museum."
GERMAN = "Guten Morgen, und willkommen im Museum."


def test_a_presenter_speaks_by_piper_and_by_espeak(tmp_path: Path) -> None:
    Image.fromarray(data.astronaut()).save(tmp_path / "face.png")
    (tmp_path / "hello.md").write_text(f"{ENGLISH}\n")
    (tmp_path / "hello.de.md").write_text(f"{GERMAN}\n")
    command = [
        "present",
        tmp_path / "hello.md",
        "--face",
        tmp_path / "face.png",
        "--from",
        "en",
        "--to",
        "en-US,de",
        "--size",
        "256x256",
        "--out",
        tmp_path / "out",
        *CONSENT,
    ]
    environment = {"LOCUTOR_DATA": str(tmp_path / "data")}
    refused = run([*command, "--engine", "en-US:speech=piper"], environment)
    assert refused.returncode != 0 and "only rule-made voices speak de" in refused.stderr and "espeak:de" in refused.stderr
    done = run([*command, "--engine", "en-US:speech=piper", "--engine", "de:speech=espeak"], environment)
    assert done.returncode == 0, done.stderr
    for locale, script, voice in (("en-US", ENGLISH, "piper:en_US-joe-medium"), ("de", GERMAN, "espeak:de")):
        timeline = read_timeline(tmp_path / "out" / f"hello.{locale}.timeline.json")
        assert " ".join(word.text for word in timeline.words) == script.replace(",", "").rstrip(".")
        assert any(phoneme.symbol == "m" for phoneme in phonemes_of(timeline))
        report = json.loads((tmp_path / "out" / f"hello.{locale}.report.json").read_text())
        assert voice in json.dumps(report)


async def test_a_video_is_dubbed_by_piper(tmp_path: Path) -> None:
    if not VIDEO.exists():
        pytest.skip("the footage of ../shared/testdata/video is not on this machine")
    (tmp_path / "given.srt").write_text(f"1\n00:00:02,500 --> 00:00:06,000\n{ENGLISH}\n")
    command = ["dub", VIDEO, "--from", "pt-BR", "--to", "en-US", "--subtitles", f"en-US={tmp_path / 'given.srt'}", "--no-lipsync", "--out", tmp_path / "out"]
    done = run([*command, "--engine", "speech=piper", *CONSENT], {"LOCUTOR_DATA": str(tmp_path / "data")})
    assert done.returncode == 0, done.stderr
    report = (tmp_path / "out" / "talking_glasses_en.en-US.report.json").read_text()
    assert "piper:en_US-joe-medium" in report and "en_US-joe-medium.onnx" in report
    heard = await transcribed("en-US", tmp_path / "out" / "talking_glasses_en.en-US.mp4")
    # Where no line is given, he is heard himself.
    assert words(ENGLISH, "en-US") in words(heard, "en-US"), heard


def test_a_video_is_dubbed_by_espeak(tmp_path: Path) -> None:
    if not VIDEO.exists():
        pytest.skip("the footage of ../shared/testdata/video is not on this machine")
    (tmp_path / "given.srt").write_text(f"1\n00:00:02,500 --> 00:00:06,000\n{GERMAN}\n")
    command = ["dub", VIDEO, "--from", "en", "--to", "de", "--subtitles", f"de={tmp_path / 'given.srt'}", "--no-lipsync", "--out", tmp_path / "out"]
    refused = run([*command, *CONSENT], {"LOCUTOR_DATA": str(tmp_path / "data")})
    assert refused.returncode != 0 and "only rule-made voices speak de" in refused.stderr
    done = run([*command, "--engine", "speech=espeak", *CONSENT], {"LOCUTOR_DATA": str(tmp_path / "data")})
    assert done.returncode == 0, done.stderr
    lines = json.loads((tmp_path / "out" / "talking_glasses_en.de.utterances.json").read_text("utf-8"))["utterances"]
    assert [line["text"] for line in lines if line["text"]] == [GERMAN]
    assert "espeak:de" in (tmp_path / "out" / "talking_glasses_en.de.report.json").read_text()
