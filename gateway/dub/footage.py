"""Cuts a video's picture into pieces for moving lips, the same for all locales, and has the faces in each followed once."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any

from gateway.artifacts import Blob, StepResult
from gateway.dub.lines import SourceLine
from gateway.dub.source import Source
from gateway.handover import Handed, hand_over
from gateway.media_process import Picture, cut_picture
from gateway.models import identity
from gateway.progress import StageTracker
from gateway.services import Services
from gateway.stoppable import in_thread
from gateway.workflow import Workflow
from locutor.common.v1 import model_pb2, video_pb2
from locutor.errors import InternalError, InvalidInput
from locutor.gateway.v1 import job_pb2
from locutor.lipsync.v1 import lipsync_pb2
from media.clock import nearest
from media.encoded_excerpts import encode_excerpts
from media.footage import Stretch

IDEAL_S = 15.0
SHORTEST_S = 8.0
LONGEST_S = 24.0
MAX_RATE = 60
MIN_PIXELS, MAX_PIXELS = 128, 3840
_TIMEOUT_S = 300.0
_FIELD = "dub.video_uri"
_ROUNDING_S = 1e-4
"""A key frame that lies this little after a piece's start is its first picture."""
TIMEOUT_PER_SECOND_S = 60.0
"""For a second of footage on a slow machine that is busy, at the largest size."""


@dataclass(frozen=True)
class Piece:
    """Frames of the picture that are made in one go."""

    number: int
    first_frame: int
    frame_count: int
    frame_rate: Fraction

    @property
    def start_s(self) -> Fraction:
        return self.first_frame / self.frame_rate

    @property
    def end_s(self) -> Fraction:
        return (self.first_frame + self.frame_count) / self.frame_rate


@dataclass(frozen=True)
class PieceFile:
    """A piece cut out of the video, its packets copied where they can be."""

    piece: Piece
    path: Path
    footage: lipsync_pb2.Footage

    @property
    def stretch(self) -> Stretch:
        """The piece's frames in the file."""
        start_s = Fraction(self.footage.start_offset.ToNanoseconds(), 10**9)
        video = self.footage.video
        return Stretch(video.width_pixels, video.height_pixels, self.piece.frame_rate, start_s, self.piece.frame_count)


def output_rate(picture: Picture) -> Fraction:
    """Frames a second of a picture in which lips are moved: its own, or a whole part of it."""
    rate = picture.frame_rate
    return rate / -(-rate // MAX_RATE) if rate > MAX_RATE else rate


def obstacle(picture: Picture) -> str:
    """Why lips cannot be moved in a picture; empty: they can."""
    if not (min(picture.width, picture.height) >= MIN_PIXELS and max(picture.width, picture.height) <= MAX_PIXELS):
        return f"the picture is {picture.width}x{picture.height}; lips are moved in pictures of {MIN_PIXELS} to {MAX_PIXELS} pixels a side"
    if picture.frame_rate < 10:
        return f"the picture has {float(picture.frame_rate):g} frames a second; lips are moved from 10 on"
    return ""


def cut_pieces(picture: Picture, lines: Sequence[SourceLine]) -> list[Piece]:
    """Pieces of about `IDEAL_S`, cut in the widest pause of the source's speech that is near; within speech only where it never pauses."""
    rate = output_rate(picture)
    frames = max(1, nearest(picture.duration_s * rate))
    pauses = [(0.0, 0.0), *((line.start_s, line.end_s) for line in lines)]
    gaps = [((before[1] + after[0]) / 2, after[0] - before[1]) for before, after in pairwise(pauses) if after[0] > before[1]]
    if lines and float(picture.duration_s) > lines[-1].end_s:
        # After the last word any place will do.
        at = lines[-1].end_s + 0.5
        while at < float(picture.duration_s):
            gaps.append((at, 1.0))
            at += 1.0
    cuts = [0]
    duration_s = float(picture.duration_s)
    while duration_s - (at := float(cuts[-1] / rate)) > LONGEST_S:
        near = [(place, width) for place, width in gaps if at + SHORTEST_S <= place <= min(at + LONGEST_S, duration_s - SHORTEST_S / 2)]
        place = max(near, key=lambda gap: min(gap[1], 1.0) - abs(gap[0] - at - IDEAL_S) / IDEAL_S, default=(at + IDEAL_S, 0.0))[0]
        cuts.append(nearest(Fraction(place) * rate))
    cuts.append(frames)
    return [Piece(number, first, end - first, rate) for number, (first, end) in enumerate(pairwise(cuts))]


class Footage:
    """The pieces of one video, and the faces in them."""

    def __init__(
        self, flow: Workflow, stage: StageTracker, services: Services, source: Source, pieces: Sequence[Piece], models: Sequence[model_pb2.Model]
    ) -> None:
        """`models`: all of the lipsync service."""
        self.pieces = tuple(pieces)
        self._flow = flow
        self._stage = stage
        self._services = services
        self._source = source
        self._models = models
        self._files: list[PieceFile | None] = []
        """None: it could not be copied, and is not encoded yet."""
        self._tracks: dict[int, Blob | InvalidInput] = {}
        self._lock = asyncio.Lock()
        self._tracking: dict[int, asyncio.Lock] = {}
        self._done = 0

    async def file(self, piece: Piece) -> PieceFile:
        """The piece as a file of its own."""
        async with self._lock:
            folder = self._flow.folder / "pieces"
            if not self._files:
                folder.mkdir(exist_ok=True)
                video = await self._source.video.path()
                cut = await cut_picture(video, folder, [(one.start_s, one.end_s) for one in self.pieces], _FIELD)
                self._files = [self._piece_file(one, *made) if made is not None else None for one, made in zip(self.pieces, cut, strict=True)]
            if (file := self._files[piece.number]) is None:
                await self._encode(self._run(piece), folder)
                file = self._files[piece.number]
                assert file is not None
        return file

    def _run(self, piece: Piece) -> Sequence[Piece]:
        """The piece, and those after it that must be decoded from the same key frame: so that nothing is decoded twice."""

        def key(one: Piece) -> int:
            return bisect_right(self._source.picture.keys_s, float(one.start_s) + _ROUNDING_S)

        return list(takewhile(lambda one: self._files[one.number] is None and key(one) == key(piece), self.pieces[piece.number :]))

    async def _encode(self, run: Sequence[Piece], folder: Path) -> None:
        picture = self._source.picture
        frames = sum(piece.frame_count for piece in run)
        stretch = Stretch(picture.width, picture.height, run[0].frame_rate, picture.start_s + run[0].start_s, frames)
        outs = [(folder / f"{piece.number:05}.mp4", piece.frame_count) for piece in run]
        video = await self._source.video.path()
        await in_thread(lambda stop: encode_excerpts(video, stretch, outs, _FIELD, stop.is_asked))
        for piece, (path, _) in zip(run, outs, strict=True):
            self._files[piece.number] = self._piece_file(piece, path, Fraction(0))

    def _piece_file(self, piece: Piece, path: Path, start_s: Fraction) -> PieceFile:
        picture = self._source.picture
        video = video_pb2.VideoFormat(
            width_pixels=picture.width,
            height_pixels=picture.height,
            frame_rate_numerator=piece.frame_rate.numerator,
            frame_rate_denominator=piece.frame_rate.denominator,
        )
        footage = lipsync_pb2.Footage(video=video, frame_count=piece.frame_count)
        footage.start_offset.FromNanoseconds(nearest(start_s * 10**9))
        return PieceFile(piece, path, footage)

    def inputs(self, piece: Piece) -> dict[str, Any]:
        """All that a piece's frames depend on, as JSON."""
        return {
            "coded": self._coded(piece),
            "size": [self._source.picture.width, self._source.picture.height],
            "frame_rate": str(piece.frame_rate),
            "frames": piece.frame_count,
            "models": [identity(model) for model in self._models if model.installed],
        }

    def _coded(self, piece: Piece) -> list[Any]:
        """What is coded of the piece, wherever it stands in whatever file: groups of pictures, and where their key frames lie from its start, in microseconds.

        The group after it is among them: pictures that are shown before its key frame may belong to the piece.
        """
        picture = self._source.picture
        first = max(0, bisect_right(picture.keys_s, float(piece.start_s) + _ROUNDING_S) - 1)
        last = bisect_right(picture.keys_s, float(piece.end_s) + _ROUNDING_S) + 1
        groups = zip(picture.keys_s[first:last], picture.group_digests[first:last], strict=True)
        return [picture.coding_digest, picture.is_variable, [[round(1e6 * (key_s - float(piece.start_s))), digest] for key_s, digest in groups]]

    async def track(self, piece: Piece) -> Blob:
        """The tracks of the faces in a piece; followed once, whoever asks. Raises InvalidInput where the service does not take the piece."""
        number = piece.number
        async with self._tracking.setdefault(number, asyncio.Lock()):
            if number not in self._tracks:
                try:
                    self._tracks[number] = await self._track(piece)
                except InvalidInput as error:
                    self._tracks[number] = error
        if isinstance(found := self._tracks[number], InvalidInput):
            raise found
        return found

    async def _track(self, piece: Piece) -> Blob:
        async def make() -> tuple[StepResult, Blob]:
            file = await self.file(piece)
            tracks = bytearray()
            complete = False
            handed = await hand_over(self._flow.store, "lipsync", file.path)
            call = self._services.lipsync.TrackFaces(
                _requests(file.footage, handed), timeout=_TIMEOUT_S + TIMEOUT_PER_SECOND_S * float(file.piece.end_s - file.piece.start_s)
            )
            try:
                with self._services.errors("lipsync"):
                    async for response in call:
                        tracks += response.tracks
                        complete = complete or response.WhichOneof("payload") == "summary"
            finally:
                call.cancel()
            if not complete:
                raise InternalError("the lipsync service followed faces without a summary at the end")
            blob = await self._flow.store.put_bytes(bytes(tracks))
            return StepResult({"tracks": blob}), blob

        async def load(result: StepResult) -> Blob:
            return result.blobs["tracks"]

        return await self._flow.step(self._stage, "track", self.inputs(piece), make, load)

    def tracked(self, piece: Piece) -> None:
        """One more piece is done, or needs no tracks."""
        self._done += 1
        self._stage.add_media(float(piece.end_s - piece.start_s))
        self._stage.advance(self._done / len(self.pieces))
        if self._done == len(self.pieces):
            self._stage.end(job_pb2.STATE_SUCCEEDED)


async def _requests(footage: lipsync_pb2.Footage, video: Handed) -> AsyncIterator[lipsync_pb2.TrackFacesRequest]:
    yield lipsync_pb2.TrackFacesRequest(config=footage)
    async for request in video.requests(lipsync_pb2.TrackFacesRequest, "video"):
        yield request
