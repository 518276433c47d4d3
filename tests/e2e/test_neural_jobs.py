"""Jobs through engines on PyTorch, chosen by a flag alone: real adapters on tiny weights, so that what is said and heard is no claim, but the way to it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

from tests.asr.whisper_checkpoint import recite
from tests.cli.command import CONSENT, run
from tests.e2e.finished import read_timeline
from tests.tts.coqui_models import vits

# Whisper's package leaves its vocabulary's file open.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in.*tiktoken:pytest.PytestUnraisableExceptionWarning")

VIDEO = Path(__file__).parents[3] / "shared" / "testdata" / "video" / "talking_glasses_en.mp4"


def test_a_video_is_made_with_a_voice_of_coquis(tmp_path: Path) -> None:
    vits(tmp_path / "models" / "tts_models--en--tiny--vits", card="* License: MIT\n")
    Image.fromarray(data.astronaut()).save(tmp_path / "face.png")
    (tmp_path / "hello.md").write_text("Good morning to you all.\n")
    command = ["present", tmp_path / "hello.md", "--face", tmp_path / "face.png", "--from", "en-US", "--to", "en-US", "--size", "320x320"]
    command += ["--out", tmp_path / "out", "--engine", "speech=coqui", "--commercial", *CONSENT]
    environment = {"LOCUTOR_DATA": str(tmp_path / "data"), "LOCUTOR_COQUI_MODELS": str(tmp_path / "models")}
    done = run(command, environment)
    assert done.returncode == 0, done.stderr
    assert [word.text for word in read_timeline(tmp_path / "out" / "hello.en-US.timeline.json").words] == ["Good", "morning", "to", "you", "all"]
    report = json.loads((tmp_path / "out" / "hello.en-US.report.json").read_text())
    assert "tts_models--en--tiny--vits" in json.dumps(report)


def test_a_video_is_dubbed_from_what_openais_whisper_hears_by_a_voice_of_coquis(tmp_path: Path) -> None:
    if not VIDEO.exists():
        pytest.skip("the footage of ../shared/testdata/video is not on this machine")
    checkpoint = recite(tmp_path / "recited.pt", " Bom dia a todos, isto é um teste.", 3.0, "pt")
    vits(tmp_path / "models" / "tts_models--en--tiny--vits", card="* License: MIT\n")
    command = ["dub", VIDEO, "--to", "en-US", "--no-lipsync", "--out", tmp_path / "out", "--engine", "recognition=openai-whisper"]
    settings = {"LOCUTOR_WHISPER_CHECKPOINT": str(checkpoint), "LOCUTOR_COQUI_MODELS": str(tmp_path / "models")}
    done = run([*command, "--engine", "en-US:speech=coqui", *CONSENT], {"LOCUTOR_DATA": str(tmp_path / "data"), **settings})
    assert done.returncode == 0, done.stderr
    lines = json.loads((tmp_path / "out" / "talking_glasses_en.en-US.utterances.json").read_text("utf-8"))["utterances"]
    assert any("test" in line["text"].lower() for line in lines), lines
    report = json.loads((tmp_path / "out" / "talking_glasses_en.en-US.report.json").read_text())
    assert {(engine["stage"], engine["engine"]) for engine in report["engines"]} >= {("recognize", "openai-whisper"), ("speak", "coqui")}
