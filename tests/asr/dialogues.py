"""Dialogues whose speakers are known, put together from speech of single voices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import soxr
from scipy.optimize import linear_sum_assignment

from services.asr.diarization.engine import SpeakerTurn, SpeechSpan
from services.asr.engine import SAMPLE_RATE
from services.tts.engine import SpeechRequest
from services.tts.engines.kokoro.engine import KokoroEngine
from services.weights import ModelStore

COLLAR_S = 0.25
"""Not scored about the reference's borders: the custom of NIST's evaluations."""
_FRAME_S = 0.01


@dataclass(frozen=True)
class Utterance:
    audio: np.ndarray
    """(n,) float32 at 16 kHz, without silence at its ends."""
    words: tuple[tuple[float, float], ...]
    """Begin and end of each in seconds."""


@dataclass(frozen=True)
class Dialogue:
    audio: np.ndarray
    """(n,) float32 at 16 kHz."""
    turns: tuple[SpeakerTurn, ...]
    """As they are."""
    words: tuple[SpeechSpan, ...]

    @property
    def pcm(self) -> bytes:
        return (np.clip(self.audio, -1, 1) * 32767).astype("<i2").tobytes()


@cache
def _kokoro() -> KokoroEngine:
    return KokoroEngine(ModelStore(), 2)


def speak(text: str, voice: str) -> Utterance:
    """By Kokoro; the voice's own English."""
    parts, words = [], []
    engine = _kokoro()
    for sentence in engine.plan(SpeechRequest(text, "en-GB" if voice[0] == "b" else "en-US", voice)).sentences():
        parts.append(sentence.audio)
        words += [(sentence.start_s + word.start_s, sentence.start_s + word.end_s) for word in sentence.timeline.words]
    begin, end = words[0][0], words[-1][1]
    audio = soxr.resample(np.concatenate(parts), engine.sample_rate, SAMPLE_RATE).astype(np.float32)
    return Utterance(audio[int(begin * SAMPLE_RATE) : int(end * SAMPLE_RATE)], tuple((b - begin, e - begin) for b, e in words))


def dialogue(lines: Sequence[tuple[int, Utterance]], gaps_s: Sequence[float]) -> Dialogue:
    """Lines, each with its speaker, one after the other; the gaps follow the lines and come again where they are fewer."""
    parts = [np.zeros(SAMPLE_RATE // 3, np.float32)]
    turns: list[SpeakerTurn] = []
    words: list[SpeechSpan] = []
    at = len(parts[0])
    for index, (speaker, line) in enumerate(lines):
        begin_s = at / SAMPLE_RATE
        turns.append(SpeakerTurn(begin_s, begin_s + len(line.audio) / SAMPLE_RATE, speaker, 1.0))
        words += [SpeechSpan(begin_s + b, begin_s + e) for b, e in line.words]
        parts += [line.audio, np.zeros(round(gaps_s[index % len(gaps_s)] * SAMPLE_RATE), np.float32)]
        at += len(parts[-2]) + len(parts[-1])
    return Dialogue(np.concatenate(parts), tuple(turns), tuple(words))


def diarization_error_rate(reference: Sequence[SpeakerTurn], found: Sequence[SpeakerTurn]) -> float:
    """Missed, falsely alarmed and confused time over the time of speech, with the best assignment of speakers; `COLLAR_S` about each border is not scored."""
    count = round((max(turn.end_s for turn in (*reference, *found)) + 1) / _FRAME_S)
    truth, told, scored = _frames(reference, count), _frames(found, count), np.ones(count, bool)
    for turn in reference:
        for border in (turn.start_s, turn.end_s):
            scored[max(0, round((border - COLLAR_S) / _FRAME_S)) : round((border + COLLAR_S) / _FRAME_S)] = False
    truth, told = truth[scored], told[scored]
    together = np.array([[np.sum((truth == one) & (told == other)) for other in range(max(told.max(initial=0), 0) + 1)] for one in range(truth.max() + 1)])
    right = together[linear_sum_assignment(-together)].sum()
    speech = np.sum(truth >= 0)
    # Every frame in which either has speech is wrong unless both have it, from speakers that belong together.
    return float((np.sum((truth >= 0) | (told >= 0)) - right) / speech)


def _frames(turns: Sequence[SpeakerTurn], count: int) -> np.ndarray:
    frames = np.full(count, -1)
    for turn in turns:
        frames[round(turn.start_s / _FRAME_S) : round(turn.end_s / _FRAME_S)] = turn.speaker
    return frames
