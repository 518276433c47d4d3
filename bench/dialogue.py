"""A dialogue of two presenters with music behind it, made by our own present jobs: what is said, when and by whom is known to the millisecond."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from google.protobuf import json_format

from bench.material import face
from locutor.client import LocutorClient
from locutor.common.v1 import timeline_pb2
from locutor.errors import InternalError
from locutor.gateway.v1 import job_pb2
from media.clock import PROGRAMME_RATE, frame_to_sample
from media.mux import mux_program
from media.probe import probe

LOCALE = "en-US"
RATE = Fraction(25)
_VOICES = ("af_heart", "am_michael")
_LINES = (
    (0, "Good evening, and welcome to the programme. Tonight we talk about the old harbour."),
    (1, "Thank you for the invitation. I have worked there for more than twenty years."),
    (0, "What has changed in that time?"),
    (1, "Almost everything. The big ships are gone, and young families have moved into the empty houses."),
    (1, "In the summer you can hear music from every window."),
    (0, "That sounds beautiful. But many people say that it has become too expensive."),
    (1, "They are right. My own daughter had to move to another part of the city."),
    (0, "What should the council do about it?"),
    (1, "They should build small apartments, and they should begin this year, before it is too late."),
    (0, "Thank you very much for coming. We will visit the harbour together next week."),
)
_MUSIC_LEVEL = 0.035
"""Of full scale, root mean square: about 12 dB under the voices."""
_CHORDS = ((220.0, 261.6, 329.6), (174.6, 220.0, 261.6), (261.6, 329.6, 392.0), (196.0, 246.9, 293.7))
"""A minor, F, C, G: hertz."""
_CHORD_S = 2.0


_PAUSE_S = 0.3
"""A silence this long parts two stretches of speech (NIST, Rich Transcription)."""


@dataclass(frozen=True)
class SpokenLine:
    """A stretch of speech without a pause."""

    speaker: int
    """0 or 1."""
    start_s: float
    """Of its first sound, from the video's first frame."""
    end_s: float


@dataclass(frozen=True)
class Dialogue:
    video: Path
    lines: tuple[SpokenLine, ...]
    music: np.ndarray
    """(samples,) float32 at 48 kHz, as it lies under the voices, on both channels."""


def make_dialogue(client: LocutorClient, work: Path) -> Dialogue:
    """Shot and reverse shot: each line is a video of its own, and the videos are joined without another encoding."""
    faces = [client.upload(_png(picture)) for picture in (face(), face()[:, ::-1])]
    jobs = [client.create_present_job(_spec(faces[speaker], _VOICES[speaker], text)) for speaker, text in _LINES]
    videos: list[Path] = []
    lines: list[SpokenLine] = []
    sounds: list[np.ndarray] = []
    frames = 0
    for number, (job, (speaker, _)) in enumerate(zip(jobs, _LINES, strict=True)):
        outputs = _outputs(client, job.id)
        path = work / f"line{number}.mp4"
        client.download(outputs[job_pb2.OUTPUT_KIND_VIDEO], path)
        client.download(outputs[job_pb2.OUTPUT_KIND_TIMELINE], path.with_suffix(".json"))
        timeline = json_format.Parse(path.with_suffix(".json").read_text("utf-8"), timeline_pb2.Timeline())
        lines += [SpokenLine(speaker, float(frames / RATE) + start, float(frames / RATE) + end) for start, end in _stretches(timeline)]
        count = round(probe(path).duration_s * RATE)
        sounds.append(_fitted(_sound(path), frame_to_sample(frames + count, RATE) - frame_to_sample(frames, RATE)))
        videos.append(path)
        frames += count
    voices = np.concatenate(sounds)
    music = make_music(len(voices))
    video = work / "dialogue.mp4"
    mux_program(video, videos, voices + music[:, None], frame_rate=RATE, language=LOCALE)
    return Dialogue(video, tuple(lines), music)


def _stretches(timeline: timeline_pb2.Timeline) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    for phoneme in timeline.phonemes:
        if phoneme.symbol:
            start, end = (offset.ToNanoseconds() / 1e9 for offset in (phoneme.start_offset, phoneme.end_offset))
            if found and start - found[-1][1] < _PAUSE_S:
                start = found.pop()[0]
            found.append((start, end))
    return found


def make_music(samples: int) -> np.ndarray:
    """Four chords in turn, struck and fading, with a soft pulse: (samples,) float32 at 48 kHz."""
    time_s = np.arange(samples) / PROGRAMME_RATE
    music = np.zeros(samples)
    beat = np.mod(time_s, _CHORD_S)
    chord = (time_s // _CHORD_S).astype(int) % len(_CHORDS)
    for number, notes in enumerate(_CHORDS):
        now = chord == number
        struck = np.exp(-beat[now] / 1.2) * np.clip(beat[now] / 0.01, 0.0, 1.0)
        for note in notes:
            music[now] += struck * (np.sin(2 * np.pi * note * beat[now]) + 0.3 * np.sin(4 * np.pi * note * beat[now]))
    music += 0.6 * np.exp(-np.mod(time_s, _CHORD_S / 4) / 0.05) * np.sin(2 * np.pi * 90.0 * np.mod(time_s, _CHORD_S / 4))
    return (music * (_MUSIC_LEVEL / np.sqrt(np.square(music).mean()))).astype(np.float32)


def _spec(face_uri: str, voice: str, text: str) -> job_pb2.PresentSpec:
    spec = job_pb2.PresentSpec(
        script=job_pb2.Script(text=text, locale=LOCALE),
        face_uri=face_uri,
        targets=[job_pb2.Target(locale=LOCALE, voice=voice)],
        consent=job_pb2.Consent(stated_by="bench", statement="A NASA portrait in the public domain, used for a measurement"),
    )
    spec.video.width_pixels, spec.video.height_pixels = 1280, 720
    spec.video.frame_rate_numerator, spec.video.frame_rate_denominator = RATE.numerator, RATE.denominator
    return spec


def _outputs(client: LocutorClient, job_id: str) -> dict[job_pb2.OutputKind.ValueType, str]:
    *_, job = client.watch(job_id)
    if job.state != job_pb2.STATE_SUCCEEDED:
        raise InternalError(f"the job ended as {job_pb2.State.Name(job.state)}: {job.error.message or job.results[0].error.message}")
    return {output.kind: output.media.uri for output in job.results[0].outputs}


def _sound(path: Path) -> np.ndarray:
    """(samples, 2) float32 at 48 kHz."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
    return np.concatenate(frames, axis=1).T.astype(np.float32)


def _fitted(sound: np.ndarray, samples: int) -> np.ndarray:
    """Cut or padded with silence at its end to so many samples."""
    return np.pad(sound[:samples], ((0, max(0, samples - len(sound))), (0, 0)))


def _png(picture: np.ndarray) -> bytes:
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()
