"""Streams that begin with a config and go on with audio: what Recognize, Diarize and Separate have in common."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from locutor.common.v1 import audio_pb2
from locutor.errors import InvalidInput
from services.asr.media_file import sound_of
from services.asr.pcm import PcmReader
from services.serving import EnginePool
from services.serving.uploads import Admitted

LARGEST_FILE_BYTES = 2 * 1024**3
MOST_FILE_BYTES = 2 * LARGEST_FILE_BYTES
"""Of all files that are being heard: they lie in the folder for temporary files, which may be memory."""


async def config_of(requests: AsyncIterator[Any]) -> Any:
    """The config that a stream begins with. Raises `InvalidInput` where it begins with something else."""
    first = await anext(aiter(requests), None)
    if first is None or first.WhichOneof("payload") != "config":
        raise InvalidInput.of("config", f"found {_found(first)} as the first message; send `config` first, then `audio`", "CONFIG_MISSING")
    return first.config


async def audio_of(requests: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    """The audio that follows. Raises `InvalidInput` where something else does."""
    async for request in requests:
        if request.WhichOneof("payload") != "audio":
            raise InvalidInput.of("audio", f"found {_found(request)} after the config; send `audio` messages only", "AUDIO_EXPECTED")
        yield request.audio


@contextmanager
def fields_of(message: str) -> Iterator[None]:
    """Fields that an engine finds fault with are named by their path in the request."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput([replace(v, field=f"{message}.{v.field}") for v in error.violations]) from error


def is_file(format: audio_pb2.AudioFormat) -> bool:
    return bool(format.encoding == audio_pb2.AUDIO_ENCODING_FILE)


def pcm_reader(format: audio_pb2.AudioFormat) -> PcmReader:
    """Raises `InvalidInput` for a format that is no PCM, or that is out of range."""
    if format.encoding != audio_pb2.AUDIO_ENCODING_PCM_S16LE:
        raise InvalidInput.of(
            "config.format.encoding", f"found {format.encoding}; give AUDIO_ENCODING_PCM_S16LE or AUDIO_ENCODING_FILE", "UNSUPPORTED_ENCODING"
        )
    return PcmReader(format.sample_rate_hertz, format.channels)


async def blocks_of_file(requests: AsyncIterator[Any], admitted: Admitted, pool: EnginePool) -> AsyncGenerator[np.ndarray, None]:
    """(n,) float32 at 16 kHz, a second at a time, of the media file that is sent."""
    with tempfile.TemporaryDirectory(prefix="locutor-asr-") as folder:
        path = Path(folder) / "media"
        await _receive(requests, admitted, path)
        with closing(sound_of(path)) as blocks:
            while (samples := await pool.run(next, blocks, None)) is not None:
                yield samples


def check_heard(heard_s: float) -> None:
    """Raises `InvalidInput` where a stream has ended without a sample."""
    if heard_s == 0:
        raise InvalidInput.of("audio", "no audio arrived; send messages with `audio` after the config", "EMPTY_AUDIO")


async def _receive(requests: AsyncIterator[Any], admitted: Admitted, path: Path) -> None:
    with path.open("wb") as file:
        async for data in audio_of(requests):
            if admitted.size + len(data) > LARGEST_FILE_BYTES:
                raise InvalidInput.of("audio", f"the file is larger than {LARGEST_FILE_BYTES // 1024**2} MiB; send its audio track alone", "FILE_TOO_LARGE")
            admitted.hold(len(data))
            await asyncio.to_thread(file.write, data)


def _found(request: Any) -> str:
    return "the end of the stream" if request is None else f"`{request.WhichOneof('payload')}`" if request.WhichOneof("payload") else "an empty message"
