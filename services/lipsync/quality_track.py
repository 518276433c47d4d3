"""What a face does in a video, frame by frame, as MediaPipe sees it: knows nothing of the engine that made the video."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np

from locutor.errors import InvalidInput
from media.probe import open_media
from services.lipsync.landmarks import FaceLandmarker, FaceLandmarks

STILL_POINTS = (6, 168, 197, 195, 8, 9, 151, 10, 33, 133, 362, 263)
"""Bridge of the nose, middle of the forehead, corners of the eyes: what moves with the skull and nothing else."""


@dataclass(frozen=True, eq=False)
class MouthTrack:
    """What a face does in a video, an entry a frame; NaN where no face was found."""

    times_s: np.ndarray
    """(frames,) float64: the middle of the time that the frame is shown."""
    gap: np.ndarray
    """(frames,) float64: distance of the inner lips (13 to 14) over the face's width (234 to 454)."""
    blink: np.ndarray
    """(frames,) float64: the eyes' mean blink blendshape, 0 to 1."""
    still: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 2)))
    """(frames, points, 2) float64: x and y of `STILL_POINTS` over the face's width."""


def track_mouth(video: Path, landmarker: FaceLandmarker) -> MouthTrack:
    """The largest face's mouth and eyes in every frame. Raises `InvalidInput` (field "video")."""
    times, gaps, blinks, still = [], [], [], []
    nowhere = np.full((len(STILL_POINTS), 2), np.nan)
    for time_s, rgb in frames_of(video):
        face = largest_face(rgb, landmarker)
        times.append(time_s)
        gaps.append(face.lip_gap / face.face_width if face else np.nan)
        blinks.append(_blink(face) if face else np.nan)
        still.append(face.points[list(STILL_POINTS), :2] / face.face_width if face else nowhere)
    if not times:
        raise InvalidInput.of("video", "has no frames; give a video of a speaking face", "NO_VIDEO")
    return MouthTrack(np.array(times), np.array(gaps), np.array(blinks), np.array(still, np.float64))


def largest_face(rgb: np.ndarray, landmarker: FaceLandmarker) -> FaceLandmarks | None:
    return max(landmarker.detect(rgb), key=lambda found: found.face_height, default=None)


def frames_of(video: Path, field_name: str = "video") -> Iterator[tuple[float, np.ndarray]]:
    """The middle of each frame's time in seconds, and the frame, (height, width, 3) uint8 RGB. Raises `InvalidInput` (field `field_name`)."""
    try:
        with open_media(video, field_name) as container:
            if not container.streams.video:
                raise InvalidInput.of(field_name, "has no picture; give a video of a speaking face", "NO_VIDEO")
            stream = container.streams.video[0]
            half = 0.5 / float(stream.average_rate) if stream.average_rate else 0.0
            for frame in container.decode(stream):
                yield (frame.time or 0.0) + half, frame.to_ndarray(format="rgb24")
    except av.error.FFmpegError as error:
        raise InvalidInput.of(field_name, f"{video.name} cannot be read ({error.strerror}); give a video file", "UNREADABLE") from error


def sound_of(video: Path, sample_rate: int) -> np.ndarray:
    """The first sound track as (samples,) float32 mono at `sample_rate`, on the picture's clock: silence before it where it begins later.

    Raises `InvalidInput` (field "video") where there is none.
    """
    try:
        with open_media(video, "video") as container:
            if not container.streams.audio:
                raise InvalidInput.of("video", "has no sound to tell from what is said in it; give its timeline", "NO_SOUND")
            resampler = av.AudioResampler("flt", "mono", sample_rate)
            start_s, parts = None, []
            for frame in container.decode(container.streams.audio[0]):
                start_s = (frame.time or 0.0) if start_s is None else start_s
                parts += [part.to_ndarray()[0] for part in resampler.resample(frame)]
            parts += [part.to_ndarray()[0] for part in resampler.resample(None)]
    except av.error.FFmpegError as error:
        raise InvalidInput.of("video", f"{video.name} cannot be read ({error.strerror}); give a video file", "UNREADABLE") from error
    audio = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    lead = round((start_s or 0.0) * sample_rate)
    return np.pad(audio, (lead, 0)) if lead >= 0 else audio[-lead:]


def _blink(face: FaceLandmarks) -> float:
    return (face.blendshapes["eyeBlinkLeft"] + face.blendshapes["eyeBlinkRight"]) / 2
