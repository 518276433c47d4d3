"""What is measured on: a script of about a minute, a face in the public domain, and the script's speech."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np

from services.serving import ServingSettings
from services.tts.engine import SpeechRequest, SpokenSentence
from services.tts.engines.kokoro.engine import KokoroEngine
from services.weights import ModelStore

LOCALE = "en-US"
PARAGRAPHS = (
    "Good morning, and welcome to the spring briefing. In the next minute I will show you what has changed, why it matters, and what we ask of you.",
    "First, the numbers. Last quarter 1,240 teams in 18 countries published more than 9,000 lessons. That is an increase of 35% over the winter, and most of "
    "it came from people who had never made a video before.",
    "Second, the way we work. A script is now reviewed by one person in each market. The presenter speaks it on the same day, and if somebody finds a mistake, "
    "only that sentence is made again.",
    "Third, a small request. Please keep your paragraphs short, put names into the glossary, and listen to every market once before you publish.",
    "Thank you for your patience and your many good ideas. We will meet again on June 12, 2026. Until then, goodbye.",
)
PARAGRAPH_PAUSE_S = 0.6
"""As the gateway leaves between paragraphs."""
_SPOKEN = "spoken.pickle"
THREADS = ServingSettings().threads
"""As a service gives its engine by default."""


def script() -> str:
    return "\n\n".join(PARAGRAPHS)


def face() -> np.ndarray:
    """The portrait of Eileen Collins (NASA, public domain): (512, 512, 3) uint8 RGB."""
    from skimage.data import astronaut

    return np.asarray(astronaut())


def face_png() -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(face()).save(buffer, "PNG")
    return buffer.getvalue()


def speak(engine: KokoroEngine) -> list[list[SpokenSentence]]:
    """The script's sentences, paragraph by paragraph."""
    return [list(engine.plan(SpeechRequest(paragraph, LOCALE)).sentences()) for paragraph in PARAGRAPHS]


def prepare(work: Path) -> None:
    """Have the script's speech kept in `work`, for rows that do not measure its making."""
    if not (work / _SPOKEN).exists():
        keep(work, speak(KokoroEngine(ModelStore(), THREADS)))


def keep(work: Path, paragraphs: list[list[SpokenSentence]]) -> None:
    (work / _SPOKEN).write_bytes(pickle.dumps(paragraphs))


def spoken(work: Path) -> list[list[SpokenSentence]]:
    """The script's speech as it was kept."""
    return pickle.loads((work / _SPOKEN).read_bytes())
