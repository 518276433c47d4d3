"""The network in PyTorch: published names, what it gives beside ONNX Runtime, and that it learns."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch: `make test` runs it in an environment of its own")
librosa = pytest.importorskip("librosa", reason="needs librosa: `make test` runs it in an environment with it")

from locutor.errors import MissingWeights, Unavailable  # noqa: E402
from services.lipsync.engine import Background, Performance, Piece, VideoFormat  # noqa: E402
from services.lipsync.engines.warp import WarpEngine  # noqa: E402
from services.lipsync.engines.wav2lip import Wav2LipEngine  # noqa: E402
from services.lipsync.engines.wav2lip.__main__ import main  # noqa: E402
from services.lipsync.engines.wav2lip.checkpoint import read_checkpoint  # noqa: E402
from services.lipsync.engines.wav2lip.crops import face_of, network_faces  # noqa: E402
from services.lipsync.engines.wav2lip.mel import mel_spectra  # noqa: E402
from services.lipsync.engines.wav2lip.network import Wav2LipNetwork  # noqa: E402
from services.lipsync.engines.wav2lip.onnx_runtime import OnnxNetwork  # noqa: E402
from services.lipsync.engines.wav2lip.performer import portrait_performer  # noqa: E402
from services.lipsync.engines.wav2lip.settings import Load  # noqa: E402
from services.lipsync.engines.wav2lip.torch_runtime import TorchNetwork  # noqa: E402
from services.weights import ModelStore  # noqa: E402
from tests.lipsync.wav2lip.conftest import engine_on, saying  # noqa: E402
from tests.lipsync.wav2lip.test_layout import KEYS  # noqa: E402
from tests.neural_weights import wav2lip_tensors  # noqa: E402

pytestmark = pytest.mark.neural
CPU = Load(2, 4)
CLIP, STEPS = 16, 220


def saved(path: Path, width: int = 2, prefix: str = "", below: str = "") -> Path:
    """A checkpoint as PyTorch saves it."""
    tensors = {prefix + name: torch.from_numpy(values) for name, values in wav2lip_tensors(width).items()}
    torch.save({below: tensors, "optimizer": {"state": {}}, "global_step": 1} if below else tensors, path)
    return path


def asked(count: int = 3) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(2)
    return random.uniform(-4, 4, (count, 80, 16)).astype(np.float32), random.uniform(0, 1, (count, 6, 96, 96)).astype(np.float32)


def test_a_checkpoint_with_the_published_keys_loads_strictly(tmp_path: Path) -> None:
    if not KEYS.is_file():
        pytest.skip(f"no key list of the published checkpoint: {KEYS} is missing")
    published = {name: tuple(shape) for name, shape in json.loads(KEYS.read_text()).items()}
    network = Wav2LipNetwork()
    assert {name: tuple(value.shape) for name, value in network.state_dict().items()} == published and len(published) == 352
    assert sum(parameter.numel() for parameter in network.parameters()) == 36_298_035
    random = {name: torch.randn(shape) if shape else torch.tensor(7) for name, shape in published.items()}
    torch.save({"state_dict": {f"module.{name}": value for name, value in random.items()}}, tmp_path / "wav2lip_gan.pth")
    tensors, width = read_checkpoint(tmp_path / "wav2lip_gan.pth")
    assert width == 16 and tensors.keys() == published.keys()
    network.load_state_dict({name: torch.from_numpy(values) for name, values in tensors.items()}, strict=True)
    assert torch.equal(network.output_block[1].weight, random["output_block.1.weight"])


@pytest.mark.parametrize(("prefix", "below"), [("", ""), ("module.", ""), ("", "state_dict"), ("module.", "state_dict")])
def test_prefix_and_wrapping_do_not_matter(tmp_path: Path, prefix: str, below: str) -> None:
    tensors, width = read_checkpoint(saved(tmp_path / "wav2lip.pth", prefix=prefix, below=below))
    assert width == 2 and tensors.keys() == wav2lip_tensors(2).keys()
    np.testing.assert_array_equal(tensors["output_block.1.weight"], wav2lip_tensors(2)["output_block.1.weight"])


class Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('code of a checkpoint ran')",)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(MissingWeights, match=r"LOCUTOR_WAV2LIP: other\.pth cannot be read as a checkpoint of tensors alone"):
        read_checkpoint(path)
    for save in (lambda: torch.save({"state_dict": Harmful()}, path), lambda: path.write_bytes(pickle.dumps(Harmful(), protocol=2))):
        save()
        with pytest.raises(MissingWeights, match="cannot be read as a checkpoint of tensors alone"):
            read_checkpoint(path)
    torch.save([1, 2], path)
    with pytest.raises(MissingWeights, match="holds a list, not tensors by their names"):
        read_checkpoint(path)
    torch.save({"netG.0.weight": torch.zeros(3)}, path)
    with pytest.raises(MissingWeights, match=r"has 1 tensors, and a checkpoint of Wav2Lip 352: 352 are missing .*; 1 are unexpected \(netG\.0\.weight\)"):
        read_checkpoint(path)


@pytest.mark.parametrize("width", [2, 16])
def test_torch_and_onnx_give_the_same(tmp_path: Path, width: int, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint, onnx_file = saved(tmp_path / "wav2lip.pth", width, "module.", "state_dict"), tmp_path / "wav2lip.onnx"
    assert main(["export", str(checkpoint), str(onnx_file)]) == 0 and "MB" in capsys.readouterr().out
    mel, faces = asked()
    in_torch = TorchNetwork(*read_checkpoint(checkpoint), CPU).speak(mel, faces)
    in_onnx = OnnxNetwork(onnx_file, CPU).speak(mel, faces)
    assert in_torch.shape == in_onnx.shape == (3, 3, 96, 96) and in_torch.std() > 0.05, "pictures, not grey"
    assert np.abs(in_torch - in_onnx).max() < 1e-3


def test_the_command_tells_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.pth").write_bytes(b"")
    assert main(["export", str(tmp_path / "bad.pth"), str(tmp_path / "out.onnx")]) == 1
    assert "bad.pth cannot be read" in capsys.readouterr().err and not (tmp_path / "out.onnx").exists()


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCUTOR_DEVICE", "cuda:7")
    with pytest.raises(Unavailable, match="LOCUTOR_DEVICE asks for cuda:7 and PyTorch finds"):
        TorchNetwork(wav2lip_tensors(2), 2, CPU)


def test_pytorch_takes_as_many_threads_as_are_set(tmp_path: Path, one_thread: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCUTOR_DEVICE", "cpu")
    monkeypatch.setenv("LOCUTOR_WAV2LIP", str(saved(tmp_path / "wav2lip.pth")))
    Wav2LipEngine(ModelStore(), 3)
    assert torch.get_num_threads() == 3


def test_tensors_saved_in_the_midst_of_training_are_read(tmp_path: Path) -> None:
    tensors = {name: torch.from_numpy(values) for name, values in wav2lip_tensors(2).items()}
    torch.save({name: torch.nn.Parameter(value) if value.is_floating_point() else value for name, value in tensors.items()}, tmp_path / "wav2lip.pth")
    found, _ = read_checkpoint(tmp_path / "wav2lip.pth")
    np.testing.assert_array_equal(found["output_block.1.weight"], tensors["output_block.1.weight"].numpy())


def test_half_precision_on_cuda_is_near_to_full(monkeypatch: pytest.MonkeyPatch) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs CUDA")
    mel, faces = asked()
    made = []
    for device in ("cuda", "cpu"):
        monkeypatch.setenv("LOCUTOR_DEVICE", device)
        made.append(TorchNetwork(wav2lip_tensors(16), 16, Load(2)).speak(mel, faces))
    half, full = made
    assert np.abs(half - full).mean() < 0.01


def test_the_engine_speaks_from_a_pytorch_file_as_from_its_export(tmp_path: Path, astronaut: np.ndarray) -> None:
    checkpoint = saved(tmp_path / "wav2lip.pth", prefix="module.")
    assert main(["export", str(checkpoint), str(tmp_path / "wav2lip.onnx")]) == 0
    piece, made = Piece(0, 10, Performance(seed=1)), []
    for name in ("wav2lip.pth", "wav2lip.onnx"):
        engine = engine_on(tmp_path / name)
        portrait = engine.prepare(astronaut, VideoFormat(320, 240), Background())
        made.append(list(engine.animate(portrait, saying("a o", 0.2), piece)))
    for a, b in zip(*made, strict=True):
        assert np.abs(a.astype(int) - b).max() <= 1


def test_spectra_are_those_of_librosa() -> None:
    random, filters = np.random.default_rng(4), librosa.filters.mel(sr=16_000, n_fft=800, n_mels=80, fmin=55, fmax=7600)
    for audio in (random.normal(0, 0.1, 50_000), 0.5 * np.sin(np.arange(20_001) ** 1.3 / 90), np.zeros(3000)):
        audio = audio.astype(np.float32)
        emphasised = np.append(audio[0], audio[1:].astype(np.float64) - 0.97 * audio[:-1])
        spectrum = np.abs(librosa.stft(emphasised, n_fft=800, hop_length=200, win_length=800, pad_mode="reflect"))
        decibels = 20 * np.log10(np.maximum(1e-5, filters @ spectrum)) - 20
        expected = np.clip(8 * (decibels + 100) / 100 - 4, -4, 4)
        assert np.abs(mel_spectra(audio) - expected).max() < 1e-4


def test_the_network_learns_one_clip(astronaut: np.ndarray, one_thread: None) -> None:
    """A clip that the warp engine made, through the product's own boxes, masks and spectra; the published layout at an eighth of its width."""
    engine, speech, piece = WarpEngine(ModelStore(), 2), saying("a m o p e f a u", 0.2), Piece(0, CLIP, Performance(seed=1, head_motion=0.3))
    # Every moment sounds different: what is heard tells which mouth is meant.
    speech.audio[:] *= np.sin(np.arange(len(speech.audio)) ** 1.25 / 300)
    portrait = engine.prepare(astronaut, VideoFormat(320, 240), Background())
    performer = portrait_performer(portrait, speech, piece, 96)
    frames = engine.animate(portrait, speech, piece)
    faces = np.stack([face_of(frame, box, 96) for frame, box in zip(frames, performer.boxes, strict=True)])
    assert performer.reference is not None
    shown = torch.from_numpy(np.stack([network_faces(face, performer.reference) for face in faces]))
    heard, wanted = torch.from_numpy(performer.mel[:, None]), torch.from_numpy(faces.transpose(0, 3, 1, 2).copy())
    torch.manual_seed(0)
    network = Wav2LipNetwork(width=2)
    losses = learned(network, heard, shown, wanted)
    weights = [parameter.grad for name, parameter in network.named_parameters() if name.endswith("0.weight")]
    assert len(weights) == 50 and all(gradient is not None and gradient.abs().max() > 0 for gradient in weights), "every layer learns"
    assert np.mean(losses[-10:]) < 0.1 * losses[0], f"from {losses[0]:.4f} to {np.mean(losses[-10:]):.4f}"
    with torch.no_grad():
        mouth = np.s_[:, :, 60:90, 24:72]
        paired, mixed = (float((network(sound, shown) - wanted)[mouth].abs().mean()) for sound in (heard, heard.roll(CLIP // 2, 0)))
    assert mixed > 1.3 * paired, f"the mouth is that of the sound: {paired:.4f}, and {mixed:.4f} with another one"


def learned(network: Wav2LipNetwork, heard: torch.Tensor, shown: torch.Tensor, wanted: torch.Tensor) -> list[float]:
    """The loss at each step."""
    optimizer = torch.optim.Adam(network.parameters())
    random, losses = np.random.default_rng(0), []
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = 5e-3 * min(1.0, 3 * (STEPS - step) / STEPS)
        chosen = torch.from_numpy(random.choice(CLIP, 4, replace=False))
        loss = torch.nn.functional.l1_loss(network(heard[chosen], shown[chosen]), wanted[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Layers so small are slower on several threads, and far slower where other processes are at work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
