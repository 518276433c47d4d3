from __future__ import annotations

import pytest

from services.asr.engines.faster_whisper import FasterWhisperEngine
from services.weights import ModelStore


@pytest.fixture(scope="session")
def whisper() -> FasterWhisperEngine:
    """Whisper base, multilingual."""
    return FasterWhisperEngine(ModelStore(), 2, "whisper-base")


@pytest.fixture(scope="session")
def tiny_whisper() -> FasterWhisperEngine:
    """Whisper tiny.en: a third of the time, English only."""
    return FasterWhisperEngine(ModelStore(), 2, "whisper-tiny-en")
