"""What is spoken is understood: speech is written back by Whisper base."""

from __future__ import annotations

import unicodedata

import jiwer
import numpy as np
import pytest
import regex
import soxr
from faster_whisper import WhisperModel

from services.tts.engine import SpeechRequest
from services.tts.engines.kokoro.engine import KokoroEngine
from services.weights import ModelStore

# Without figures and names, which a recogniser spells as it likes.
TEXTS = {
    "en-US": "Welcome to our little museum. Please leave your bags at the front desk, and enjoy the pictures on the second floor.",
    "es": "Bienvenidos al museo. Dejen sus bolsas en la entrada y disfruten de los cuadros de la segunda planta.",
    "pt-BR": "Sejam todos muito bem recebidos. Deixem as bolsas na entrada e aproveitem os quadros do segundo andar.",
    "fr": "Bienvenue dans notre musée. Laissez vos sacs près de la porte, et regardez les tableaux du deuxième étage.",
    "zh": "欢迎来到我们的博物馆，请把书包放在门口。",
    "ja": "今日はとても天気がいいですね。公園で一緒に本を読みましょう。",
}
LARGEST_ERROR = {"en-US": 0.05, "es": 0.08, "pt-BR": 0.08, "fr": 0.12, "zh": 0.15, "ja": 0.2}
"""Share of wrong words; of wrong characters in Chinese and Japanese, where the recogniser also chooses among homophones."""


@pytest.fixture(scope="module")
def whisper() -> WhisperModel:
    return WhisperModel(str(ModelStore().ensure("whisper-base")), device="cpu", compute_type="int8", cpu_threads=2)


def _plain(text: str) -> str:
    return " ".join(regex.sub(r"[^\p{L}\p{M}\p{N}' ]", " ", unicodedata.normalize("NFKC", text).lower()).split())


@pytest.mark.parametrize("locale", TEXTS)
def test_written_back(kokoro: KokoroEngine, whisper: WhisperModel, locale: str) -> None:
    text = TEXTS[locale]
    audio = np.concatenate([sentence.audio for sentence in kokoro.plan(SpeechRequest(text, locale)).sentences()])
    segments, _ = whisper.transcribe(
        soxr.resample(audio, kokoro.sample_rate, 16000), language=locale[:2], initial_prompt="以下是普通话。" if locale == "zh" else None
    )
    heard = _plain("".join(segment.text for segment in segments))
    measure = jiwer.cer if locale in ("zh", "ja") else jiwer.wer
    assert measure(_plain(text), heard) <= LARGEST_ERROR[locale], heard
