from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "intro.md"
    path.write_text("---\nlocale: en-US\n---\nGood morning, everyone!\n")
    return path


@pytest.fixture(scope="session")
def astronaut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A public-domain portrait of one person."""
    from skimage import data

    path = tmp_path_factory.mktemp("faces") / "astronaut.png"
    Image.fromarray(data.astronaut()).save(path)
    return path
