"""One script and one video through Wav2Lip, swapped by a flag alone. The network has the published layout, an eighth of its width and random weights: that
it draws the mouths, and where the report says so, is what is shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from skimage import data

from tests.cli.command import CONSENT, run
from tests.gateway.dub_inputs import VIDEO, Filmed, sound, speech
from tests.neural_weights import wav2lip_onnx

ENGLISH = "Good morning, and welcome to the museum."
ENGINES = ("warp", "wav2lip")


def frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="gray").astype(int) for frame in container.decode(video=0)]


def engines_of(report: Any) -> dict[str, str]:
    """The lip-sync weights that a report names: engine to licence."""
    if isinstance(report, dict):
        found = {report["engine"]: report.get("license", "")} if report.get("engine") in ENGINES else {}
        return found | {name: text for value in report.values() for name, text in engines_of(value).items()}
    return {name: text for value in report for name, text in engines_of(value).items()} if isinstance(report, list) else {}


def settings(folder: Path) -> dict[str, str]:
    return {"LOCUTOR_DATA": str(folder / "data"), "LOCUTOR_WAV2LIP": str(wav2lip_onnx(folder / "wav2lip.onnx"))}


def both(command: list[object], folder: Path, stem: str) -> dict[str, list[np.ndarray]]:
    """The frames that each engine made of the same command, whose reports name it."""
    made = {}
    for engine in ENGINES:
        done = run([*command, "--engine", f"lipsync={engine}", "--out", folder / engine, *CONSENT], settings(folder))
        assert done.returncode == 0, done.stderr
        named = engines_of(json.loads((folder / engine / f"{stem}.report.json").read_text()))
        assert list(named) == [engine] and ("LicenseRef-Wav2Lip-Research-Only" in named[engine]) == (engine == "wav2lip"), named
        made[engine] = frames(folder / engine / f"{stem}.mp4")
    return made


def test_a_presenter_speaks(tmp_path: Path) -> None:
    Image.fromarray(data.astronaut()).save(tmp_path / "face.png")
    (tmp_path / "hello.md").write_text(f"{ENGLISH}\n")
    command = ["present", tmp_path / "hello.md", "--from", "en-US", "--face", tmp_path / "face.png", "--to", "en-US", "--size", "256x256"]
    made = both(command, tmp_path, "hello.en-US")
    change = np.array([np.abs(a - b).max() for a, b in zip(made["wav2lip"], made["warp"], strict=True)])
    assert (change > 50).sum() > 15 and change[:5].max() < 30, "another mouth while she speaks, and nothing but what encoding makes of it before"
    wanted = [*command, "--engine", "lipsync=wav2lip", "--out", tmp_path / "refused", *CONSENT]
    refused = run([*wanted, "--commercial"], settings(tmp_path))
    assert refused.returncode != 0 and "may not be used commercially; choose warp" in refused.stderr, refused.stderr
    missing = run(wanted, {"LOCUTOR_DATA": str(tmp_path / "data")})
    assert missing.returncode != 0 and "set LOCUTOR_WAV2LIP to a checkpoint of Wav2Lip" in missing.stderr, missing.stderr


def test_a_video_is_dubbed(tmp_path: Path) -> None:
    if not VIDEO.exists():
        pytest.skip("the footage of ../shared/testdata/video is not on this machine")
    talk = Filmed(seconds=5.0).write(tmp_path / "talk.mp4", [sound(speech(5.0))])
    (tmp_path / "given.srt").write_text(f"1\n00:00:01,200 --> 00:00:04,000\n{ENGLISH}\n")
    made = both(["dub", talk, "--from", "pt-BR", "--to", "en-US", "--subtitles", f"en-US={tmp_path / 'given.srt'}"], tmp_path, "talk.en-US")
    change = np.array([np.abs(a - b).max() for a, b in zip(made["wav2lip"], made["warp"], strict=True)])
    assert (change > 40).sum() > 15 and change[:15].max() < 30
