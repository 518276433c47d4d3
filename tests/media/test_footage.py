"""Frames of footage: which picture is shown when, upright, and otherwise untouched."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from locutor.errors import InvalidInput
from media.colors import Colors
from media.footage import Abandoned, FootageReader, Stretch
from tests.media.videos import decoded, encode, number_of, numbered

WIDTH, HEIGHT = 192, 128


def read(path: Path, count: int, rate: int | Fraction = 25, start: Fraction = Fraction(0), size: tuple[int, int] = (WIDTH, HEIGHT)) -> list[np.ndarray]:
    with FootageReader(path, Stretch(*size, Fraction(rate), start, count)) as reader:
        return list(reader)


def refused(path: Path, size: tuple[int, int] = (WIDTH, HEIGHT)) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        read(path, 2, size=size)
    return caught.value


def test_pixels_are_the_files_own(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", numbered(WIDTH, HEIGHT, 30))
    frames = read(path, 30)
    assert all((a == b).all() for a, b in zip(frames, decoded(path), strict=True))


@pytest.mark.parametrize("container", ["mp4", "mkv", "ts", "avi"])
def test_a_stretch_from_between_key_frames(tmp_path: Path, container: str) -> None:
    path = encode(tmp_path / f"a.{container}", numbered(WIDTH, HEIGHT, 60), first=Fraction(2) if container == "mkv" else Fraction(0))
    # MPEG transport streams begin at a time of the muxer's choice.
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        first = stream.start_time * stream.time_base
    assert [number_of(frame) for frame in read(path, 10, start=first + Fraction(37, 25))] == list(range(37, 47))


def test_what_is_shown_at_each_frames_time(tmp_path: Path) -> None:
    times = [Fraction(t, 1000) for t in (0, 40, 200, 210, 220, 400, 401, 500, 800)]
    path = encode(tmp_path / "variable.mp4", numbered(WIDTH, HEIGHT, 9), times=times)
    shown = [number_of(frame) for frame in read(path, 20)]
    expected = [max(i for i, t in enumerate(times) if t <= Fraction(n, 25) + Fraction(3, 2000)) for n in range(20)]
    assert shown == expected


def test_twice_as_many_frames_or_half(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mkv", numbered(WIDTH, HEIGHT, 30), Fraction(30))
    assert [number_of(frame) for frame in read(path, 20, rate=60)] == [n // 2 for n in range(20)]
    assert [number_of(frame) for frame in read(path, 10, rate=15)] == [n * 2 for n in range(10)]


def test_the_last_picture_is_held(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", numbered(WIDTH, HEIGHT, 10))
    with FootageReader(path, Stretch(WIDTH, HEIGHT, Fraction(25), Fraction(1, 5), 15)) as reader:
        assert [number_of(frame) for frame in reader] == [5, 6, 7, 8, *[9] * 11]
        assert (reader.held_from, reader.held_frames, reader.damage) == (5, 10, "")


def test_the_first_picture_is_shown_before_it(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mkv", numbered(WIDTH, HEIGHT, 10), first=Fraction(1))
    assert [number_of(frame) for frame in read(path, 5, start=Fraction(23, 25))] == [0, 0, 0, 1, 2]


def test_a_damaged_tail_is_held_and_told(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mkv", numbered(WIDTH, HEIGHT, 100))
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    path.write_bytes(whole[: len(whole) * 2 // 3] + rng.bytes(len(whole) // 3))
    with FootageReader(path, Stretch(WIDTH, HEIGHT, Fraction(25), Fraction(0), 100)) as reader:
        frames = list(reader)
        assert len(frames) == 100
        assert reader.held_from is not None and 40 < reader.held_from < 80
        assert reader.damage
    assert [number_of(frame) for frame in frames[:40]] == list(range(40))


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_phones_turn_their_pictures(tmp_path: Path, rotation: int) -> None:
    path = encode(tmp_path / "a.mp4", numbered(WIDTH, HEIGHT, 3), rotation=rotation)
    size = (WIDTH, HEIGHT) if rotation == 180 else (HEIGHT, WIDTH)
    (upright,) = read(path, 1, size=size)
    coded = decoded(path)[0]
    planes = [(coded[:HEIGHT], 0, size[1]), (coded[HEIGHT:].reshape(2, HEIGHT // 2, WIDTH // 2)[0], size[1], size[1] * 5 // 4)]
    for plane, begin, end in planes:
        assert (np.rot90(plane, rotation // 90) == upright[begin:end].reshape(np.rot90(plane, rotation // 90).shape)).all()


def test_pixels_are_made_square(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", numbered(WIDTH, HEIGHT, 3), sample_aspect_ratio=Fraction(4, 3))
    assert read(path, 1, size=(256, 128))[0].shape == (192, 256)
    error = refused(path, size=(192, 128))
    assert error.reason == "OTHER_PROPORTIONS" and "256 x 128" in str(error)


def test_an_odd_row_is_left_out(tmp_path: Path) -> None:
    frames = [np.random.default_rng(n).integers(0, 255, (129, 193, 3), np.uint8) for n in range(2)]
    path = encode(tmp_path / "a.mkv", frames, codec="ffv1", options={})
    (upright,) = read(path, 1)
    with av.open(str(path)) as file:
        coded = next(file.decode(video=0))
        plane = np.frombuffer(coded.planes[0], np.uint8).reshape(129, -1)[:128, :192]
    assert (upright[:128] == plane).all()


@pytest.mark.parametrize(
    ("codec", "pixels"),
    [("libx264", "yuv422p"), ("libx264", "yuv444p"), ("libx264", "yuv420p10le"), ("ffv1", "bgr0"), ("libx264", "yuvj420p")],
)
def test_other_formats_look_the_same(tmp_path: Path, codec: str, pixels: str) -> None:
    source = numbered(WIDTH, HEIGHT, 4)
    path = encode(tmp_path / "a.mkv", source, codec=codec, pixels=pixels, options={} if codec == "ffv1" else {"crf": "4", "preset": "veryfast"})
    with FootageReader(path, Stretch(WIDTH, HEIGHT, Fraction(25), Fraction(0), 4)) as reader:
        frames, colors = list(reader), reader.colors
    full = pixels == "yuvj420p"
    assert colors.range == (2 if full else colors.range)
    expected = source[3][:HEIGHT].astype(float)
    if full:
        expected = (expected - 16) * 255 / 219
    assert np.abs(frames[3][:HEIGHT] - expected).mean() < 3


def test_colours_are_told(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", numbered(WIDTH, HEIGHT, 2), colorspace=5, color_primaries=5, color_trc=6, color_range=1)
    with FootageReader(path, Stretch(WIDTH, HEIGHT, Fraction(25), Fraction(0), 2)) as reader:
        assert reader.colors == Colors(matrix=5, range=1, primaries=5, transfer=6)


def test_high_dynamic_range_stays_what_it_is(tmp_path: Path) -> None:
    tags = {"colorspace": 9, "color_primaries": 9, "color_trc": 18, "color_range": 1}
    source = numbered(WIDTH, HEIGHT, 2)
    path = encode(tmp_path / "a.mp4", source, pixels="yuv420p10le", options={"crf": "4"}, **tags)
    with FootageReader(path, Stretch(WIDTH, HEIGHT, Fraction(25), Fraction(0), 2)) as reader:
        assert reader.colors == Colors(matrix=9, range=1, primaries=9, transfer=18)
        assert max(np.abs(frame.astype(int) - given).mean() for frame, given in zip(reader, source, strict=True)) < 1.5


def test_what_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"")
    assert refused(path).reason == "EMPTY"
    path.write_bytes(os.urandom(5000))
    assert refused(path).reason == "NOT_MEDIA"
    path.write_bytes(b"#EXTM3U\n#EXTINF:10,\nfile:///etc/hostname\n")
    assert refused(path).reason == "NOT_MEDIA"
    video = encode(tmp_path / "a.mp4", numbered(WIDTH, HEIGHT, 10))
    path.write_bytes(video.read_bytes()[:2000])
    assert refused(path).reason == "NOT_MEDIA"
    with av.open(str(tmp_path / "sound.wav"), "w") as file:
        stream = file.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        frame.rate = 8000
        file.mux(stream.encode(frame))
    assert refused(tmp_path / "sound.wav").reason in ("NO_VIDEO_TRACK", "NOT_MEDIA")


_HEAD = """import sys
sys.stdout.write('{"matrix": 1, "range": 1, "primaries": 1, "transfer": 1}\\n' + "x" * 1000)
sys.stdout.flush()
"""


@pytest.fixture
def decoder_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Puts a program in the decoder's place and gives a file that it is to decode."""

    def put(program: str) -> Path:
        script = tmp_path / "decoder.py"
        script.write_text(program)
        monkeypatch.setattr("media.footage._DECODER", script)
        return script

    return put


@pytest.mark.parametrize("head", ["", _HEAD])
def test_who_waits_for_a_frame_can_leave(decoder_that: Callable[[str], Path], head: str) -> None:
    path = decoder_that(head + "import time\ntime.sleep(600)")
    begin_s = time.monotonic()
    with (
        pytest.raises(Abandoned),
        FootageReader(path, Stretch(WIDTH, HEIGHT, Fraction(25), Fraction(0), 5), is_abandoned=lambda: time.monotonic() > begin_s + 0.3) as reader,
    ):
        next(iter(reader))


@pytest.mark.parametrize("head", ["", _HEAD])
def test_a_file_that_takes_too_long_is_refused(decoder_that: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, head: str) -> None:
    monkeypatch.setattr("media.footage._PATIENCE_S", 0.5)
    monkeypatch.setattr("media.footage._PATIENCE_PER_SECOND_S", 0.0)
    error = refused(decoder_that(head + "import time\ntime.sleep(600)"))
    assert (error.violations[0].field, error.reason) == ("video", "TOO_SLOW")


def test_too_few_frames_are_no_frames(decoder_that: Callable[[str], Path]) -> None:
    error = refused(decoder_that(_HEAD + 'print(\'{"held_from": null, "damage": ""}\', file=sys.stderr)'))
    assert "too few frames" in str(error)


def test_leaving_early_ends_the_decoder(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", numbered(WIDTH, HEIGHT, 10))
    with FootageReader(path, Stretch(WIDTH, HEIGHT, Fraction(25), Fraction(0), 100_000)) as reader:
        next(iter(reader))
        decoder = reader._decoder
        assert decoder.poll() is None
    assert decoder.returncode is not None
