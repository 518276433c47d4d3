"""Puts a locale together: picture and sound, signed, with subtitles, cover, timeline and utterances."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToJson

from gateway.artifacts import Blob, StepResult
from gateway.dub.footage import output_rate
from gateway.dub.lips import LipsPieces
from gateway.dub.mix import Mixed
from gateway.dub.source import Source
from gateway.dub.voice import DubbedLine, programme_timeline, timed_texts
from gateway.media_process import copy_picture, write_still
from gateway.models import ModelUse
from gateway.progress import StageTracker
from gateway.provenance import ConsentRecord, EngineUse, ProvenanceClaim
from gateway.signed import Signer, signed
from gateway.stoppable import Stop, in_thread
from gateway.workflow import Workflow
from locutor.gateway.v1 import job_pb2
from media.aac_pieces import EncodedSound
from media.burn import burned_pieces
from media.clock import nearest
from media.footage import Stretch
from media.mux import mux_program
from media.subtitle_files import to_srt, to_vtt
from media.subtitles import Cue, make_cues
from media.ttml import to_ttml

VERSION = "4"
"""Raised whenever equal parts would be assembled to other bytes that are kept."""

_FIELD = "dub.video_uri"

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
    dubbed: Sequence[DubbedLine]
    mixed: Mixed
    lips: LipsPieces | None
    """None: the picture stays as it is."""
    burn_in: bool
    uses: Sequence[ModelUse]
    consent_time: datetime
    """When the consent was stated: when the job was created."""
    signer: Signer

    @property
    def inputs(self) -> dict[str, Any]:
        """All that the outputs depend on, but for what is signed, as JSON."""
        return {
            "version": VERSION,
            "video": self.source.video.sha256,
            "sound": [piece.sha256 for piece in self.mixed.pieces],
            "lips": [piece.sha256 for piece in self.lips.pieces] if self.lips is not None else None,
            "burn_in": self.burn_in,
            "locale": self.locale,
            "words": [[text.text, [[w.begin, w.end, str(w.start_s), str(w.end_s)] for w in text.words]] for text in timed_texts(self.dubbed)],
        }


async def assemble(flow: Workflow, stage: StageTracker, parts: Parts) -> Assembly:
    """The picture is copied, or joined from the pieces in which lips were moved; it is encoded again only for subtitles, or where MP4 does not hold it."""

    async def make() -> tuple[StepResult, Assembly]:
        facts = await _make(flow, parts)
        blobs = {name: await flow.store.put_file(flow.folder / f"{parts.locale}.{suffix}") for name, (_, _, suffix) in OUTPUTS.items()}
        return StepResult(blobs, facts), Assembly(blobs, facts)

    async def load(result: StepResult) -> Assembly:
        return Assembly(result.blobs, result.facts)

    assembly = await flow.step(stage, "assemble-dub", parts.inputs, make, load)
    video = flow.folder / f"{parts.locale}.mp4"
    signed_video, provenance = await signed(flow, stage, video, assembly.blobs["video"], _claim(parts), parts.signer, parts.source.video.path)
    stage.add_media(parts.source.duration_s)
    stage.end(job_pb2.STATE_SUCCEEDED)
    return Assembly({**assembly.blobs, "video": signed_video}, {**assembly.facts, "provenance": provenance})


async def _make(flow: Workflow, parts: Parts) -> dict[str, Any]:
    folder, locale, picture = flow.folder, parts.locale, parts.source.picture
    cues = make_cues(timed_texts(parts.dubbed), locale, picture.frame_rate, programme_end_s=picture.duration_s)
    video = folder / f"{locale}.mp4"
    kind, frames = await _join(video, parts, await _sound(flow, parts), await _lips(flow, parts), cues)
    (folder / f"{locale}.srt").write_text(to_srt(cues), "utf-8")
    (folder / f"{locale}.vtt").write_text(to_vtt(cues), "utf-8")
    (folder / f"{locale}.ttml").write_text(to_ttml(cues, locale), "utf-8")
    (folder / f"{locale}.timeline.json").write_text(MessageToJson(programme_timeline(parts.dubbed), indent=None, ensure_ascii=False), "utf-8")
    await write_still(video, folder / f"{locale}.jpg", _FIELD)
    return {"picture": kind, "frames": frames, "duration_s": round(float(picture.duration_s), 6)}


async def _sound(flow: Workflow, parts: Parts) -> EncodedSound:
    """Its pieces as one file: a process of its own reads it."""
    path = flow.folder / f"{parts.locale}.aac"
    with path.open("wb") as file:
        for piece in parts.mixed.pieces:
            async for data in flow.store.stream(piece.sha256):
                file.write(data)
    return EncodedSound([path], parts.mixed.samples)


async def _lips(flow: Workflow, parts: Parts) -> list[Path]:
    """The pieces in which lips were moved; none where no picture was changed."""
    if parts.lips is None or parts.lips.changed_frames == 0:
        return []
    for piece in parts.lips.pieces:
        if not piece.path.exists():
            await flow.store.fetch(piece.sha256, piece.path)
    return [piece.path for piece in parts.lips.pieces]


async def _join(path: Path, parts: Parts, sound: EncodedSound, moved: Sequence[Path], cues: Sequence[Cue]) -> tuple[str, int]:
    """Write picture and sound; returns what was done to the picture, and its number of frames."""
    source, locale, picture = parts.source, parts.locale, parts.source.picture
    if parts.burn_in:
        if moved:
            drawn_on, start_s = path.with_suffix(".lips.mp4"), Fraction(0)
            await in_thread(lambda stop: _mux(drawn_on, parts, moved, sound, stop))
        else:
            drawn_on, start_s = await source.video.path(), picture.start_s
        frames = await in_thread(lambda stop: _mux(path, parts, _encoded(source, drawn_on, start_s, cues, locale, stop), sound, stop))
        return "lips moved, subtitles drawn in" if moved else "subtitles drawn in", frames
    if moved:
        return "lips moved", await in_thread(lambda stop: _mux(path, parts, moved, sound, stop))
    video = await source.video.path()
    if picture.copy_obstacle:
        return "encoded", await in_thread(lambda stop: _mux(path, parts, _encoded(source, video, picture.start_s, (), locale, stop), sound, stop))
    return "copied", await copy_picture(video, sound.paths[0], sound.samples, path, _FIELD, language=locale)


def _mux(path: Path, parts: Parts, pieces: Iterable[Path | bytes], sound: EncodedSound, stop: Stop) -> int:
    """The number of frames."""
    return mux_program(path, stop.between(pieces), sound, frame_rate=output_rate(parts.source.picture), language=parts.locale).frames


def _encoded(source: Source, video: Path, start_s: Fraction, cues: Sequence[Cue], locale: str, stop: Stop) -> Iterator[bytes]:
    """The whole picture encoded anew, with `cues` drawn in. `start_s`: of its first frame, on the clock of `video`."""
    picture, rate = source.picture, output_rate(source.picture)
    stretch = Stretch(picture.width, picture.height, rate, start_s, max(1, nearest(picture.duration_s * rate)))
    return burned_pieces(video, stretch, cues, locale, stop.is_asked)


def _claim(parts: Parts) -> ProvenanceClaim:
    consent = parts.spec.consent
    return ProvenanceClaim(
        title="",
        locale=parts.locale,
        engines=tuple(_engine_use(use) for use in parts.uses),
        script_sha256=hashlib.sha256("\n".join(one.text for one in parts.dubbed).encode()).hexdigest(),
        video_sha256=parts.source.video.sha256,
        moved_lips=parts.lips is not None and parts.lips.changed_frames > 0,
        consent=ConsentRecord(consent.stated_by, consent.statement, parts.consent_time),
    )


def _engine_use(use: ModelUse) -> EngineUse:
    model = use.model
    return EngineUse(use.stage, model.engine, model.engine_version, model.name, {file.name: file.sha256 for file in model.weights})
