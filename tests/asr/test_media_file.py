"""Decoding media files: any container, bounded, hostile ones refused."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from locutor.errors import InvalidInput
from services.asr import media_file
from services.asr.engine import SAMPLE_RATE
from services.asr.media_file import sound_of

RATE = 44_100
SECONDS = 3


def write(path: Path, codec: str, *, video: bool = False) -> Path:
    """A tone of 440 Hz, in stereo, three seconds long."""
    tone = (0.3 * np.sin(2 * np.pi * 440 * np.arange(RATE * SECONDS) / RATE)).astype(np.float32)
    with av.open(str(path), "w") as container:
        # Every stream is there before the first packet is: the header names them.
        picture = container.add_stream("mpeg4", rate=10) if video else None
        sound = container.add_stream(codec, rate=RATE, layout="stereo") if codec else None
        if picture:
            picture.width = picture.height = 64
            for index in range(10 * SECONDS):
                frame = av.VideoFrame(64, 64, "yuv420p")
                frame.pts, frame.time_base = index, Fraction(1, 10)
                container.mux(picture.encode(frame))
            container.mux(picture.encode(None))
        if sound:
            for at in range(0, len(tone), 1024):
                block = av.AudioFrame.from_ndarray(np.stack([tone[at : at + 1024]] * 2), format="fltp", layout="stereo")
                block.sample_rate, block.pts, block.time_base = RATE, at, Fraction(1, RATE)
                container.mux(sound.encode(block))
            container.mux(sound.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "video"), [("a.wav", "pcm_s16le", False), ("a.mp3", "libmp3lame", False), ("a.mp4", "aac", True), ("a.mkv", "flac", True)]
)
def test_containers_and_codecs(tmp_path: Path, name: str, codec: str, video: bool) -> None:
    sound = np.concatenate(list(sound_of(write(tmp_path / name, codec, video=video))))
    assert sound.dtype == np.float32 and len(sound) == pytest.approx(SECONDS * SAMPLE_RATE, abs=0.1 * SAMPLE_RATE)
    middle = sound[SAMPLE_RATE : 2 * SAMPLE_RATE]
    assert np.argmax(np.abs(np.fft.rfft(middle))) == pytest.approx(440, abs=2)
    assert np.abs(middle).max() == pytest.approx(0.3, abs=0.03)


def _empty(folder: Path) -> Path:
    path = folder / "empty"
    path.touch()
    return path


def _text(folder: Path) -> Path:
    path = folder / "text"
    path.write_text("This is no sound.\n" * 1000)
    return path


def _playlist(folder: Path) -> Path:
    """A playlist that names another file of the machine: it must not be opened."""
    write(folder / "secret.ts", "aac")
    path = folder / "list.m3u8"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nsecret.ts\n#EXT-X-ENDLIST\n")
    return path


def _damaged(folder: Path) -> Path:
    path = write(folder / "a.mp4", "aac")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_empty, "EMPTY_AUDIO"),
        (_text, "NOT_MEDIA"),
        (_playlist, "NOT_MEDIA"),
        (_damaged, "NOT_MEDIA"),
        (lambda folder: write(folder / "silent.mp4", "", video=True), "NO_AUDIO_TRACK"),
    ],
)
def test_what_is_refused(tmp_path: Path, make: Callable[[Path], Path], reason: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        list(sound_of(make(tmp_path)))
    assert (caught.value.violations[0].field, caught.value.reason) == ("audio", reason)


def test_sound_has_a_longest_duration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_file, "LONGEST_S", 2)
    with pytest.raises(InvalidInput) as caught:
        list(sound_of(write(tmp_path / "a.wav", "pcm_s16le")))
    assert caught.value.reason == "AUDIO_TOO_LONG"


def test_a_reader_who_stops_leaves_no_process(tmp_path: Path) -> None:
    import psutil

    before = set(psutil.Process().children())
    blocks = sound_of(write(tmp_path / "a.wav", "pcm_s16le"))
    next(blocks)
    blocks.close()
    assert set(psutil.Process().children()) <= before
