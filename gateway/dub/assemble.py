"""Puts a locale together: picture and sound, signed, with subtitles, cover, timeline and utterances."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from google.protobuf.json_format import MessageToJson

from gateway.artifacts import Blob, StepResult
from gateway.dub.footage import output_rate
from gateway.dub.lips import LipsPieces
from gateway.dub.mix import Mixed, wav_blocks
from gateway.dub.source import Source
from gateway.dub.voice import DubbedLine, programme_timeline, timed_texts
from gateway.models import ModelUse
from gateway.progress import StageTracker
from gateway.provenance import ConsentRecord, EngineUse, ProvenanceClaim, sign_video
from gateway.signing_key import SigningKey
from gateway.workflow import Workflow
from locutor.gateway.v1 import job_pb2
from media.copy_mux import copy_mux
from media.cover import write_cover
from media.mux import mux_program
from media.subtitle_files import to_srt, to_vtt
from media.subtitles import make_cues
from media.ttml import to_ttml

VERSION = "1"
"""Raised whenever equal parts would be assembled to other bytes that are kept."""

OUTPUTS = {
    "video": (job_pb2.OUTPUT_KIND_VIDEO, "video/mp4", "mp4"),
    "srt": (job_pb2.OUTPUT_KIND_SUBTITLES_SRT, "application/x-subrip", "srt"),
    "vtt": (job_pb2.OUTPUT_KIND_SUBTITLES_VTT, "text/vtt", "vtt"),
    "ttml": (job_pb2.OUTPUT_KIND_SUBTITLES_TTML, "application/ttml+xml", "ttml"),
    "cover": (job_pb2.OUTPUT_KIND_COVER, "image/jpeg", "jpg"),
    "timeline": (job_pb2.OUTPUT_KIND_TIMELINE, "application/json", "timeline.json"),
}


@dataclass(frozen=True)
class Assembly:
    blobs: Mapping[str, Blob]
    facts: Mapping[str, Any]
    """For the report."""


@dataclass(frozen=True)
class Parts:
    """All that a locale's outputs are made of."""

    spec: job_pb2.DubSpec
    source: Source
    locale: str
    title: str
    dubbed: Sequence[DubbedLine]
    mixed: Mixed
    lips: LipsPieces | None
    """None: the picture stays as it is."""
    uses: Sequence[ModelUse]
    consent_time: datetime
    signing_key: SigningKey

    @property
    def inputs(self) -> dict[str, Any]:
        """All that the outputs depend on, as JSON."""
        return {
            "version": VERSION,
            "video": self.source.sha256,
            "sound": self.mixed.blob.sha256,
            "lips": [piece.sha256 for piece in self.lips.pieces] if self.lips is not None else None,
            "locale": self.locale,
            "title": self.title,
            "words": [[text.text, [[w.begin, w.end, str(w.start_s), str(w.end_s)] for w in text.words]] for text in timed_texts(self.dubbed)],
            "consent": [self.spec.consent.stated_by, self.spec.consent.statement],
            "models": [use.key for use in self.uses],
            "signer": hashlib.sha256(self.signing_key.certificates_pem).hexdigest(),
        }


async def assemble(flow: Workflow, stage: StageTracker, parts: Parts) -> Assembly:
    """The picture is copied, or joined from the pieces in which lips were moved; it is not encoded again."""

    async def make() -> tuple[StepResult, Assembly]:
        facts = await asyncio.to_thread(_run, flow, parts)
        blobs = {name: await flow.store.put_file(flow.folder / f"{parts.locale}.{suffix}") for name, (_, _, suffix) in OUTPUTS.items()}
        return StepResult(blobs, facts), Assembly(blobs, facts)

    async def load(result: StepResult) -> Assembly:
        return Assembly(result.blobs, result.facts)

    assembly = await flow.step(stage, "assemble-dub", parts.inputs, make, load)
    stage.add_media(parts.source.duration_s)
    stage.end(job_pb2.STATE_SUCCEEDED)
    return assembly


def _run(flow: Workflow, parts: Parts) -> dict[str, Any]:
    folder, locale, picture = flow.folder, parts.locale, parts.source.picture
    video, unsigned = folder / f"{locale}.mp4", folder / f"{locale}.unsigned.mp4"
    sound = wav_blocks(parts.mixed.path)
    if parts.lips is None or not parts.lips.changed_frames:
        copied = copy_mux(unsigned, parts.source.video, sound, language=locale, title=parts.title, field="dub.video_uri")
        frames = copied.pictures
    else:
        joined = mux_program(unsigned, [piece.path for piece in parts.lips.pieces], sound, frame_rate=output_rate(picture), language=locale, title=parts.title)
        frames = joined.frames
    provenance = sign_video(unsigned, video, _claim(parts), parts.signing_key)
    unsigned.unlink()
    cues = make_cues(timed_texts(parts.dubbed), locale, picture.frame_rate, programme_end_s=picture.duration_s)
    (folder / f"{locale}.srt").write_text(to_srt(cues), "utf-8")
    (folder / f"{locale}.vtt").write_text(to_vtt(cues), "utf-8")
    (folder / f"{locale}.ttml").write_text(to_ttml(cues, locale, parts.title), "utf-8")
    (folder / f"{locale}.timeline.json").write_text(MessageToJson(programme_timeline(parts.dubbed), indent=None, ensure_ascii=False), "utf-8")
    write_cover(video, folder / f"{locale}.jpg", 0)
    return {"frames": frames, "duration_s": round(float(picture.duration_s), 6), "provenance": asdict(provenance)}


def _claim(parts: Parts) -> ProvenanceClaim:
    consent = parts.spec.consent
    return ProvenanceClaim(
        title=parts.title,
        locale=parts.locale,
        engines=tuple(_engine_use(use) for use in parts.uses),
        script_sha256=hashlib.sha256("\n".join(one.text for one in parts.dubbed).encode()).hexdigest(),
        video=parts.source.video,
        video_sha256=parts.source.sha256,
        moved_lips=parts.lips is not None and parts.lips.changed_frames > 0,
        consent=ConsentRecord(consent.stated_by, consent.statement, parts.consent_time),
    )


def _engine_use(use: ModelUse) -> EngineUse:
    model = use.model
    return EngineUse(use.stage, model.engine, model.engine_version, model.name, {file.name: file.sha256 for file in model.weights})
