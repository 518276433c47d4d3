"""Recognize's messages, and how its audio is fed to a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from functools import partial

import numpy as np

from locutor.asr.v1 import asr_pb2
from services.asr.engine import LanguageDetection, RecognitionStream, Segment
from services.asr.pcm import PcmReader
from services.asr.servicer.uploads import audio_of, check_heard
from services.serving.messages import duration

_LIVE_SHARE = 0.5
"""A sender is live if we wait for a chunk at least so much of the chunk's own time."""

Turn = Callable[[], Iterator[LanguageDetection | Segment]]
"""What a stream does in the pool before it lets others in."""


async def turns_of_pcm(requests: AsyncIterator[asr_pb2.RecognizeRequest], pcm: PcmReader, stream: RecognitionStream) -> AsyncGenerator[Turn, None]:
    clock = asyncio.get_running_loop().time
    asked = clock()
    async for data in audio_of(requests):
        live = clock() - asked >= _LIVE_SHARE * pcm.seconds(data)
        yield partial(stream.accept, pcm.accept(data), caught_up=live)
        asked = clock()
    yield partial(stream.accept, pcm.finish(), caught_up=False)
    check_heard(stream.heard_s)
    yield stream.finish


async def turns_of_blocks(blocks: AsyncGenerator[np.ndarray, None], stream: RecognitionStream) -> AsyncGenerator[Turn, None]:
    async with aclosing(blocks):
        async for samples in blocks:
            yield partial(stream.accept, samples, caught_up=False)
    yield stream.finish


def recognize_response(event: LanguageDetection | Segment) -> asr_pb2.RecognizeResponse:
    if isinstance(event, LanguageDetection):
        return asr_pb2.RecognizeResponse(language=asr_pb2.LanguageDetection(locale=event.locale, probability=event.probability))
    words = [
        asr_pb2.RecognizedWord(text=w.text, start_offset=duration(w.start_s), end_offset=duration(w.end_s), probability=w.probability) for w in event.words
    ]
    return asr_pb2.RecognizeResponse(
        segment=asr_pb2.Segment(
            text=event.text,
            start_offset=duration(event.start_s),
            end_offset=duration(event.end_s),
            words=words,
            mean_log_probability=event.mean_log_probability,
            no_speech_probability=event.no_speech_probability,
        )
    )
