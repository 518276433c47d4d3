"""The video that is dubbed: fetched, read in a process of its own, its sound decoded to disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gateway.artifacts import digest_of
from gateway.media_process import Picture, Sound, probe_media, read_picture, read_sound
from gateway.progress import StageTracker
from gateway.workflow import Workflow
from locutor.errors import InvalidInput
from locutor.gateway.v1 import job_pb2
from media.clock import PROGRAMME_RATE
from media.probe import SHORTFALL_S

MAX_VIDEO_S = 4 * 3600.0
_FRAME_BYTES = 8
"""Two float32 samples."""


@dataclass(frozen=True)
class Source:
    video: Path
    sha256: str
    """Of the video file."""
    picture: Picture
    sound: Sound | None
    """As long as the picture; None where the video has none."""
    music_and_effects: Sound | None
    unseen_s: float
    """How long its sound goes on after the last picture; 0 where that is not worth a word."""

    @property
    def duration_s(self) -> float:
        return float(self.picture.duration_s)


async def read_source(flow: Workflow, stage: StageTracker, spec: job_pb2.DubSpec) -> Source:
    """Raises `InvalidInput` where the video, or its music and effects, cannot be read."""
    field = "dub.video_uri"
    with stage.at_work():
        sha256 = digest_of(spec.video_uri)
        video = await flow.store.fetch(sha256, flow.folder / "source")
        picture = await read_picture(video, field)
        check_length(float(picture.duration_s), field)
        stage.advance(0.3)

        def tell(samples: int) -> None:
            stage.advance(0.3 + 0.6 * samples / max(1, picture.samples))

        sound = None
        if picture.sounds:
            sound = await read_sound(
                video, flow.folder / "source.f32", field, track=spec.audio_track, start_s=picture.start_s, samples=picture.samples, tell=tell
            )
        background = None
        if spec.music_and_effects_uri:
            file = await flow.store.fetch(digest_of(spec.music_and_effects_uri), flow.folder / "background")
            background = await read_sound(file, flow.folder / "background.f32", "dub.music_and_effects_uri", samples=picture.samples)
    unseen_s = (await probe_media(video, field)).duration_s - float(picture.duration_s)
    stage.add_media(float(picture.duration_s))
    stage.end(job_pb2.STATE_SUCCEEDED)
    is_whole = sound is not None and not picture.fault and not sound.fault
    return Source(video, sha256, picture, sound, background, unseen_s if is_whole and unseen_s > SHORTFALL_S else 0.0)


def check_length(duration_s: float, field: str) -> None:
    """Raises `InvalidInput` where a video is too long: what its headers say, which may be anything, and what is found in it."""
    if duration_s > MAX_VIDEO_S:
        raise InvalidInput.of(field, f"lasts {duration_s / 3600:.1f} hours; the limit is {MAX_VIDEO_S / 3600:g}: cut it", "TOO_LONG")


def blocks_of(sound: Sound) -> Iterator[np.ndarray]:
    """(n, 2) float32 at 48 kHz, a second at a time."""
    with sound.path.open("rb") as file:
        while data := file.read(PROGRAMME_RATE * _FRAME_BYTES):
            yield np.frombuffer(data, np.dtype("<f4")).reshape(-1, 2)
