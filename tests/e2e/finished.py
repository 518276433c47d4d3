"""Reading a finished video as its viewer would: what is heard in it, and the sounds that its timeline names."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import Parse

from locutor.address import CHANNEL_OPTIONS, Address
from locutor.asr.v1 import asr_pb2, asr_pb2_grpc
from locutor.common.v1 import audio_pb2, timeline_pb2
from services.asr.servicer import AsrServicer
from services.lipsync.engine import PhonemeSpan
from services.serving import GrpcServer, ServingSettings
from services.tts.normalize.reader import reader_of
from services.weights import ModelStore


def read_timeline(path: Path) -> timeline_pb2.Timeline:
    """The job's output of that name."""
    return Parse(path.read_text("utf-8"), timeline_pb2.Timeline())


def phonemes_of(timeline: timeline_pb2.Timeline) -> list[PhonemeSpan]:
    return [PhonemeSpan(p.symbol, _seconds(p.start_offset), _seconds(p.end_offset), p.stressed) for p in timeline.phonemes]


def _seconds(offset: Duration) -> float:
    return offset.ToNanoseconds() / 1e9


def words(text: str, locale: str) -> str:
    """Letters alone, numbers written out: "12" and "twelve" are the same word."""
    return " ".join(re.findall(r"\w+", reader_of(locale).read(text).spoken.lower()))


async def transcribed(locale: str, video: Path) -> str:
    """What the asr service hears in a video file."""
    settings = ServingSettings()
    server = GrpcServer([AsrServicer(settings, ModelStore())], settings)
    await server.start()
    try:
        async with grpc.aio.insecure_channel(Address.parse(server.address).target, options=CHANNEL_OPTIONS) as channel:

            async def requests() -> AsyncIterator[asr_pb2.RecognizeRequest]:
                form = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_FILE)
                yield asr_pb2.RecognizeRequest(config=asr_pb2.RecognizeConfig(format=form, locale=locale))
                with video.open("rb") as file:
                    while chunk := file.read(256 * 1024):
                        yield asr_pb2.RecognizeRequest(audio=chunk)

            call = asr_pb2_grpc.AsrServiceStub(channel).Recognize(requests())
            return " ".join([answer.segment.text async for answer in call if answer.WhichOneof("payload") == "segment"])
    finally:
        await server.stop(0)
