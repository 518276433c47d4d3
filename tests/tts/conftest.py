from __future__ import annotations

import pytest

from services.tts.engines.kokoro.engine import KokoroEngine
from services.weights import ModelStore


@pytest.fixture(scope="session")
def kokoro() -> KokoroEngine:
    return KokoroEngine(ModelStore(), threads=2)
