"""Who spoke when, on real weights and on speech whose speakers are known."""

from __future__ import annotations

import numpy as np
import pytest

from services.asr.diarization.engine import Diarization, DiarizationOptions
from services.asr.diarization.engines.resemblyzer import ResemblyzerEngine
from services.asr.engine import SAMPLE_RATE
from services.weights import ModelStore
from tests.asr.dialogues import Dialogue, Utterance, dialogue, diarization_error_rate, speak

QUESTIONS = ("Good morning, and what did you find when you came down to the river?", "How many people live there now?", "Thank you for your time today.")
ANSWERS = (
    "We found three old boats under the bridge.",
    "About two hundred, and most of them work in the city.",
    "You are welcome, please come again in spring.",
)
HOST, GUEST, THIRD = "am_michael", "af_heart", "bm_george"


@pytest.fixture(scope="module")
def engine() -> ResemblyzerEngine:
    return ResemblyzerEngine(ModelStore(), 2)


@pytest.fixture(scope="module")
def lines() -> list[tuple[int, Utterance]]:
    """Two speakers, a man and a woman, in turn."""
    return [line for question, answer in zip(QUESTIONS, ANSWERS, strict=True) for line in ((0, speak(question, HOST)), (1, speak(answer, GUEST)))]


@pytest.fixture(scope="module")
def talk(lines: list[tuple[int, Utterance]]) -> Dialogue:
    return dialogue(lines, (0.1, 0.6, 0.3))


def diarize(engine: ResemblyzerEngine, audio: np.ndarray, options: DiarizationOptions, block: int = SAMPLE_RATE) -> Diarization:
    stream = engine.open(options)
    for at in range(0, len(audio), block):
        stream.accept(audio[at : at + block])
    return stream.finish()


@pytest.mark.parametrize("count", [0, 2])
def test_two_speakers_of_given_words(engine: ResemblyzerEngine, talk: Dialogue, count: int) -> None:
    found = diarize(engine, talk.audio, DiarizationOptions(count, talk.words))
    assert diarization_error_rate(talk.turns, found.turns) <= 0.05
    man, woman = found.speakers
    assert 80 < man.pitch_hertz < 150 < woman.pitch_hertz < 260
    assert [np.linalg.norm(speaker.embedding) for speaker in found.speakers] == pytest.approx([1, 1], abs=1e-5)
    words_s = sum(word.end_s - word.start_s for word in talk.words)
    assert man.speech_s + woman.speech_s == pytest.approx(words_s, abs=0.01)
    assert min(turn.confidence for turn in found.turns) > 0.5
