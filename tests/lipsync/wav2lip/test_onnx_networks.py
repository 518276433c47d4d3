"""ONNX files of several makers and sizes. Those of 256 and 384 pixels are networks of two layers that the test makes; that of 96 is the published layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from locutor.errors import MissingExtra, MissingWeights, Unavailable
from services.lipsync.engines.wav2lip.onnx_runtime import OnnxNetwork
from services.lipsync.engines.wav2lip.runtime import load_runtime
from services.lipsync.engines.wav2lip.settings import Checkpoint, Load
from tests.neural_weights import mirror_onnx, wav2lip_onnx

CPU = Load(1, 4)


def asked(side: int, count: int = 5) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(2)
    return random.uniform(-4, 4, (count, 80, 16)).astype(np.float32), random.uniform(0, 1, (count, 6, side, side)).astype(np.float32)


@pytest.mark.parametrize("side", [96, 256, 384])
@pytest.mark.parametrize("names", [("mel_spectrogram", "video_frames"), ("target", "source"), ("face", "mel")])
@pytest.mark.parametrize("batch", ["n", 1, 3])
def test_side_names_order_and_batch_are_read_from_the_file(tmp_path: Path, side: int, names: tuple[str, str], batch: int | str) -> None:
    network = OnnxNetwork(mirror_onnx(tmp_path / "mirror.onnx", side, batch, names), CPU)
    mel, faces = asked(side)
    found = network.speak(mel, faces)
    assert network.side == side and found.dtype == np.float32
    np.testing.assert_allclose(found, faces[:, 3:], atol=1e-6)


def test_half_precision(tmp_path: Path) -> None:
    network = OnnxNetwork(mirror_onnx(tmp_path / "half.onnx", half=True), CPU)
    mel, faces = asked(96)
    np.testing.assert_allclose(network.speak(mel, faces), faces[:, 3:], atol=1e-3)


def test_the_published_layout_hears_and_sees(tmp_path: Path) -> None:
    network = OnnxNetwork(wav2lip_onnx(tmp_path / "narrow.onnx", width=4), Load(2, 4))
    mel, faces = asked(96)
    found = network.speak(mel, faces)
    assert found.shape == (5, 3, 96, 96) and 0 <= found.min() < found.max() <= 1
    np.testing.assert_allclose(network.speak(mel[2:3], faces[2:3]), found[2:3], atol=1e-5)
    assert np.abs(network.speak(-mel, faces) - found).max() > 1e-3, "what is heard matters"
    assert np.abs(network.speak(mel, 1 - faces) - found).max() > 1e-3, "and what is seen"


def loaded(path: Path) -> object:
    return load_runtime(Checkpoint(path, "", "", False), CPU)


def test_what_is_no_such_network_is_told(tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(MissingWeights, match=r"LOCUTOR_WAV2LIP: other\.onnx cannot be loaded as an ONNX model"):
        loaded(path)
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3, 8, 8]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", values[:1], values[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    with pytest.raises(MissingWeights, match=r"takes x \['n', 3, 8, 8\] tensor\(float\); a Wav2Lip network takes \(n, 1, 80, 16\) and \(n, 6, side, side\)"):
        loaded(path)
    mirror_onnx(path, side="side")  # type: ignore[arg-type]
    with pytest.raises(MissingWeights, match="takes faces of side by side pixels; export it for squares of one even side"):
        loaded(path)


def test_a_device_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCUTOR_DEVICE", "cuda:7")
    with pytest.raises(Unavailable, match="LOCUTOR_DEVICE asks for cuda:7 and ONNX Runtime finds") as refused:
        OnnxNetwork(mirror_onnx(tmp_path / "mirror.onnx"), CPU)
    assert refused.value.reason == "NO_CUDA"


def test_a_pytorch_file_asks_for_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    (tmp_path / "wav2lip.pth").write_bytes(b"")
    with pytest.raises(MissingExtra, match=r"pip install 'locutor\[wav2lip\]'") as refused:
        loaded(tmp_path / "wav2lip.pth")
    assert "an ONNX file needs no extra" in refused.value.message
