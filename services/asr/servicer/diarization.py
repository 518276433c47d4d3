"""Diarize's messages."""

from __future__ import annotations

from locutor.asr.v1 import asr_pb2
from locutor.errors import InvalidInput
from services.asr.diarization.engine import MOST_SPEAKERS, Diarization, DiarizationOptions, SpeechSpan
from services.engine import ModelInfo
from services.serving.messages import duration, model_message

MOST_SPANS = 200_000
"""Words of about twenty hours."""


def diarization_options(config: asr_pb2.DiarizeConfig) -> DiarizationOptions:
    """What the config asks for. Raises `InvalidInput`."""
    if config.speaker_count > MOST_SPEAKERS:
        raise InvalidInput.of("config.speaker_count", f"found {config.speaker_count}; give at most {MOST_SPEAKERS}, or 0 to have it estimated", "OUT_OF_RANGE")
    if len(config.spans) > MOST_SPANS:
        raise InvalidInput.of("config.spans", f"found {len(config.spans)}; give at most {MOST_SPANS}", "TOO_MANY_SPANS")
    spans: list[SpeechSpan] = []
    previous = latest = 0.0
    for index, span in enumerate(config.spans):
        begin, end = span.start_offset.ToNanoseconds() / 1e9, span.end_offset.ToNanoseconds() / 1e9
        if end < begin or begin < previous:
            raise InvalidInput.of(f"config.spans[{index}]", f"found {begin:g} to {end:g} s; give them in order of time, each with its end last", "BAD_SPAN")
        # Of two that overlap the later one begins where the earlier ends.
        spans.append(SpeechSpan(max(begin, latest), max(end, latest)))
        previous, latest = begin, spans[-1].end_s
    return DiarizationOptions(config.speaker_count, tuple(spans))


def diarize_response(found: Diarization, info: ModelInfo) -> asr_pb2.DiarizeResponse:
    turns = [
        asr_pb2.SpeakerTurn(start_offset=duration(t.start_s), end_offset=duration(t.end_s), speaker=t.speaker, confidence=t.confidence) for t in found.turns
    ]
    speakers = [asr_pb2.Speaker(embedding=s.embedding.tolist(), pitch_hertz=s.pitch_hertz, speech_duration=duration(s.speech_s)) for s in found.speakers]
    return asr_pb2.DiarizeResponse(turns=turns, speakers=speakers, model=model_message(info))
