"""Videos as people send them to be dubbed, made of ten seconds of a man who introduces himself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from media.soundtrack import Soundtrack
from tests.media.sources import Sound

VIDEO = Path(__file__).parents[3] / "shared" / "testdata" / "video" / "talking_glasses_en.mp4"
RATE = 48_000
SIZE = (360, 240)


def speech(seconds: float) -> np.ndarray:
    """The man's voice, (n,) float32 at 48 kHz."""
    return np.concatenate(list(Soundtrack(VIDEO, stereo=False).blocks()))[: round(seconds * RATE)]


def music(seconds: float) -> np.ndarray:
    """Four chords of plucked strings over and over, (n,) float32 at 48 kHz."""
    time = np.arange(round(seconds * RATE)) / RATE
    chords = ((220.0, 261.6, 329.6), (174.6, 220.0, 261.6), (261.6, 329.6, 392.0), (196.0, 246.9, 293.7))
    since = time % 0.5
    number = (time // 2).astype(int) % 4
    sound = np.zeros(len(time))
    for index, chord in enumerate(chords):
        tone = sum(np.sin(2 * np.pi * pitch * harmonic * time) / harmonic**1.5 for pitch in chord for harmonic in (1, 2, 3))
        sound += np.where(number == index, tone, 0.0)
    return (0.05 * sound * np.exp(-3 * since) * np.minimum(1, since / 0.005)).astype(np.float32)


def sound(audio: np.ndarray, **more: object) -> Sound:
    """A mono track of `audio`."""
    return Sound(audio[:, None], layout="mono", **more)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Filmed:
    """A picture that is encoded anew from the man's."""

    seconds: float = 6.0
    size: tuple[int, int] = SIZE
    rate: Fraction = Fraction(30)
    rotation: int = 0
    """By how much a player turns the picture counter-clockwise."""
    times: Sequence[Fraction] | None = None
    """When the pictures are shown; None: evenly."""

    def write(self, path: Path, sounds: Sequence[Sound]) -> Path:
        """A file of the container that the name says, with the pictures of the original at their times."""
        times = self.times or [number / self.rate for number in range(round(self.seconds * self.rate))]
        clock = Fraction(1, 90_000)
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=self.rate, options={"preset": "ultrafast", "crf": "20", "g": "60"})
            stream.width, stream.height, stream.pix_fmt = *self.size, "yuv420p"
            stream.codec_context.time_base = clock
            if self.rotation:
                stream.set_display_rotation(self.rotation)
            tracks = [_add_track(container, one) for one in sounds]
            for time, picture in zip(times, _pictures(times, self.size, self.rotation), strict=True):
                picture.pts, picture.time_base = round(time / clock), clock
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
            for one, track in zip(sounds, tracks, strict=True):
                _write_track(container, track, one)
        return path


def copied(path: Path, filmed: Path, sounds: Sequence[Sound]) -> Path:
    """The packets of `filmed`'s picture beside other sounds."""
    with av.open(str(filmed)) as source, av.open(str(path), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        tracks = [_add_track(container, one) for one in sounds]
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                container.mux(packet)
        for one, track in zip(sounds, tracks, strict=True):
            _write_track(container, track, one)
    return path


def _pictures(times: Sequence[Fraction], size: tuple[int, int], rotation: int) -> Iterator[av.VideoFrame]:
    """The original's picture at each of `times`, in a size, and turned away so that a player turns it back."""
    with av.open(str(VIDEO)) as container:
        frames = container.decode(video=0)
        frame = next(frames)
        for time in times:
            while frame.time < float(time) - 1e-3 and (following := next(frames, None)) is not None:
                frame = following
            upright = frame.reformat(*(size[::-1] if rotation % 180 else size), format="rgb24").to_ndarray()
            yield av.VideoFrame.from_ndarray(np.ascontiguousarray(np.rot90(upright, -rotation // 90)), "rgb24").reformat(format="yuv420p")


def _add_track(container: av.container.OutputContainer, one: Sound) -> av.AudioStream:
    track = container.add_stream(one.codec, rate=one.rate, layout=one.layout)
    track.codec_context.time_base = Fraction(1, one.rate)
    for name in ("language", "title"):
        if getattr(one, name):
            track.metadata[name] = getattr(one, name)
    return track


def _write_track(container: av.container.OutputContainer, track: av.AudioStream, one: Sound) -> None:
    for begin in range(0, len(one.audio), 1024):
        block = one.audio[begin : begin + 1024]
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block.T), format="fltp", layout=one.layout)
        frame.sample_rate, frame.time_base = one.rate, Fraction(1, one.rate)
        frame.pts = round(one.start_s * one.rate) + begin
        container.mux(track.encode(frame))
    container.mux(track.encode(None))
