"""The picture with other lips: piece by piece, each made from the footage, its faces' tracks, and the dubbed speech in it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from google.protobuf.json_format import MessageToDict

from gateway.artifacts import StepResult, file_digest
from gateway.dub.footage import TIMEOUT_PER_SECOND_S, Footage, Piece
from gateway.dub.lines import TargetLine
from gateway.dub.voice import DubbedLine, nanoseconds
from gateway.handover import Handed, hand_over, taken_over
from gateway.models import identity
from gateway.progress import StageTracker
from gateway.replicas import Gate
from gateway.services import CHUNK_BYTES, Services
from gateway.stoppable import in_thread
from gateway.workflow import Workflow, children
from locutor.common.v1 import audio_pb2, model_pb2, stored_pb2, video_pb2
from locutor.errors import InternalError, InvalidInput
from locutor.gateway.v1 import job_pb2
from locutor.lipsync.v1 import lipsync_pb2
from media.encoded_excerpts import encode_excerpts

_RATE = 24_000
"""Hertz of the speech that lips are moved by."""
_AROUND_S = 1.0
"""Speech this near to a piece is told: mouths set out before a sound and rest after it."""
_TIMEOUT_S = 300.0
_LONGEST_HELD_S = 0.25
"""A last picture that is shown for so much longer is no matter of rounding."""


@dataclass(frozen=True)
class LipsPiece:
    number: int
    path: Path
    """A fragmented MP4 of H.264; fetched from the store where it is needed and not there."""
    sha256: str
    changed_frames: int
    unusable: tuple[str, ...]
    """Spans in which somebody speaks whose face could not be moved, for people."""
    doubts: tuple[str, ...] = ()
    """What else is wrong with its picture, for people."""


@dataclass(frozen=True)
class LipsPieces:
    """The whole picture of one locale."""

    pieces: tuple[LipsPiece, ...]

    @property
    def changed_frames(self) -> int:
        return sum(piece.changed_frames for piece in self.pieces)


@dataclass(frozen=True)
class LipsJob:
    """What all pieces of a locale share."""

    flow: Workflow
    services: Services
    footage: Footage
    model: model_pb2.Model
    """Moves the lips."""
    locale: str
    performance: video_pb2.Performance
    gate: Gate
    """Lets so many pieces of the job be made at a time."""


async def move_lips(job: LipsJob, stage: StageTracker, dubbed: Sequence[DubbedLine], silent: Sequence[TargetLine]) -> LipsPieces:
    """`silent`: lines of the source that are not said in this locale: who said them keeps his mouth shut."""
    frames: dict[int, int] = {}
    whole = sum(piece.frame_count for piece in job.footage.pieces)

    async def one(piece: Piece) -> LipsPiece:
        def tell(done: int) -> None:
            frames[piece.number] = done
            stage.advance(0.999 * sum(frames.values()) / whole)

        async with job.gate:
            made = await _animate(job, stage, piece, _Speech.of(piece, dubbed, silent), tell)
        stage.add_media(float(piece.end_s - piece.start_s))
        return made

    async with children() as group:
        tasks = [group.create_task(one(piece)) for piece in job.footage.pieces]
    stage.end(job_pb2.STATE_SUCCEEDED)
    return LipsPieces(tuple(task.result() for task in tasks))


@dataclass(frozen=True)
class _Speech:
    """What is said in one piece and right beside it."""

    audio: bytes
    """Signed 16-bit little-endian mono at `_RATE`."""
    lead_s: float
    """Its first sample is heard this long before the first frame."""
    lines: tuple[lipsync_pb2.DubbedLine, ...]

    @classmethod
    def of(cls, piece: Piece, dubbed: Sequence[DubbedLine], silent: Sequence[TargetLine]) -> _Speech:
        start_s, end_s = float(piece.start_s), float(piece.end_s)
        near = [one for one in dubbed if _is_near(one.fitted.start_s, one.fitted.end_s, start_s, end_s) or _is_near(*_source_span(one.line), start_s, end_s)]
        lead_s = min(start_s, _AROUND_S)
        sound = np.zeros(round((end_s - start_s + lead_s + _AROUND_S) * _RATE), np.float32)
        for one in near:
            speech = one.speech.read(0, None, _RATE)
            at = round((one.origin_s - start_s + lead_s) * _RATE)
            low, high = max(0, at), min(len(sound), at + len(speech))
            if high > low:
                sound[low:high] += speech[low - at : high - at]
        lines = [_line(one.line, one, start_s) for one in near]
        lines += [_line(line, None, start_s) for line in silent if _is_near(*_source_span(line), start_s, end_s)]
        return cls((np.clip(sound, -1, 1) * 32767).round().astype("<i2").tobytes(), lead_s, tuple(lines))


def _is_near(begin_s: float, until_s: float, start_s: float, end_s: float) -> bool:
    return until_s > start_s - _AROUND_S and begin_s < end_s + _AROUND_S


def _source_span(line: TargetLine) -> tuple[float, float]:
    return line.source.start_s, line.source.end_s


def _line(line: TargetLine, said: DubbedLine | None, start_s: float) -> lipsync_pb2.DubbedLine:
    message = lipsync_pb2.DubbedLine(speaker=line.source.speaker)
    message.source_start_offset.FromNanoseconds(nanoseconds(line.source.start_s - start_s))
    message.source_end_offset.FromNanoseconds(nanoseconds(line.source.end_s - start_s))
    if said is None:
        message.silent = True
    else:
        message.timeline.phonemes.extend(said.speech.timeline.phonemes)
        message.timeline_offset.FromNanoseconds(nanoseconds(said.origin_s - start_s))
    return message


async def _animate(job: LipsJob, stage: StageTracker, piece: Piece, speech: _Speech, tell: Callable[[int], None]) -> LipsPiece:
    path = job.flow.folder / f"{job.locale}-{piece.number:05}.mp4"

    async def make() -> tuple[StepResult, LipsPiece]:
        file = await job.footage.file(piece)
        tracks = await job.footage.track(piece)
        summary: lipsync_pb2.AnimateVideoSummary | None = None
        stored = stored_pb2.StoredMedia()
        hasher = hashlib.sha256()
        timeout_s = _TIMEOUT_S + TIMEOUT_PER_SECOND_S * float(piece.end_s - piece.start_s)
        handed = await hand_over(job.flow.store, "lipsync", file.path), await hand_over(job.flow.store, "lipsync", tracks)
        call = job.services.lipsync.AnimateVideo(_requests(job, file.footage, speech, *handed), timeout=timeout_s)
        try:
            with job.services.errors("lipsync"), path.open("wb", buffering=0) as out:
                async for response in call:
                    kind = response.WhichOneof("payload")
                    if kind == "fragment":
                        out.write(response.fragment)
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
            given = "no summary" if summary is None else f"{summary.frame_count} frames"
            raise InternalError(f"the lipsync service was asked for {piece.frame_count} frames and gave {given}")
        unusable, doubts = [_unusable(span, float(piece.start_s)) for span in summary.unusable], _doubts(piece, summary)
        blob = await taken_over(job.flow.store, stored, path, hasher.hexdigest())
        facts = {"changed": summary.changed_frames, "unusable": unusable, "doubts": doubts}
        return StepResult({"video": blob}, facts), LipsPiece(piece.number, path, blob.sha256, summary.changed_frames, tuple(unusable), tuple(doubts))

    async def load(result: StepResult) -> LipsPiece:
        facts = result.facts
        return LipsPiece(piece.number, path, result.blobs["video"].sha256, facts["changed"], tuple(facts["unusable"]), tuple(facts["doubts"]))

    inputs = {
        **job.footage.inputs(piece),
        "model": identity(job.model),
        "locale": job.locale,
        "performance": MessageToDict(job.performance),
        "audio": hashlib.sha256(speech.audio).hexdigest(),
        "lead_s": speech.lead_s,
        "lines": [hashlib.sha256(line.SerializeToString(deterministic=True)).hexdigest() for line in speech.lines],
    }
    try:
        made = await job.flow.step(stage, "animate-video", inputs, make, load)
    except InvalidInput as error:
        made = await _as_it_is(job, piece, path, error)
    tell(piece.frame_count)
    return made


async def _as_it_is(job: LipsJob, piece: Piece, path: Path, error: InvalidInput) -> LipsPiece:
    """A piece that the service does not take, encoded as those are in which it moves lips. Raises InvalidInput where nothing of it can be decoded."""
    file = await job.footage.file(piece)
    await in_thread(lambda stop: encode_excerpts(file.path, file.stretch, [(path, piece.frame_count)], "dub.video_uri", stop.is_asked))
    sha256 = await asyncio.to_thread(file_digest, path)
    return LipsPiece(piece.number, path, sha256, 0, (f"{float(piece.start_s):.2f} s to {float(piece.end_s):.2f} s: {error.message}",))


async def _requests(
    job: LipsJob, footage: lipsync_pb2.Footage, speech: _Speech, video: Handed, tracks: Handed
) -> AsyncIterator[lipsync_pb2.AnimateVideoRequest]:
    config = lipsync_pb2.AnimateVideoConfig(
        footage=footage,
        audio=audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hertz=_RATE, channels=1),
        performance=job.performance,
        locale=job.locale,
        engine=job.model.engine,
    )
    config.audio_lead.FromNanoseconds(nanoseconds(speech.lead_s))
    config.output_to_store = "lipsync" in job.flow.store.shared_with
    yield lipsync_pb2.AnimateVideoRequest(config=config)
    async for request in video.requests(lipsync_pb2.AnimateVideoRequest, "video"):
        yield request
    async for request in tracks.requests(lipsync_pb2.AnimateVideoRequest, "tracks"):
        yield request
    for begin in range(0, len(speech.audio), CHUNK_BYTES):
        yield lipsync_pb2.AnimateVideoRequest(audio=speech.audio[begin : begin + CHUNK_BYTES])
    for line in speech.lines:
        yield lipsync_pb2.AnimateVideoRequest(line=line)


def _doubts(piece: Piece, summary: lipsync_pb2.AnimateVideoSummary) -> list[str]:
    found = []
    if summary.damage:
        found.append(f"the picture is damaged between {float(piece.start_s):.2f} s and {float(piece.end_s):.2f} s ({summary.damage}); where it is, one is held")
    held_s = float(summary.held_frames / piece.frame_rate)
    if held_s > _LONGEST_HELD_S:
        found.append(f"the picture ends {held_s:.2f} s before {float(piece.end_s):.2f} s; the last one is held")
    return found


def _unusable(span: lipsync_pb2.UnusableSpan, start_s: float) -> str:
    begin_s, end_s = (start_s + offset.ToNanoseconds() / 1e9 for offset in (span.start_offset, span.end_offset))
    return f"{begin_s:.2f} s to {end_s:.2f} s: {span.reason}"
