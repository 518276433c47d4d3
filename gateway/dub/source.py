"""The video that is dubbed: read once in a process of its own, what is found and heard in it kept, the file itself fetched where it is needed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.artifacts import ArtifactStore, StepResult, digest_of
from gateway.dub.sound import KeptSound, keep_sound
from gateway.media_process import Picture, picture_facts, picture_of, probe_media, read_picture, read_sound
from gateway.progress import StageTracker
from gateway.workflow import Workflow
from locutor.errors import InvalidInput
from locutor.gateway.v1 import job_pb2
from media.probe import SHORTFALL_S

VERSION = "1"
"""Raised whenever an equal file would be read in another way."""
MAX_VIDEO_S = 4 * 3600.0
_FIELD = "dub.video_uri"


class VideoFile:
    """The file, fetched once, when somebody asks for it."""

    def __init__(self, store: ArtifactStore, sha256: str, path: Path) -> None:
        self.sha256 = sha256
        self._store = store
        self._path = path
        self._lock = asyncio.Lock()

    async def path(self) -> Path:
        async with self._lock:
            if not self._path.exists():
                (await self._store.fetch(self.sha256, self._path.with_suffix(".part"))).replace(self._path)
        return self._path


@dataclass(frozen=True)
class Source:
    video: VideoFile
    picture: Picture
    sound: KeptSound | None
    """As long as the picture; None where the video has none."""
    music_and_effects: KeptSound | None
    unseen_s: float
    """How long its sound goes on after the last picture; 0 where that is not worth a word."""

    @property
    def duration_s(self) -> float:
        return float(self.picture.duration_s)


async def read_source(flow: Workflow, stage: StageTracker, spec: job_pb2.DubSpec) -> Source:
    """Raises `InvalidInput` where the video, or its music and effects, cannot be read."""
    video = VideoFile(flow.store, digest_of(spec.video_uri), flow.folder / "source")
    picture, sound, unseen_s = await _read_video(flow, stage, video, spec.audio_track)
    background = None
    if spec.music_and_effects_uri:
        background = await _read_background(flow, stage, digest_of(spec.music_and_effects_uri), picture.samples)
    stage.add_media(float(picture.duration_s))
    stage.end(job_pb2.STATE_SUCCEEDED)
    return Source(video, picture, sound, background, unseen_s)


async def _read_video(flow: Workflow, stage: StageTracker, video: VideoFile, track: int) -> tuple[Picture, KeptSound | None, float]:
    folder = flow.folder / "sound"
    folder.mkdir(exist_ok=True)

    async def make() -> tuple[StepResult, StepResult]:
        path = await video.path()
        picture = await read_picture(path, _FIELD)
        check_length(float(picture.duration_s), _FIELD)
        stage.advance(0.3)

        def tell(samples: int) -> None:
            stage.advance(0.3 + 0.6 * samples / max(1, picture.samples))

        facts: dict[str, Any] = {"picture": picture_facts(picture), "unseen_s": 0.0}
        unseen_s = (await probe_media(path, _FIELD)).duration_s - float(picture.duration_s)
        if not picture.sounds:
            made = StepResult({}, facts)
        else:
            sound = await read_sound(path, folder, _FIELD, track=track, start_s=picture.start_s, samples=picture.samples, tell=tell)
            if not picture.fault and not sound.fault and unseen_s > SHORTFALL_S:
                facts["unseen_s"] = unseen_s
            made = await keep_sound(flow.store, sound, facts)
        return made, made

    async def load(result: StepResult) -> StepResult:
        return result

    kept = await flow.step(stage, "read-video", {"version": VERSION, "video": video.sha256, "track": track}, make, load)
    sound = KeptSound(flow.store, folder, kept) if "samples" in kept.facts else None
    return picture_of(kept.facts["picture"]), sound, kept.facts["unseen_s"]


async def _read_background(flow: Workflow, stage: StageTracker, sha256: str, samples: int) -> KeptSound:
    folder = flow.folder / "background"
    folder.mkdir(exist_ok=True)

    async def make() -> tuple[StepResult, KeptSound]:
        file = await flow.store.fetch(sha256, folder / "file")
        made = await keep_sound(flow.store, await read_sound(file, folder, "dub.music_and_effects_uri", samples=samples))
        return made, KeptSound(flow.store, folder, made)

    async def load(result: StepResult) -> KeptSound:
        return KeptSound(flow.store, folder, result)

    return await flow.step(stage, "read-sound", {"version": VERSION, "sound": sha256, "samples": samples}, make, load)


def check_length(duration_s: float, field: str) -> None:
    """Raises `InvalidInput` where a video is too long: what its headers say, which may be anything, and what is found in it."""
    if duration_s > MAX_VIDEO_S:
        raise InvalidInput.of(field, f"lasts {duration_s / 3600:.1f} hours; the limit is {MAX_VIDEO_S / 3600:g}: cut it", "TOO_LONG")
