"""One locale's sound: the dubbed voices with what is kept of the original."""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from gateway.artifacts import Blob, StepResult
from gateway.dub.separate import Separated
from gateway.dub.source import Source, blocks_of
from gateway.dub.voice import DubbedLine, placements
from gateway.progress import StageTracker
from gateway.stoppable import Stop, in_thread
from gateway.workflow import Workflow
from locutor.gateway.v1 import dub_pb2, job_pb2
from media.clock import PROGRAMME_RATE, seconds_to_samples
from media.dub_mix import DubMix, SoundReader, mix_dub
from media.loudness import BROADCAST, WEB
from media.speech_level import SpeechSpan

VERSION = "2"
"""Raised whenever equal lines would be mixed to other sound that is kept."""
_TARGETS = {dub_pb2.LOUDNESS_TARGET_WEB: WEB, dub_pb2.LOUDNESS_TARGET_BROADCAST: BROADCAST}
_SAMPLE_BYTES = 2


@dataclass(frozen=True)
class Mixed:
    path: Path
    """WAV, 16 bits, stereo, 48 kHz, as long as the picture."""
    blob: Blob
    facts: dict[str, Any]
    """What is kept of the original sound, and levels, for the report."""


async def mix(
    flow: Workflow, stage: StageTracker, source: Source, spec: job_pb2.DubSpec, locale: str, dubbed: Sequence[DubbedLine], separated: Separated | None
) -> Mixed:
    """`separated`: what a separation engine has left of the original sound; None: none was to."""
    path = flow.folder / f"{locale}.wav"
    background = _background(source, spec, separated)
    length = source.picture.samples
    spans = [SpeechSpan(seconds_to_samples(one.line.source.start_s), seconds_to_samples(one.line.source.end_s), one.line.source.speaker) for one in dubbed]
    parts = DubMix(
        length=length,
        placements=placements(dubbed, length),
        background=background,
        ducked=keeps_voices(source, spec, separated),
        source=partial(blocks_of, source.sound) if source.sound is not None else None,
        source_spans=spans,
        target=_TARGETS.get(spec.loudness),
    )

    kept = "none" if background is None else "separated" if separated is not None else "ducked" if parts.ducked else "given"

    async def make() -> tuple[StepResult, Mixed]:
        levels = await in_thread(lambda stop: _write(path, _stopping(parts, stop), stop, lambda share: stage.advance(0.999 * share)))
        facts = {"background": kept, **levels}
        blob = await flow.store.put_file(path)
        return StepResult({"sound": blob}, facts), Mixed(path, blob, facts)

    async def load(result: StepResult) -> Mixed:
        blob = result.blobs["sound"]
        await flow.store.fetch(blob.sha256, path)
        return Mixed(path, blob, dict(result.facts))

    inputs = {
        "version": VERSION,
        "video": source.sha256,
        "track": spec.audio_track,
        "music_and_effects": spec.music_and_effects_uri,
        "background": kept,
        "separated": separated.sha256 if separated is not None else "",
        "target": asdict(parts.target) if parts.target is not None else None,
        "spans": [[span.start, span.end, span.speaker] for span in spans],
        "speech": [[place.start, place.length, one.speech.sha256] for place, one in zip(parts.placements, dubbed, strict=True)],
    }
    mixed = await flow.step(stage, "mix", inputs, make, load)
    stage.add_media(source.duration_s)
    stage.end(job_pb2.STATE_SUCCEEDED)
    return mixed


def keeps_voices(source: Source, spec: job_pb2.DubSpec, separated: Separated | None) -> bool:
    """Whether the original voices are in what is kept of the original sound: they are heard where nothing is said over them."""
    taken_out = separated is not None or spec.background_sound == dub_pb2.BACKGROUND_SOUND_NONE
    return not taken_out and source.sound is not None and source.music_and_effects is None


def wav_blocks(path: Path) -> Iterator[np.ndarray]:
    """(n, 2) float32, a second at a time."""
    with wave.open(str(path), "rb") as file:
        while data := file.readframes(PROGRAMME_RATE):
            yield np.frombuffer(data, np.dtype("<i2")).reshape(-1, 2).astype(np.float32) / np.float32(32768)


def _background(source: Source, spec: job_pb2.DubSpec, separated: Separated | None) -> SoundReader | None:
    if source.music_and_effects is not None:
        return partial(blocks_of, source.music_and_effects)
    if spec.background_sound == dub_pb2.BACKGROUND_SOUND_NONE:
        return None
    if separated is not None:
        return partial(blocks_of, separated.sound)
    return partial(blocks_of, source.sound) if source.sound is not None else None


def _stopping(parts: DubMix, stop: Stop) -> DubMix:
    """With inputs that are read no further once the work is to end."""

    def stopping(read: SoundReader | None) -> SoundReader | None:
        return (lambda: stop.between(read())) if read is not None else None

    return replace(parts, background=stopping(parts.background), source=stopping(parts.source))


def _write(path: Path, parts: DubMix, stop: Stop, tell: Callable[[float], None]) -> dict[str, Any]:
    blocks, report = mix_dub(parts)
    tell(0.6)
    written = 0
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(_SAMPLE_BYTES)
        file.setframerate(PROGRAMME_RATE)
        for block in stop.between(blocks):
            file.writeframesraw((np.clip(block, -1.0, 1.0) * 32767).round().astype("<i2").tobytes())
            written += len(block)
            tell(0.6 + 0.4 * written / parts.length)
    done = report.normalisation
    return {
        "loudness_lufs": _figure(done.result.integrated_lufs),
        "true_peak_dbtp": _figure(done.result.true_peak_dbtp),
        "source_loudness_lufs": _figure(report.source.programme.integrated_lufs) if report.source is not None else None,
        "target_loudness_lufs": _figure(report.target.integrated_lufs),
        "speech_gain_db": {speaker: round(gain, 2) for speaker, gain in report.speech_gain_db.items()},
        "limited_db": round(done.limited_db, 2),
    }


def _figure(value: float) -> float | None:
    """JSON has no infinity: silence has no loudness."""
    return round(value, 2) if isfinite(value) else None
