"""Speaks a line at the rate that was chosen for it, and measures it beforehand."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gateway.artifacts import StepResult
from gateway.dub.fit import RATES
from gateway.models import identity
from gateway.present.speak import BYTES_PER_SAMPLE, SpokenSentence, Voicing, speak
from gateway.progress import StageTracker
from gateway.services import Services
from gateway.workflow import Workflow
from locutor.common.v1 import timeline_pb2
from locutor.tts.v1 import tts_pb2
from media.resample import resample

_TIMEOUT_S = 300.0
SILENT_EDGES_S = 0.3
"""About as much silence do voices put around an utterance: it is not part of what must fit."""


@dataclass(frozen=True)
class SpokenLine:
    """A line's sound on disk."""

    path: Path
    """Signed 16-bit little-endian mono."""
    sample_rate: int
    """Hertz."""
    samples: int
    voiced_start_s: float
    """Of its first sound, from its first sample."""
    voiced_end_s: float
    timeline: timeline_pb2.Timeline
    """Offsets count from the first sample; words know their places in the text."""
    sha256: str
    """Of the sound."""

    @property
    def voiced_s(self) -> float:
        return self.voiced_end_s - self.voiced_start_s

    def read(self, start: int, end: int | None, sample_rate: int) -> np.ndarray:
        """Samples [start, end) counted at `sample_rate`, as float32; None: to the last."""
        sound = np.fromfile(self.path, np.dtype("<i2")).astype(np.float32) / np.float32(32768)
        return resample(sound, self.sample_rate, sample_rate)[start:end]


async def measure_line(flow: Workflow, stage: StageTracker, services: Services, text: str, voicing: Voicing) -> list[float]:
    """Seconds between the first sound and the last at each of `RATES`, about."""
    request = tts_pb2.MeasureSpeechRequest(texts=[text], locale=voicing.locale, voice=voicing.voice, engine=voicing.engine, rates=RATES)

    async def make() -> tuple[StepResult, list[float]]:
        with services.errors("tts"):
            response = await services.tts.MeasureSpeech(request, timeout=_TIMEOUT_S)
        found = [duration.ToNanoseconds() / 1e9 for duration in response.measures[0].durations]
        return StepResult(facts={"seconds": found}), found

    async def load(result: StepResult) -> list[float]:
        return list(result.facts["seconds"])

    lengths = await flow.step(stage, "measure", {**_inputs(text, voicing), "rates": list(RATES)}, make, load)
    return [max(0.1, length - SILENT_EDGES_S) for length in lengths]


async def speak_line(flow: Workflow, stage: StageTracker, services: Services, name: str, text: str, voicing: Voicing, rate: float) -> SpokenLine:
    """`name`: of the file, unique in the job."""
    path = flow.folder / f"{name}.pcm"
    sentences: list[SpokenSentence] = []
    await speak(flow, stage, services, text, replace(voicing, rate=rate), sentences.append)
    audio = b"".join(sentence.audio for sentence in sentences)
    path.write_bytes(audio)
    timeline = timeline_pb2.Timeline()
    for sentence in sentences:
        timeline.MergeFrom(sentence.timeline)
    sample_rate = sentences[0].sample_rate if sentences else 24_000
    samples = len(audio) // BYTES_PER_SAMPLE
    voiced = [phoneme for phoneme in timeline.phonemes if phoneme.symbol]
    start_s = voiced[0].start_offset.ToNanoseconds() / 1e9 if voiced else 0.0
    end_s = voiced[-1].end_offset.ToNanoseconds() / 1e9 if voiced else samples / sample_rate
    return SpokenLine(path, sample_rate, samples, start_s, min(end_s, samples / sample_rate), timeline, hashlib.sha256(audio).hexdigest())


def _inputs(text: str, voicing: Voicing) -> dict[str, Any]:
    return {"text": text, "locale": voicing.locale, "voice": voicing.voice, "models": [identity(model) for model in voicing.models]}


def voicing_of(voice: tts_pb2.Voice, models: Sequence[Any]) -> Voicing:
    """`models`: those of the voice's engine."""
    return Voicing(voice.locale, voice.id, voice.engine, 1.0, models)
