"""One script and one video through Piper and espeak-ng, swapped by a flag alone: what is heard, and what the report says of it."""

from __future__ import annotations

import json
from pathlib import Path

import av
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
    command: list[str | Path] = [
        "present",
        tmp_path / "hello.md",
        "--face",
        tmp_path / "face.png",
        "--from",
        "en",
        "--to",
        "en-US,de",
        "--size",
        "128x128",
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


async def test_a_video_is_dubbed_by_piper_and_by_espeak(tmp_path: Path) -> None:
    if not VIDEO.exists():
        pytest.skip("the footage of ../shared/testdata/video is not on this machine")
    _beginning(VIDEO, tmp_path / "talk.mp4", 6.5)
    for locale, line in (("en-US", ENGLISH), ("de", GERMAN)):
        (tmp_path / f"{locale}.srt").write_text(f"1\n00:00:02,500 --> 00:00:06,000\n{line}\n")
    command: list[str | Path] = ["dub", tmp_path / "talk.mp4", "--from", "pt-BR", "--to", "en-US,de", "--no-lipsync", "--out", tmp_path / "out", *CONSENT]
    for locale, engine in (("en-US", "piper"), ("de", "espeak")):
        command += ["--subtitles", f"{locale}={tmp_path / f'{locale}.srt'}", "--engine", f"{locale}:speech={engine}"]
    done = run(command, {"LOCUTOR_DATA": str(tmp_path / "data")})
    assert done.returncode == 0, done.stderr
    report = (tmp_path / "out" / "talk.en-US.report.json").read_text()
    assert "piper:en_US-joe-medium" in report and "en_US-joe-medium.onnx" in report
    heard = await transcribed("en-US", tmp_path / "out" / "talk.en-US.mp4")
    # Where no line is given, he is heard himself.
    assert words(ENGLISH, "en-US") in words(heard, "en-US"), heard
    lines = json.loads((tmp_path / "out" / "talk.de.utterances.json").read_text("utf-8"))["utterances"]
    assert [line["text"] for line in lines if line["text"]] == [GERMAN]
    assert "espeak:de" in (tmp_path / "out" / "talk.de.report.json").read_text()


def _beginning(video: Path, short: Path, length_s: float) -> None:
    """The first seconds of a video, as they are."""
    with av.open(str(video)) as source, av.open(str(short), "w") as target:
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams if stream.type in ("video", "audio")}
        for packet in source.demux():
            if packet.dts is not None and packet.stream.index in streams and packet.dts * packet.time_base < length_s:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
