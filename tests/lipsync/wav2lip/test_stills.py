"""A portrait with Wav2Lip's mouth: what it changes, where, and when it does not."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from locutor.errors import MissingWeights
from services.lipsync.engine import ENGINES, Background, Performance, Piece, VideoFormat
from services.lipsync.engines.warp import WarpEngine
from services.lipsync.engines.warp.portrait import WarpPortrait
from services.lipsync.engines.wav2lip import Wav2LipEngine
from services.lipsync.engines.wav2lip.performer import portrait_performer
from services.lipsync.landmarks import FaceLandmarker
from services.weights import ModelStore
from tests.lipsync.wav2lip.conftest import engine_on, saying

VIDEO = VideoFormat(480, 360)
PIECE = Piece(0, 40, Performance(seed=5))
SPEECH = saying("a e m a o s a", each_s=0.1, begin_s=0.2)
"""From 0.2 s to 0.9 s; lips meet from 0.4 s to 0.5 s. The piece has 1.6 s."""
VOWEL, CLOSED, SILENT = 8, 11, 30
"""Frames."""


@pytest.fixture(scope="module")
def warp() -> WarpEngine:
    return WarpEngine(ModelStore(), 2)


@pytest.fixture(scope="module")
def prepared(warp: WarpEngine, astronaut: np.ndarray) -> WarpPortrait:
    return warp.prepare(astronaut, VIDEO, Background())


@pytest.fixture(scope="module")
def plain(warp: WarpEngine, prepared: WarpPortrait) -> list[np.ndarray]:
    """What the mouths are laid into."""
    return list(warp.animate(prepared, SPEECH, PIECE))


@pytest.fixture(scope="module")
def spoken(noise: Wav2LipEngine, prepared: WarpPortrait) -> list[np.ndarray]:
    return list(noise.animate(prepared, SPEECH, PIECE))


def luma(frame: np.ndarray) -> np.ndarray:
    return frame[: VIDEO.height].astype(int)


def test_only_the_mouth_is_the_networks_and_only_while_it_speaks(prepared: WarpPortrait, plain: list[np.ndarray], spoken: list[np.ndarray]) -> None:
    assert len(spoken) == 40 and all(frame.shape == (540, 480) and frame.dtype == np.uint8 for frame in spoken)
    changed = [not np.array_equal(a, b) for a, b in zip(spoken, plain, strict=True)]
    assert changed[VOWEL] and changed[18]
    assert not any(changed[:2]) and not any(changed[27:]), "silence is still, whatever the network would draw"
    assert not changed[CLOSED], "lips meet"
    left, top, right, bottom = prepared.face.bounding_box
    nose_base = prepared.face.points[2, 1]
    for a, b in zip(spoken, plain, strict=True):
        rows, columns = np.nonzero(luma(a) - luma(b))
        if len(rows):
            assert rows.min() > nose_base - 0.1 * (bottom - top) and rows.max() < bottom + 0.05 * (bottom - top)
            assert columns.min() > left and columns.max() < right


def test_silence_is_as_still_as_without_the_network(noise: Wav2LipEngine, warp: WarpEngine, prepared: WarpPortrait) -> None:
    hum = saying("", 1.0)
    loud = type(hum)(0.3 * np.ones_like(hum.audio), hum.sample_rate, ())
    silent = Piece(0, 12, Performance(seed=1, head_motion=0.0))
    for a, b in zip(noise.animate(prepared, loud, silent), warp.animate(prepared, loud, silent), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_same_again(noise: Wav2LipEngine, checkpoints: Path, prepared: WarpPortrait, spoken: list[np.ndarray]) -> None:
    for again in (noise, engine_on(checkpoints / "noise.onnx", batch=3)):
        for a, b in zip(again.animate(prepared, SPEECH, PIECE), spoken, strict=True):
            assert np.abs(a.astype(int) - b).max() <= 1, "however many faces go through the network at a time"
    for a, b in zip(noise.animate(prepared, SPEECH, PIECE), spoken, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_mouth_goes_with_the_head(mirror: Wav2LipEngine, landmarker: FaceLandmarker, prepared: WarpPortrait) -> None:
    """The mirror lays the portrait's mouth at rest over the moving head: where it lies is where the face's mouth is."""
    piece = Piece(100, 20, Performance(seed=2, head_motion=1.5))
    speech = saying("a", 2.0)
    frames = list(mirror.animate(prepared, speech, piece))
    performer = portrait_performer(prepared, speech, piece, 96)
    places, calm = [10, 152, 33, 263, 61, 291], Performance(head_motion=0.0, still=True)
    [rest] = mirror.animate(prepared, saying("", 1.0), Piece(0, 1, calm))
    at_rest = landmarker.detect(cv2.cvtColor(rest, cv2.COLOR_YUV2RGB_I420))[0].points[places, :2] - 0.5
    [still] = portrait_performer(prepared, saying("", 1.0), Piece(0, 1, calm), 96).boxes
    for number in (3, 10, 17):
        seen = landmarker.detect(cv2.cvtColor(frames[number], cv2.COLOR_YUV2RGB_I420))[0].points[places, :2] - 0.5
        to_unit = np.linalg.inv(performer.boxes[number][:, :2])
        placed = (seen - performer.boxes[number][:, 2]) @ to_unit.T - (at_rest - still[:, 2]) @ np.linalg.inv(still[:, :2]).T
        assert np.abs(placed[2:]).max() < 0.04, "eyes and mouth lie in their box as they do at rest"


def test_light_comes_from_the_frame(checkpoints: Path, prepared: WarpPortrait, plain: list[np.ndarray]) -> None:
    red = engine_on(checkpoints / "red.onnx")
    reddened = [frame[VIDEO.height :].reshape(2, -1)[1].astype(int) for frame in red.animate(prepared, SPEECH, PIECE)]
    without = [frame[VIDEO.height :].reshape(2, -1)[1].astype(int) for frame in plain]
    changes = [float((a - b)[a != b].mean()) for a, b in zip(reddened, without, strict=True) if (a != b).any()]
    assert len(changes) > 10 and np.abs(changes).max() < 6, "a tint of 0.4 of full red would be 40 and more"


def test_what_is_installed_is_told(checkpoints: Path, monkeypatch: pytest.MonkeyPatch, noise: Wav2LipEngine) -> None:
    assert "wav2lip" in ENGINES and ENGINES["wav2lip"].extra == "wav2lip"
    info, around = noise.info, WarpEngine.describe(ModelStore())
    assert (info.engine, info.name, info.installed, info.commercial_use) == ("wav2lip", "noise", True, False)
    assert set(info.weights) == {"noise.onnx", *around.weights} and len(info.weights["noise.onnx"]) == 64
    assert info.license == "LicenseRef-Wav2Lip-Research-Only AND Apache-2.0"
    none = Wav2LipEngine.describe(ModelStore())
    assert not none.installed and none.remedy.startswith("set LOCUTOR_WAV2LIP to a checkpoint of Wav2Lip (.pth, or .onnx)")
    with pytest.raises(MissingWeights, match="no checkpoint of Wav2Lip is installed: set LOCUTOR_WAV2LIP"):
        Wav2LipEngine(ModelStore())
    monkeypatch.setenv("LOCUTOR_WAV2LIP", str(checkpoints / "own.safetensors"))
    assert "own.safetensors ends in none of .pth, .pt, .ckpt, .onnx" in Wav2LipEngine.describe(ModelStore()).remedy
    monkeypatch.setenv("LOCUTOR_WAV2LIP", str(checkpoints / "gone.pth"))
    assert Wav2LipEngine.describe(ModelStore()).remedy.startswith("gone.pth is not there")
    monkeypatch.setenv("LOCUTOR_WAV2LIP", str(checkpoints / "mirror.onnx"))
    monkeypatch.setenv("LOCUTOR_WAV2LIP_COMMERCIAL_USE", "1")
    unstated = Wav2LipEngine.describe(ModelStore())
    assert not unstated.installed and not unstated.commercial_use and "COMMERCIAL_USE is set without LOCUTOR_WAV2LIP_LICENSE" in unstated.remedy
    monkeypatch.setenv("LOCUTOR_WAV2LIP_LICENSE", "LicenseRef-Ours")
    own = Wav2LipEngine.describe(ModelStore())
    assert own.commercial_use and own.license.startswith("LicenseRef-Ours AND") and own.weights["mirror.onnx"] != info.weights["noise.onnx"]


def test_a_checkpoint_may_come_through_the_model_store(checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from services.weights.archive import sha256_of

    source = checkpoints / "mirror.onnx"
    manifest = tmp_path / "own.toml"
    manifest.write_text(
        f'[artifacts.wav2lip]\ntitle = "Ours"\nlicense = "LicenseRef-Ours"\ncommercial_use = true\nupstream = "us"\n[artifacts.wav2lip.files]\n'
        f'"ours.onnx" = {{ sha256 = "{sha256_of(source)}", bytes = {source.stat().st_size}, url = "https://models.example/ours.onnx" }}\n'
    )
    monkeypatch.setenv("LOCUTOR_MODELS_MANIFEST", str(manifest))
    store = ModelStore(tmp_path / "store", offline=True)
    assert Wav2LipEngine.describe(store).remedy.startswith("fetch the weights: locutor models fetch wav2lip")
    (tmp_path / "store" / "wav2lip").mkdir(parents=True)
    (tmp_path / "store" / "wav2lip" / "ours.onnx").write_bytes(source.read_bytes())
    store.ensure("wav2lip")
    info = Wav2LipEngine.describe(store)
    assert info.commercial_use and info.weights["ours.onnx"] == sha256_of(source) and info.license.startswith("LicenseRef-Ours")
    monkeypatch.setenv("LOCUTOR_WAV2LIP_LICENSE", "LicenseRef-Other")
    monkeypatch.setenv("LOCUTOR_WAV2LIP_COMMERCIAL_USE", "0")
    assert Wav2LipEngine.describe(store) == info, "what is said of a file that LOCUTOR_WAV2LIP names is not said of the artifact"
