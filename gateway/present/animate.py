"""Animates one piece of a programme."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict

from gateway.artifacts import StepResult
from gateway.handover import taken_over
from gateway.models import identity
from gateway.present.pieces import Piece
from gateway.progress import StageTracker
from gateway.services import CHUNK_BYTES, Services
from gateway.workflow import Workflow
from locutor.common.v1 import audio_pb2, model_pb2, stored_pb2, video_pb2
from locutor.errors import InternalError
from locutor.lipsync.v1 import lipsync_pb2

_TIMEOUT_S = 120.0
_TIMEOUT_PER_SECOND_S = 60.0
"""For a second of programme on a slow machine that is busy, at the largest size."""


@dataclass(frozen=True)
class Scene:
    """What all pieces of a job show."""

    portrait: str
    """sha256 of the image in the store."""
    background_image: str
    """sha256; empty where there is none."""
    video: video_pb2.VideoFormat
    background: video_pb2.Background
    performance: video_pb2.Performance
    model: model_pb2.Model

    @property
    def inputs(self) -> dict[str, Any]:
        """All that a frame depends on, but for the speech."""
        return {
            "portrait": self.portrait,
            "background_image": self.background_image,
            "video": MessageToDict(self.video),
            "background": MessageToDict(self.background),
            "performance": MessageToDict(self.performance),
            "model": identity(self.model),
        }


@dataclass(frozen=True)
class AnimatedPiece:
    number: int
    path: Path
    """A fragmented MP4 of H.264; fetched from the store where it is needed and not there."""
    sha256: str
    unusable: tuple[str, ...]
    """Spans in which no face could be moved, for people."""


@dataclass(frozen=True)
class PieceSound:
    """The sound of one piece."""

    audio: bytes
    """Signed 16-bit little-endian samples, mono."""
    sample_rate: int
    """Hertz."""
    locale: str
    """BCP 47 locale of the speech."""


async def animate(
    flow: Workflow, stage: StageTracker, services: Services, scene: Scene, piece: Piece, speech: PieceSound, tell: Callable[[int], None]
) -> AnimatedPiece:
    """Make the frames of `piece`. `tell` is called with the number of frames done so far."""
    audio, locale, sample_rate = speech.audio, speech.locale, speech.sample_rate
    path = flow.folder / f"{locale}-{piece.number:05}.mp4"
    sound = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hertz=sample_rate, channels=1)
    config = lipsync_pb2.AnimateConfig(
        video=scene.video,
        audio=sound,
        background=scene.background,
        performance=scene.performance,
        frame_count=piece.frame_count,
        first_frame=piece.first_frame,
        engine=scene.model.engine,
        locale=locale,
        cues=piece.cues,
        output_to_store="lipsync" in flow.store.shared_with,
    )

    async def requests() -> AsyncIterator[lipsync_pb2.AnimateRequest]:
        yield lipsync_pb2.AnimateRequest(config=config)
        async for chunk in flow.store.stream(scene.portrait):
            yield lipsync_pb2.AnimateRequest(portrait=chunk)
        if scene.background_image:
            async for chunk in flow.store.stream(scene.background_image):
                yield lipsync_pb2.AnimateRequest(background_image=chunk)
        yield lipsync_pb2.AnimateRequest(timeline=piece.timeline)
        for begin in range(0, len(audio), CHUNK_BYTES):
            yield lipsync_pb2.AnimateRequest(audio=audio[begin : begin + CHUNK_BYTES])

    async def make() -> tuple[StepResult, AnimatedPiece]:
        seconds = piece.frame_count * scene.video.frame_rate_denominator / scene.video.frame_rate_numerator
        summary: lipsync_pb2.AnimateSummary | None = None
        stored = stored_pb2.StoredMedia()
        hasher = hashlib.sha256()
        call = services.lipsync.Animate(requests(), timeout=_TIMEOUT_S + _TIMEOUT_PER_SECOND_S * seconds)
        try:
            with services.errors("lipsync"), path.open("wb", buffering=0) as file:
                async for response in call:
                    kind = response.WhichOneof("payload")
                    if kind == "fragment":
                        file.write(response.fragment)
                        hasher.update(response.fragment)
                    elif kind == "stored":
                        stored = response.stored
                    elif kind == "progress":
                        tell(response.progress.frames_done)
                    elif kind == "summary":
                        summary = response.summary
        finally:
            call.cancel()
        if summary is None or summary.frame_count != piece.frame_count:
            made = "no summary" if summary is None else f"{summary.frame_count} frames"
            raise InternalError(f"the lipsync service was asked for {piece.frame_count} frames and gave {made}")
        unusable = [f"{span.start_offset.ToTimedelta()} to {span.end_offset.ToTimedelta()}: {span.reason}" for span in summary.unusable]
        blob = await taken_over(flow.store, stored, path, hasher.hexdigest())
        return StepResult({"video": blob}, {"unusable": unusable}), AnimatedPiece(piece.number, path, blob.sha256, tuple(unusable))

    async def load(result: StepResult) -> AnimatedPiece:
        return AnimatedPiece(piece.number, path, result.blobs["video"].sha256, tuple(result.facts["unusable"]))

    inputs = {
        **scene.inputs,
        "first_frame": piece.first_frame,
        "frame_count": piece.frame_count,
        "cues": [MessageToDict(cue) for cue in piece.cues],
        "locale": locale,
        "sample_rate": sample_rate,
        "audio": hashlib.sha256(audio).hexdigest(),
        "timeline": hashlib.sha256(piece.timeline.SerializeToString(deterministic=True)).hexdigest(),
    }
    animated = await flow.step(stage, "animate", inputs, make, load)
    tell(piece.frame_count)
    return animated
