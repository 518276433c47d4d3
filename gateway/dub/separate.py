"""The original sound without its speech, by a separation engine: once for all locales."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from gateway.artifacts import StepResult
from gateway.dub.sound import KeptSound, keep_sound
from gateway.dub.source import Source
from gateway.handover import taken_over
from gateway.media_process import Sound
from gateway.models import identity
from gateway.progress import StageTracker
from gateway.services import Services
from gateway.stoppable import Stop, in_thread
from gateway.workflow import Workflow
from locutor.asr.v1 import separation_pb2
from locutor.common.v1 import audio_pb2, model_pb2, stored_pb2
from locutor.errors import InternalError
from media.clock import PROGRAMME_RATE
from media.loudness import EnergyMeter
from media.sound_pieces import write_pieces

_TIMEOUT_S = 1800.0
_TIMEOUT_PER_SECOND_S = 20.0
_SAMPLE_BYTES = 4
"""Two channels of signed 16 bits."""


@dataclass(frozen=True)
class Separated:
    sound: KeptSound
    model: model_pb2.Model
    """The engine's."""


async def separate(flow: Workflow, stage: StageTracker, services: Services, source: Source, model: model_pb2.Model) -> Separated:
    """Raises `InternalError` where the engine gives another number of samples than it was sent."""
    assert source.sound is not None
    sound, folder = source.sound, flow.folder / "separated"
    folder.mkdir(exist_ok=True)
    format_ = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hertz=PROGRAMME_RATE, channels=2)
    config = separation_pb2.SeparateConfig(format=format_, engine=model.engine, output_to_store="asr" in flow.store.shared_with)

    async def requests() -> AsyncIterator[separation_pb2.SeparateRequest]:
        yield separation_pb2.SeparateRequest(config=config)
        await sound.bring()
        blocks = sound.blocks()
        while (block := await asyncio.to_thread(next, blocks, None)) is not None:
            yield separation_pb2.SeparateRequest(audio=(np.clip(block, -1.0, 1.0) * 32767).round().astype("<i2").tobytes())

    async def make() -> tuple[StepResult, Separated]:
        raw = folder / "raw.s16"
        call = services.separation.Separate(requests(), timeout=_TIMEOUT_S + _TIMEOUT_PER_SECOND_S * source.duration_s)
        size, hasher, stored = 0, hashlib.sha256(), stored_pb2.StoredMedia()
        try:
            with services.errors("asr"), raw.open("wb") as file:
                async for response in call:
                    if response.WhichOneof("payload") == "stored":
                        stored = response.stored
                    file.write(response.background)
                    hasher.update(response.background)
                    size += len(response.background)
                    stage.advance(size / _SAMPLE_BYTES / sound.samples)
        finally:
            call.cancel()
        if (size or stored.size_bytes) != sound.samples * _SAMPLE_BYTES:
            raise InternalError(f"the separation service was sent {sound.samples} samples and gave {(size or stored.size_bytes) // _SAMPLE_BYTES}")
        if stored.uri:
            await taken_over(flow.store, stored, raw, hasher.hexdigest())
        decoded = await in_thread(lambda stop: _as_sound(raw, folder, sound.samples, sound.heard_s, stop))
        made = await keep_sound(flow.store, decoded)
        return made, Separated(KeptSound(flow.store, folder, made), model)

    async def load(result: StepResult) -> Separated:
        return Separated(KeptSound(flow.store, folder, result), model)

    return await flow.step(stage, "separate", {"sound": sound.digest, "model": identity(model)}, make, load)


def _as_sound(raw: Path, folder: Path, samples: int, heard_s: float, stop: Stop) -> Sound:
    meter = EnergyMeter()

    def measured() -> Iterator[np.ndarray]:
        with raw.open("rb") as source:
            for data in stop.between(iter(partial(source.read, PROGRAMME_RATE * _SAMPLE_BYTES), b"")):
                block = np.frombuffer(data, np.dtype("<i2")).reshape(-1, 2).astype(np.float32) / np.float32(32768)
                meter.push(block)
                yield block

    pieces = tuple(write_pieces(measured(), folder))
    loudness = folder / "loudness.npy"
    np.save(loudness, meter.energies())
    raw.unlink()
    return Sound(pieces, loudness, samples, heard_s, "")
