"""Puts a locale's pieces together: the finished video with its sound, signed, with cover image and subtitles."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.json_format import MessageToJson

from gateway.artifacts import Blob, StepResult, digest_of
from gateway.content import image_type
from gateway.models import ModelUse
from gateway.present.animate import AnimatedPiece
from gateway.present.plan import LocalePlan, PresentPlan
from gateway.present.programme import Programme
from gateway.progress import StageTracker
from gateway.provenance import ConsentRecord, EngineUse, ProvenanceClaim
from gateway.signed import Signer, signed
from gateway.stoppable import Stop, in_thread
from gateway.workflow import Workflow
from locutor.gateway.v1 import job_pb2
from media.clock import PROGRAMME_RATE
from media.cover import write_cover
from media.loudness import WEB, normalise_blocks
from media.mux import mux_program
from media.resample import resample_blocks
from media.subtitle_files import to_srt, to_vtt
from media.subtitles import make_cues

VERSION = "4"
"""Raised whenever an equal programme would be assembled to other bytes that are kept."""

OUTPUTS = {
    "video": (job_pb2.OUTPUT_KIND_VIDEO, "video/mp4", "mp4"),
    "srt": (job_pb2.OUTPUT_KIND_SUBTITLES_SRT, "application/x-subrip", "srt"),
    "vtt": (job_pb2.OUTPUT_KIND_SUBTITLES_VTT, "text/vtt", "vtt"),
    "cover": (job_pb2.OUTPUT_KIND_COVER, "image/jpeg", "jpg"),
    "timeline": (job_pb2.OUTPUT_KIND_TIMELINE, "application/json", "timeline.json"),
}


@dataclass(frozen=True)
class Assembly:
    """What is handed out of one locale."""

    blobs: Mapping[str, Blob]
    facts: Mapping[str, Any]
    """Duration and loudness, for the report."""

    @property
    def outputs(self) -> list[tuple[job_pb2.OutputKind.ValueType, Blob, str, str]]:
        """Kind, bytes, media type and file name's ending of each."""
        return [(kind, self.blobs[name], content_type, suffix) for name, (kind, content_type, suffix) in OUTPUTS.items()]


@dataclass(frozen=True)
class Parts:
    """All that a locale's outputs are made of."""

    spec: job_pb2.PresentSpec
    plan: PresentPlan
    own: LocalePlan
    programme: Programme
    pieces: Sequence[AnimatedPiece]
    uses: Sequence[ModelUse]
    consent_time: datetime
    """When the consent was stated: when the job was created."""
    signer: Signer

    @property
    def title(self) -> str:
        return self.own.script.title or self.plan.title

    @property
    def inputs(self) -> dict[str, Any]:
        """All that the outputs depend on, but for the sound and what is signed, as JSON."""
        return {
            "version": VERSION,
            "pieces": [piece.sha256 for piece in self.pieces],
            "sample_rate": self.programme.sample_rate,
            "frame_rate": str(self.plan.frame_rate),
            "locale": self.own.locale,
            "title": self.title,
            "words": [[text.text, [[w.begin, w.end, str(w.start_s), str(w.end_s)] for w in text.words]] for text in self.programme.timed_texts()],
        }


async def assemble(flow: Workflow, stage: StageTracker, parts: Parts) -> Assembly:
    """Join, mix, sign, and write subtitles and cover. The picture is not encoded again."""

    async def make() -> tuple[StepResult, Assembly]:
        for piece in parts.pieces:
            if not piece.path.exists():
                await flow.store.fetch(piece.sha256, piece.path)
        facts = await in_thread(_Work(flow.folder, parts).run)
        blobs = {name: await flow.store.put_file(flow.folder / f"{parts.own.locale}.{suffix}") for name, (_, _, suffix) in OUTPUTS.items()}
        return StepResult(blobs, facts), Assembly(blobs, facts)

    path = flow.folder / f"{parts.own.locale}.mp4"

    async def load(result: StepResult) -> Assembly:
        return Assembly(result.blobs, result.facts)

    inputs = {**parts.inputs, "sound": await asyncio.to_thread(parts.programme.sound.digest)}
    assembly = await flow.step(stage, "assemble", inputs, make, load)
    face = await flow.store.fetch(digest_of(parts.spec.face_uri), flow.folder / f"{parts.own.locale}.face")
    video, provenance = await signed(flow, stage, path, assembly.blobs["video"], _claim(parts, face), parts.signer)
    stage.add_media(float(parts.programme.duration_s))
    return Assembly({**assembly.blobs, "video": video}, {**assembly.facts, "provenance": provenance})


@dataclass(frozen=True)
class _Work:
    """The part that keeps a thread busy."""

    folder: Path
    parts: Parts

    def run(self, stop: Stop) -> dict[str, Any]:
        parts, programme, locale, rate = self.parts, self.parts.programme, self.parts.own.locale, self.parts.plan.frame_rate
        video = self.folder / f"{locale}.mp4"
        mixed, loudness = normalise_blocks(lambda: stop.between(self._sound()), WEB)
        pieces = stop.between([piece.path for piece in parts.pieces])
        done = mux_program(video, pieces, stop.between(mixed), frame_rate=rate, language=locale, title=parts.title)
        texts = programme.timed_texts()
        cues = make_cues(texts, locale, rate, programme_end_s=programme.duration_s)
        (self.folder / f"{locale}.srt").write_text(to_srt(cues), "utf-8")
        (self.folder / f"{locale}.vtt").write_text(to_vtt(cues), "utf-8")
        (self.folder / f"{locale}.timeline.json").write_text(MessageToJson(programme.timeline(), indent=None, ensure_ascii=False), "utf-8")
        write_cover(video, self.folder / f"{locale}.jpg", 0)
        return {
            "frames": done.frames,
            "duration_s": round(done.duration_s, 6),
            "sound_s": round(float(programme.duration_s), 6),
            "loudness_lufs": _figure(loudness.result.integrated_lufs),
            "true_peak_dbtp": _figure(loudness.result.true_peak_dbtp),
        }

    def _sound(self) -> Iterator[np.ndarray]:
        return resample_blocks(self.parts.programme.sound.blocks(), self.parts.programme.sample_rate, PROGRAMME_RATE)


def _claim(parts: Parts, face: Path) -> ProvenanceClaim:
    consent = parts.spec.consent
    return ProvenanceClaim(
        title=parts.title,
        locale=parts.own.locale,
        engines=tuple(_engine_use(use) for use in parts.uses),
        script_sha256=hashlib.sha256("\n".join(text.text for text in parts.programme.timed_texts()).encode()).hexdigest(),
        face=face.read_bytes(),
        face_media_type=image_type(face, "present.face_uri"),
        consent=ConsentRecord(consent.stated_by, consent.statement, parts.consent_time),
    )


def _engine_use(use: ModelUse) -> EngineUse:
    model = use.model
    return EngineUse(use.stage, model.engine, model.engine_version, model.name, {file.name: file.sha256 for file in model.weights})


def _figure(value: float) -> float | None:
    """JSON has no infinity: silence has no loudness."""
    return round(value, 2) if isfinite(value) else None
