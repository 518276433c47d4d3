"""How fast speech is made and understood."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import jiwer
import numpy as np
import soxr

from bench.figure import Figure
from bench.material import LOCALE, PARAGRAPHS, THREADS, keep, speak, spoken
from services.asr.engine import SAMPLE_RATE, LanguageDetection, RecognitionOptions, Segment
from services.asr.engines.faster_whisper import FasterWhisperEngine
from services.tts.engine import SpeechRequest
from services.tts.engines.kokoro.engine import KokoroEngine
from services.weights import ModelStore

_SILENCE_S = 0.6


def tts(work: Path) -> Iterator[Figure]:
    """Kokoro, warm."""
    engine = KokoroEngine(ModelStore(), THREADS)
    started = time.perf_counter()
    first = next(iter(engine.plan(SpeechRequest(PARAGRAPHS[0], LOCALE)).sentences()))
    yield Figure("tts.first_sentence", time.perf_counter() - started, "s", f"until {len(first.audio) / engine.sample_rate:.1f} s of sound are there")
    started = time.perf_counter()
    paragraphs = speak(engine)
    took = time.perf_counter() - started
    length = sum(len(sentence.audio) for sentences in paragraphs for sentence in sentences) / engine.sample_rate
    keep(work, paragraphs)
    yield Figure("tts.rtf", took / length, "x real time", f"{length:.1f} s of {LOCALE}")


def asr(work: Path) -> Iterator[Figure]:
    """Whisper base, warm, on the speech of the script; with its errors, because a fast engine that mishears is none."""
    pause = np.zeros(round(_SILENCE_S * 24_000), np.float32)
    parts = [part for sentences in spoken(work) for part in (*(sentence.audio for sentence in sentences), pause)]
    audio = soxr.resample(np.concatenate(parts), 24_000, SAMPLE_RATE)
    engine = FasterWhisperEngine(ModelStore(), THREADS)
    _recognise(engine, audio[: 3 * SAMPLE_RATE])
    started = time.perf_counter()
    text = _recognise(engine, audio)
    took = time.perf_counter() - started
    yield Figure("asr.rtf", took / (len(audio) / SAMPLE_RATE), "x real time", f"{len(audio) / SAMPLE_RATE:.1f} s of {LOCALE}, a file at a time")
    plain = jiwer.Compose([jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.RemoveMultipleSpaces(), jiwer.Strip(), jiwer.ReduceToListOfListOfWords()])
    errors = jiwer.wer(" ".join(PARAGRAPHS), text, reference_transform=plain, hypothesis_transform=plain)
    yield Figure("asr.word_errors", 100 * errors, "%", "on synthetic speech; numbers as written")


def _recognise(engine: FasterWhisperEngine, audio: np.ndarray) -> str:
    stream = engine.open(RecognitionOptions(locale=LOCALE))
    events: list[LanguageDetection | Segment] = []
    for begin in range(0, len(audio), 10 * SAMPLE_RATE):
        events += stream.accept(audio[begin : begin + 10 * SAMPLE_RATE], caught_up=False)
    events += stream.finish()
    return " ".join(event.text.strip() for event in events if isinstance(event, Segment))
