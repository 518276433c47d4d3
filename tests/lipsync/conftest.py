"""Real weights and faces for the tests of lipsync."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from services.lipsync.landmarks import FaceLandmarker
from services.weights import ModelStore

TESTDATA = Path(__file__).parents[3] / "shared" / "testdata"


@pytest.fixture(scope="session")
def landmarker_file() -> Path:
    return ModelStore().ensure("mediapipe-face-landmarker") / "face_landmarker_v2.task"


@pytest.fixture(scope="session")
def landmarker(landmarker_file: Path) -> Iterator[FaceLandmarker]:
    with FaceLandmarker(landmarker_file, max_faces=4) as landmarker:
        yield landmarker


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    return np.asarray(data.astronaut())


@pytest.fixture(scope="session")
def portraits(astronaut: np.ndarray) -> dict[str, np.ndarray]:
    """Faces by name; skips where the folder beside the project is missing."""
    folder = TESTDATA / "faces"
    if not folder.is_dir():
        pytest.skip(f"no test faces: {folder} is missing")
    found = {path.stem: np.asarray(Image.open(path).convert("RGB")) for path in sorted(folder.glob("*.png"))}
    return {"astronaut": astronaut, **found}
