"""Puts a locale together: picture and sound, signed, with subtitles, cover, timeline and utterances."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
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
from media.burn import burned_pieces
from media.clock import nearest
from media.copy_mux import copy_mux, copy_obstacle
from media.cover import write_cover
from media.footage import Stretch
from media.mux import mux_program
from media.subtitle_files import to_srt, to_vtt
from media.subtitles import Cue, make_cues
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
    burn_in: bool
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
            "burn_in": self.burn_in,
            "locale": self.locale,
            "title": self.title,
            "words": [[text.text, [[w.begin, w.end, str(w.start_s), str(w.end_s)] for w in text.words]] for text in timed_texts(self.dubbed)],
            "consent": [self.spec.consent.stated_by, self.spec.consent.statement],
            "models": [use.key for use in self.uses],
            "signer": hashlib.sha256(self.signing_key.certificates_pem).hexdigest(),
        }


async def assemble(flow: Workflow, stage: StageTracker, parts: Parts) -> Assembly:
    """The picture is copied, or joined from the pieces in which lips were moved; it is encoded again only for subtitles, or where MP4 does not hold it."""

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
    cues = make_cues(timed_texts(parts.dubbed), locale, picture.frame_rate, programme_end_s=picture.duration_s)
    video, unsigned = folder / f"{locale}.mp4", folder / f"{locale}.unsigned.mp4"
    kind, frames = _join(unsigned, parts, cues)
    provenance = sign_video(unsigned, video, _claim(parts), parts.signing_key)
    unsigned.unlink()
    (folder / f"{locale}.srt").write_text(to_srt(cues), "utf-8")
    (folder / f"{locale}.vtt").write_text(to_vtt(cues), "utf-8")
    (folder / f"{locale}.ttml").write_text(to_ttml(cues, locale, parts.title), "utf-8")
    (folder / f"{locale}.timeline.json").write_text(MessageToJson(programme_timeline(parts.dubbed), indent=None, ensure_ascii=False), "utf-8")
    write_cover(video, folder / f"{locale}.jpg", 0)
    return {"picture": kind, "frames": frames, "duration_s": round(float(picture.duration_s), 6), "provenance": asdict(provenance)}


def _join(path: Path, parts: Parts, cues: Sequence[Cue]) -> tuple[str, int]:
    """Write picture and sound; returns what was done to the picture, and its number of frames."""
    source, locale, rate = parts.source, parts.locale, output_rate(parts.source.picture)
    sound = partial(wav_blocks, parts.mixed.path)
    moved = parts.lips is not None and parts.lips.changed_frames > 0
    if parts.burn_in:
        drawn_on, start_s = source.video, source.picture.start_s
        if moved:
            drawn_on, start_s = path.with_suffix(".lips.mp4"), Fraction(0)
            _join_lips(drawn_on, parts, sound())
        pieces = _encoded(source, drawn_on, start_s, cues, locale)
        done = mux_program(path, pieces, sound(), frame_rate=rate, language=locale, title=parts.title)
        return "lips moved, subtitles drawn in" if moved else "subtitles drawn in", done.frames
    if moved:
        return "lips moved", _join_lips(path, parts, sound())
    if copy_obstacle(source.video):
        done = mux_program(
            path, _encoded(source, source.video, source.picture.start_s, (), locale), sound(), frame_rate=rate, language=locale, title=parts.title
        )
        return "encoded", done.frames
    return "copied", copy_mux(path, source.video, sound(), language=locale, title=parts.title, field="dub.video_uri").pictures


def _join_lips(path: Path, parts: Parts, sound: Iterator[np.ndarray]) -> int:
    assert parts.lips is not None
    pieces = [piece.path for piece in parts.lips.pieces]
    return mux_program(path, pieces, sound, frame_rate=output_rate(parts.source.picture), language=parts.locale, title=parts.title).frames


def _encoded(source: Source, video: Path, start_s: Fraction, cues: Sequence[Cue], locale: str) -> Iterator[bytes]:
    """The whole picture encoded anew, with `cues` drawn in. `start_s`: of its first frame, on the clock of `video`."""
    picture, rate = source.picture, output_rate(source.picture)
    stretch = Stretch(picture.width, picture.height, rate, start_s, max(1, nearest(picture.duration_s * rate)))
    return burned_pieces(video, stretch, cues, locale)


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
