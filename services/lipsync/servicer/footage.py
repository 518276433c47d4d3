"""Requests about moving footage: messages to dataclasses, checked as they arrive, and the file to a folder."""

from __future__ import annotations

import asyncio
import math
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from google.protobuf.duration_pb2 import Duration

from locutor.errors import InvalidInput
from locutor.lipsync.v1 import lipsync_pb2
from media.footage import Stretch
from services.lipsync.engine import PhonemeSpan
from services.lipsync.revoicing import Dubbing
from services.lipsync.servicer.formats import ConfigCheck
from services.lipsync.servicer.performance import check_performance, performance_of
from services.lipsync.servicer.speech import MOST_PHONEMES, add_phonemes, samples_of
from services.lipsync.servicer.upload import Upload
from services.lipsync.tracking.speaking import Line
from services.serving.uploads import Admitted

LONGEST_S = 120
"""Footage is cut into pieces of seconds to a minute or two; a longer one would hold a worker, and its client, too long."""
MOST_VIDEO_BYTES = 256 << 20
"""Of one piece: two minutes of 4K at 17 Mbit/s, or of 1080p from a phone."""
MOST_TRACKS_BYTES = 64 << 20
LONGEST_OVERHANG_S = 2
"""How far sound may go on after the last frame: the mouth sets out before what is said after a cut."""
LONGEST_LEAD_S = 60
MOST_LINES = 2000
LONGEST_SPEAKER = 200
MOST_OFFSET_S = 7 * 24 * 3600
"""Of the footage's start on the file's clock: broadcasters' files begin at the time of day, some streams days into it."""
LONGEST_LINE_S = 600


@dataclass(frozen=True)
class FootageRequest:
    """A piece of footage, in a folder that lives as long as the call."""

    path: Path
    stretch: Stretch


@dataclass(frozen=True)
class VideoRequest:
    footage: FootageRequest
    tracks: bytes
    """As they came: they are unpacked where there is room to work on them."""
    dubbing: Dubbing
    engine: str


@asynccontextmanager
async def tracking_request(requests: AsyncIterator[lipsync_pb2.TrackFacesRequest], admitted: Admitted) -> AsyncGenerator[FootageRequest, None]:
    """What a client of TrackFaces sends."""
    config = (await _first(requests)).config
    check = ConfigCheck()
    _check_footage(config, "", check)
    check.done()
    async with _spooled(admitted) as video:
        async for request in requests:
            if request.WhichOneof("payload") != "video":
                raise _unexpected(request)
            await video.add(request.video)
        yield FootageRequest(video.path, _stretch(config))


@asynccontextmanager
async def video_request(
    requests: AsyncIterator[lipsync_pb2.AnimateVideoRequest], admitted: Admitted, in_memory: Admitted
) -> AsyncGenerator[VideoRequest, None]:
    """What a client of AnimateVideo sends. Tracks and audio are `in_memory`, the footage is not."""
    config = (await _first(requests)).config
    _check_video_config(config)
    stretch = _stretch(config.footage)
    tracks = Upload("tracks", MOST_TRACKS_BYTES, in_memory)
    end = f"send what is heard from `audio_lead` before the first frame to at most {LONGEST_OVERHANG_S} s after the last"
    audio = Upload("audio", _most_audio_bytes(config), in_memory, end)
    lines = _Lines()
    async with _spooled(admitted) as video:
        async for request in requests:
            match request.WhichOneof("payload"):
                case "video":
                    await video.add(request.video)
                case "tracks":
                    tracks.add(request.tracks)
                case "audio":
                    audio.add(request.audio)
                case "line":
                    lines.add(request.line)
                case _:
                    raise _unexpected(request)
        dubbing = Dubbing(
            audio=samples_of(audio.data(), config.audio.channels),
            sample_rate=config.audio.sample_rate_hertz,
            lead_s=_seconds(config.audio_lead),
            lines=lines.lines,
            locale=config.locale,
            performance=performance_of(config.performance),
        )
        yield VideoRequest(FootageRequest(video.path, stretch), tracks.data(), dubbing, config.engine)


def _most_audio_bytes(config: lipsync_pb2.AnimateVideoConfig) -> int:
    stretch = _stretch(config.footage)
    most_s = _seconds(config.audio_lead) + float(stretch.frame_count / stretch.frame_rate) + LONGEST_OVERHANG_S
    return 2 * config.audio.channels * math.ceil(most_s * config.audio.sample_rate_hertz)


class _Lines:
    """Lines as they arrive."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._phonemes = 0

    def add(self, message: lipsync_pb2.DubbedLine) -> None:
        field = f"line[{len(self.lines)}]"
        if len(self.lines) >= MOST_LINES:
            raise InvalidInput.of("line", f"more than {MOST_LINES} were sent; cut the footage in a pause", "TOO_LONG")
        if len(message.speaker) > LONGEST_SPEAKER:
            raise InvalidInput.of(f"{field}.speaker", f"has {len(message.speaker)} characters; give at most {LONGEST_SPEAKER}", "TOO_LONG")
        start, end, offset = (_seconds(d) for d in (message.source_start_offset, message.source_end_offset, message.timeline_offset))
        if not (-LONGEST_LINE_S <= start <= end <= start + LONGEST_LINE_S) or start > LONGEST_S + LONGEST_LINE_S:
            text = f"is said from {start:.3f} s to {end:.3f} s; give offsets from the first frame, start before end, of what is at least partly in the footage"
            raise InvalidInput.of(f"{field}.source_start_offset", text, "BAD_TIMES")
        if abs(offset) > LONGEST_S + LONGEST_LINE_S:
            raise InvalidInput.of(f"{field}.timeline_offset", f"found {offset:.3f} s; give the offset of its sound from the first frame", "BAD_TIMES")
        if message.silent and message.timeline.phonemes:
            text = f"has {len(message.timeline.phonemes)} phonemes, but the line is silent; send it without, or not as silent"
            raise InvalidInput.of(f"{field}.timeline", text, "UNEXPECTED")
        phonemes: list[PhonemeSpan] = []
        add_phonemes(phonemes, message.timeline.phonemes, f"{field}.timeline")
        if phonemes and phonemes[-1].end_s > LONGEST_LINE_S:
            text = f"ends at {phonemes[-1].end_s:.3f} s; a line lasts at most {LONGEST_LINE_S} s, and its offsets count from `timeline_offset`"
            raise InvalidInput.of(f"{field}.timeline.phonemes[{len(phonemes) - 1}]", text, "BAD_TIMES")
        self._phonemes += len(phonemes)
        if self._phonemes > MOST_PHONEMES:
            raise InvalidInput.of("line", f"have more than {MOST_PHONEMES} phonemes together; cut the footage in a pause", "TOO_LONG")
        self.lines.append(Line(message.speaker, start, end, offset, tuple(phonemes), message.silent))


class _Spool:
    """A file that arrives in parts."""

    def __init__(self, path: Path, admitted: Admitted) -> None:
        self.path = path
        self._admitted = admitted
        self._file = path.open("wb", buffering=0)
        self._size = 0

    async def add(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > MOST_VIDEO_BYTES:
            raise InvalidInput.of("video", f"is larger than {MOST_VIDEO_BYTES >> 20} MiB, which is the limit; send a shorter piece", "TOO_LARGE")
        self._admitted.hold(len(chunk))
        await asyncio.to_thread(self._file.write, chunk)

    def close(self) -> None:
        self._file.close()


@asynccontextmanager
async def _spooled(admitted: Admitted) -> AsyncGenerator[_Spool, None]:
    with tempfile.TemporaryDirectory(prefix="locutor-lipsync-") as folder:
        spool = _Spool(Path(folder) / "footage", admitted)
        try:
            yield spool
        finally:
            spool.close()


async def _first(requests: AsyncIterator[Any]) -> Any:
    first = await anext(aiter(requests), None)
    if first is None or first.WhichOneof("payload") != "config":
        raise InvalidInput.of("config", f"found {_found(first)} as the first message; send `config` first, then the bytes", "CONFIG_MISSING")
    return first


def _unexpected(request: Any) -> InvalidInput:
    return InvalidInput.of("config", f"found {_found(request)} after the first message; send the config once, then the rest", "UNEXPECTED_MESSAGE")


def _found(request: Any) -> str:
    if request is None:
        return "the end of the stream"
    return f"`{kind}`" if (kind := request.WhichOneof("payload")) else "an empty message"


def _check_video_config(config: lipsync_pb2.AnimateVideoConfig) -> None:
    check = ConfigCheck()
    _check_footage(config.footage, "footage.", check)
    check.audio(config.audio)
    lead = _seconds(config.audio_lead)
    check.require(0 <= lead <= LONGEST_LEAD_S, "audio_lead", f"found {lead:g} s; give 0 to {LONGEST_LEAD_S} s", "OUT_OF_RANGE")
    check_performance(check, config.performance)
    check.engine(config.engine)
    check.done()


def _check_footage(footage: lipsync_pb2.Footage, prefix: str, check: ConfigCheck) -> None:
    rate = check.video(footage.video, f"{prefix}video")
    if rate is not None:
        most = math.floor(LONGEST_S * rate)
        message = f"found {footage.frame_count}; give 1 to {most} frames ({LONGEST_S} s): cut the footage in a pause, or where a shot ends"
        check.require(1 <= footage.frame_count <= most, f"{prefix}frame_count", message, "OUT_OF_RANGE")
    start = _seconds(footage.start_offset)
    message = f"found {start:g} s; give where the first frame begins on the file's own clock"
    check.require(abs(start) <= MOST_OFFSET_S, f"{prefix}start_offset", message, "OUT_OF_RANGE")


def _stretch(footage: lipsync_pb2.Footage) -> Stretch:
    rate = Fraction(footage.video.frame_rate_numerator, footage.video.frame_rate_denominator)
    start = Fraction(footage.start_offset.ToNanoseconds(), 10**9)
    return Stretch(footage.video.width_pixels, footage.video.height_pixels, rate, start, footage.frame_count)


def _seconds(duration: Duration) -> float:
    return duration.ToNanoseconds() / 1e9
