"""Who speaks when, and how each of them sounds."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.json_format import MessageToDict, ParseDict

from gateway.artifacts import StepResult
from gateway.dub.cast import Heard
from gateway.dub.listen import HeardWord, speech_format, speech_requests
from gateway.dub.source import Source
from gateway.dub.utterances import SpokenWord
from gateway.models import identity
from gateway.progress import StageTracker
from gateway.services import Services
from gateway.workflow import Workflow
from locutor.asr.v1 import asr_pb2
from locutor.common.v1 import model_pb2

_TIMEOUT_S = 600.0
_TIMEOUT_PER_SECOND_S = 2.0


@dataclass(frozen=True)
class Diarized:
    turns: tuple[tuple[float, float, int], ...]
    """Start and end in seconds from the first picture, and index into `speakers`; in order."""
    speakers: tuple[Heard, ...]
    models: tuple[model_pb2.Model, ...]
    """What told them apart."""


async def diarize(
    flow: Workflow,
    stage: StageTracker,
    services: Services,
    source: Source,
    spans: Sequence[tuple[float, float]],
    speaker_count: int,
    models: Sequence[model_pb2.Model],
) -> Diarized:
    """`spans`: where speech is, seconds, in order; a speaker changes only between two. `models`: all of the asr service."""
    assert source.sound is not None
    sound = source.sound
    config = asr_pb2.DiarizeConfig(format=speech_format(), speaker_count=speaker_count)
    for start_s, end_s in spans:
        span = config.spans.add()
        span.start_offset.FromNanoseconds(round(start_s * 1e9))
        span.end_offset.FromNanoseconds(round(end_s * 1e9))

    async def make() -> tuple[StepResult, Diarized]:
        with services.errors("asr"):
            response = await services.asr.Diarize(
                speech_requests(asr_pb2.DiarizeRequest, config, sound), timeout=_TIMEOUT_S + _TIMEOUT_PER_SECOND_S * source.duration_s
            )
        found = Diarized(
            tuple((turn.start_offset.ToNanoseconds() / 1e9, turn.end_offset.ToNanoseconds() / 1e9, turn.speaker) for turn in response.turns),
            tuple(Heard(tuple(speaker.embedding), speaker.pitch_hertz) for speaker in response.speakers),
            (response.model,),
        )
        speakers = [[speaker.embedding, speaker.pitch_hertz] for speaker in found.speakers]
        kept = {"turns": found.turns, "speakers": speakers, "model": MessageToDict(response.model)}
        return StepResult({"diarization": await flow.store.put_bytes(json.dumps(kept).encode())}), found

    async def load(result: StepResult) -> Diarized:
        kept = json.loads(await flow.store.read(result.blobs["diarization"].sha256))
        speakers = tuple(Heard(tuple(embedding), pitch) for embedding, pitch in kept["speakers"])
        return Diarized(tuple(tuple(turn) for turn in kept["turns"]), speakers, (ParseDict(kept["model"], model_pb2.Model()),))

    inputs = {
        "sound": sound.digest,
        "config": hashlib.sha256(config.SerializeToString(deterministic=True)).hexdigest(),
        "models": [identity(model) for model in models if model.installed],
    }
    return await flow.step(stage, "tell-speakers", inputs, make, load)


def with_speakers(words: Sequence[HeardWord], diarized: Diarized) -> list[SpokenWord]:
    """Each word with the speaker in whose turn its middle lies, or whose turn is nearest."""
    if not diarized.turns:
        return [SpokenWord(word.text, word.start_s, word.end_s, 0) for word in words]
    starts = [start for start, _, _ in diarized.turns]
    spoken = []
    for word in words:
        middle = (word.start_s + word.end_s) / 2
        at = max(0, bisect_right(starts, middle) - 1)
        near = diarized.turns[at : at + 2]
        speaker = min(near, key=lambda turn: max(0.0, turn[0] - middle, middle - turn[1]))[2]
        spoken.append(SpokenWord(word.text, word.start_s, word.end_s, speaker))
    return spoken
