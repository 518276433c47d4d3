"""What is said in the video, word by word: recognised, or read from subtitles; and in which language."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from gateway.artifacts import StepResult
from gateway.dub.sound import KeptSound
from gateway.dub.source import Source
from gateway.models import identity
from gateway.progress import StageTracker
from gateway.services import Services
from gateway.workflow import Workflow
from locutor.asr.v1 import asr_pb2
from locutor.common.v1 import audio_pb2, model_pb2
from media.clock import PROGRAMME_RATE
from media.resample import resample_blocks

SPEECH_RATE = 16_000
"""Hertz: all that recognition hears."""
_TIMEOUT_S = 600.0
_TIMEOUT_PER_SECOND_S = 5.0
_DETECT_FROM_S = 120
"""Seconds of sound from which a language is told."""
_NOTHING_HEARD = -1.0
"""Mean log probability under which a segment without words of its own is noise that was taken for speech."""
_NO_SPEECH = 0.8


@dataclass(frozen=True)
class HeardWord:
    """Seconds count from the first picture."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Language:
    locale: str
    """BCP 47; empty where nothing was said."""
    probability: float
    """0 to 1."""


@dataclass(frozen=True)
class Transcript:
    words: tuple[HeardWord, ...]
    language: Language


async def recognize(flow: Workflow, stage: StageTracker, services: Services, source: Source, locale: str, hint: str, model: model_pb2.Model) -> Transcript:
    """The words of the video's sound. `locale`: BCP 47; empty: detected. `hint`: names and terms to expect."""
    assert source.sound is not None
    sound = source.sound
    config = asr_pb2.RecognizeConfig(format=speech_format(), locale=locale, hint=hint, engine=model.engine)

    async def make() -> tuple[StepResult, Transcript]:
        words: list[HeardWord] = []
        language = Language(locale, 1.0 if locale else 0.0)
        call = services.asr.Recognize(speech_requests(asr_pb2.RecognizeRequest, config, sound), timeout=_timeout(source))
        try:
            with services.errors("asr"):
                async for response in call:
                    kind = response.WhichOneof("payload")
                    if kind == "language":
                        language = Language(response.language.locale, response.language.probability)
                    elif kind == "segment":
                        words += _words(response.segment)
                        stage.advance(0.999 * response.segment.end_offset.ToNanoseconds() / 1e9 / source.duration_s)
        finally:
            call.cancel()
        transcript = Transcript(tuple(words), language)
        return StepResult({"transcript": await flow.store.put_bytes(_to_json(transcript))}), transcript

    async def load(result: StepResult) -> Transcript:
        return _from_json(await flow.store.read(result.blobs["transcript"].sha256))

    inputs = {"sound": sound.digest, "locale": locale, "hint": hint, "model": identity(model)}
    return await flow.step(stage, "recognize", inputs, make, load)


async def detect_language(flow: Workflow, stage: StageTracker, services: Services, source: Source, model: model_pb2.Model) -> Language:
    """The language of the first speech, whatever anybody said of it. Its locale is empty where nothing is said in the first minutes."""
    assert source.sound is not None
    sound = source.sound
    config = asr_pb2.RecognizeConfig(format=speech_format(), omit_words=True, engine=model.engine)

    async def make() -> tuple[StepResult, Language]:
        found = Language("", 0.0)
        call = services.asr.Recognize(speech_requests(asr_pb2.RecognizeRequest, config, sound, _DETECT_FROM_S), timeout=_timeout(source))
        try:
            with services.errors("asr"):
                async for response in call:
                    if response.WhichOneof("payload") == "language":
                        found = Language(response.language.locale, response.language.probability)
                        break
        finally:
            call.cancel()
        return StepResult(facts={"locale": found.locale, "probability": found.probability}), found

    async def load(result: StepResult) -> Language:
        return Language(result.facts["locale"], result.facts["probability"])

    inputs = {"sound": sound.digest_of(0, _DETECT_FROM_S * PROGRAMME_RATE), "seconds": _DETECT_FROM_S, "model": identity(model)}
    return await flow.step(stage, "detect_language", inputs, make, load)


async def speech_requests(request: Any, config: Any, sound: KeptSound, seconds: int | None = None) -> AsyncIterator[Any]:
    """Messages of the type `request`: `config`, then the sound, or its first `seconds`, as recognition hears it."""
    yield request(config=config)
    await sound.bring(0, min(sound.samples, seconds * PROGRAMME_RATE) if seconds is not None else None)
    mono = (block.mean(axis=1) for block in islice(sound.blocks(), seconds))
    blocks = resample_blocks(mono, PROGRAMME_RATE, SPEECH_RATE)
    while (block := await asyncio.to_thread(next, blocks, None)) is not None:
        yield request(audio=(np.clip(block, -1.0, 1.0) * 32767).round().astype("<i2").tobytes())


def speech_format() -> audio_pb2.AudioFormat:
    return audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hertz=SPEECH_RATE, channels=1)


def _words(segment: asr_pb2.Segment) -> list[HeardWord]:
    if segment.no_speech_probability > _NO_SPEECH and segment.mean_log_probability < _NOTHING_HEARD:
        return []
    found = [HeardWord(word.text.strip(), word.start_offset.ToNanoseconds() / 1e9, word.end_offset.ToNanoseconds() / 1e9) for word in segment.words]
    return [word for word in found if any(character.isalnum() for character in word.text)]


def _timeout(source: Source) -> float:
    return _TIMEOUT_S + _TIMEOUT_PER_SECOND_S * source.duration_s


def _to_json(transcript: Transcript) -> bytes:
    words = [[word.text, word.start_s, word.end_s] for word in transcript.words]
    return json.dumps({"language": [transcript.language.locale, transcript.language.probability], "words": words}, ensure_ascii=False).encode()


def _from_json(data: bytes) -> Transcript:
    kept = json.loads(data)
    return Transcript(tuple(HeardWord(*word) for word in kept["words"]), Language(*kept["language"]))
