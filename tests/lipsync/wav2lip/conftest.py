"""Engines with small checkpoints, and footage whose faces were followed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from services.articulation.speech import PhonemeSpan, Speech
from services.lipsync.engines.wav2lip import Wav2LipEngine
from services.lipsync.engines.wav2lip.settings import BATCH_VARIABLE, CHECKPOINT_VARIABLE
from services.lipsync.footage import FaceTracks
from services.lipsync.landmarks import MODEL_ARTIFACT, MODEL_FILE
from services.lipsync.tracking.identity import ARTIFACT as EMBEDDER_ARTIFACT
from services.lipsync.tracking.identity import FaceEmbedder
from services.lipsync.tracking.networks import FaceNetworks
from services.lipsync.tracking.tracker import track_faces
from services.weights import ModelStore
from tests.lipsync.clips import RATE, Shot, beside, i420, pictures
from tests.neural_weights import mirror_onnx, wav2lip_onnx

SOUND_RATE = 24_000


@dataclass(frozen=True, eq=False)
class Footage:
    frames: list[np.ndarray]
    tracks: FaceTracks


def engine_on(checkpoint: Path, batch: int | None = None) -> Wav2LipEngine:
    """The engine as an operator's settings make it."""
    with pytest.MonkeyPatch.context() as settings:
        settings.setenv(CHECKPOINT_VARIABLE, str(checkpoint))
        if batch:
            settings.setenv(BATCH_VARIABLE, str(batch))
        return Wav2LipEngine(ModelStore(), 2)


@pytest.fixture(scope="package")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with "noise.onnx", the published layout with random weights, and "mirror.onnx" and "red.onnx", which give back the face that they see,
    the second one redder the louder it is."""
    folder = tmp_path_factory.mktemp("wav2lip")
    wav2lip_onnx(folder / "noise.onnx", width=2)
    mirror_onnx(folder / "mirror.onnx")
    mirror_onnx(folder / "red.onnx", loud=0.1)
    return folder


@pytest.fixture(scope="package")
def noise(checkpoints: Path) -> Iterator[Wav2LipEngine]:
    yield engine_on(checkpoints / "noise.onnx")


@pytest.fixture(scope="package")
def mirror(checkpoints: Path) -> Iterator[Wav2LipEngine]:
    yield engine_on(checkpoints / "mirror.onnx")


@pytest.fixture(scope="package")
def talking() -> Footage:
    """Two thirds of a second of a man who talks while the camera goes by."""
    return _followed([i420(picture) for picture in pictures(Shot("glasses", 16, 30, pan=2.0), 480, 360)])


@pytest.fixture(scope="package")
def couple() -> Footage:
    """A man, and a woman to his right."""
    return _followed([i420(picture) for picture in beside(Shot("glasses", 8, 30), Shot("suit", 8))])


def _followed(frames: list[np.ndarray]) -> Footage:
    store = ModelStore()
    networks, embedder = FaceNetworks(store.ensure(MODEL_ARTIFACT) / MODEL_FILE, 2), FaceEmbedder(store.ensure(EMBEDDER_ARTIFACT))
    (tracks,) = (event for event in track_faces(iter(frames), RATE, networks, embedder) if isinstance(event, FaceTracks))
    return Footage(frames, tracks)


def saying(symbols: str, each_s: float, begin_s: float = 0.0, length_s: float = 3.0) -> Speech:
    """Sounds one after the other, then silence; a hum is heard with them."""
    spans = [PhonemeSpan(symbol, begin_s + each_s * i, begin_s + each_s * (i + 1)) for i, symbol in enumerate(symbols.split())]
    time = np.arange(round(length_s * SOUND_RATE)) / SOUND_RATE
    heard = (time >= begin_s) & (time < begin_s + each_s * len(spans))
    return Speech((0.3 * np.sin(2 * np.pi * 220 * time) * heard).astype(np.float32), SOUND_RATE, tuple(spans))
