from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from scipy.signal import correlate

from locutor.errors import InvalidInput
from media.copy_mux import FurtherSound, copy_mux, copy_obstacle
from media.picture_scan import scan_picture
from media.probe import probe
from tests.media.pieces import grey_of
from tests.media.sources import Sound, even_times, noise, turn, write_source

REAL = Path(__file__).parents[3] / "shared" / "testdata" / "video" / "talking_glasses_en.mp4"


def _payloads(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def _shown(path: Path) -> list[tuple[Fraction, float]]:
    with av.open(str(path)) as container:
        return [(frame.pts * frame.time_base, float(frame.to_ndarray()[: frame.height].mean())) for frame in container.decode(video=0)]


def _sound(path: Path, track: int = 0) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=track)], axis=1).T


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg4"])
def test_pictures_are_copied_and_begin_at_zero(tmp_path: Path, suffix: str, codec: str) -> None:
    source = write_source(tmp_path / f"s.{suffix}", even_times(50), [Sound(noise(2))], codec=codec, b_frames=2)
    said = noise(3, seed=5)
    done = copy_mux(tmp_path / "out.mp4", source, iter(np.array_split(said, 13)), language="pt-BR", title="Olá")
    assert (done.pictures, done.samples) == (50, 96_000)
    shown = _shown(done.path)
    assert len(shown) == 50 and shown[0][0] == 0
    assert all(abs(time - Fraction(number, 25)) <= Fraction(1, 900) for number, (time, _) in enumerate(shown))
    assert np.allclose([grey for _, grey in shown], [grey_of(number) for number in range(50)], atol=4)
    heard = _sound(done.path)
    assert len(heard) == pytest.approx(96_000, abs=1024)
    assert int(np.argmax(correlate(heard[:96_000, 0], said[:96_000, 0], "full", "fft"))) == 95_999
    info = probe(done.path)
    assert (info.title, info.audio[0].language, info.audio[0].codec, info.audio[0].sample_rate) == ("Olá", "por", "aac", 48_000)
    assert abs(info.video[0].duration_s - 2) <= Fraction(1, 100) and abs(info.audio[0].duration_s - 2) <= Fraction(1, 900)
    if suffix != "ts":  # whose start codes MP4 writes as lengths
        assert _payloads(done.path) == _payloads(source)
    assert done.path.read_bytes().index(b"moov") < done.path.read_bytes().index(b"mdat")


def test_uneven_times_turning_and_pixel_shape_are_kept(tmp_path: Path) -> None:
    times = [Fraction(number, 30) for number in range(60) if number % 7 != 3]
    source = write_source(tmp_path / "s.mp4", times, aspect=Fraction(4, 3))
    turn(source, 90)
    done = copy_mux(tmp_path / "out.mp4", source, np.zeros(0, np.float32))
    assert [time for time, _ in _shown(done.path)] == times
    assert probe(done.path).video[0].pixel_aspect == Fraction(4, 3)
    for path in (source, done.path):
        with av.open(str(path)) as container:
            assert next(container.decode(video=0)).rotation == -90


def test_a_picture_that_begins_late_and_one_cut_by_an_edit_list(tmp_path: Path) -> None:
    late = write_source(tmp_path / "late.mkv", [time + Fraction(1, 2) for time in even_times(25)], [Sound(noise(2))])
    done = copy_mux(tmp_path / "out.mp4", late, np.zeros(0, np.float32))
    assert (_shown(done.path)[0][0], done.samples) == (0, 48_000)

    # A file as a telephone's editor makes it: it begins between two key frames, and hides what comes before.
    with av.open(str(write_source(tmp_path / "whole.mp4", even_times(50)))) as whole, av.open(str(tmp_path / "cut.mp4"), "w") as cut:
        stream = cut.add_stream_from_template(whole.streams.video[0])
        for packet in whole.demux(video=0):
            if packet.size:
                packet.pts -= round(Fraction(3, 10) / packet.time_base)
                packet.dts -= round(Fraction(3, 10) / packet.time_base)
                packet.stream = stream
                cut.mux(packet)
    scan = scan_picture(tmp_path / "cut.mp4")
    shown = _shown(tmp_path / "cut.mp4")
    assert len(scan.times) == len(shown) == 42
    done = copy_mux(tmp_path / "out.mp4", tmp_path / "cut.mp4", np.zeros(0, np.float32))
    assert _shown(done.path)[0][0] == 0
    assert [grey for _, grey in _shown(done.path)] == [grey for _, grey in shown]
    assert done.samples == nearest_samples(shown)


def nearest_samples(shown: list[tuple[Fraction, float]]) -> int:
    return round((shown[-1][0] - shown[0][0] + Fraction(1, 25)) * 48_000)


def test_the_original_sound_can_be_chosen(tmp_path: Path) -> None:
    source = write_source(tmp_path / "s.mp4", even_times(25), [Sound(noise(1))])
    original = FurtherSound([noise(1, seed=3)], "en", "Original")
    done = copy_mux(tmp_path / "out.mp4", source, noise(1, seed=4), language="es", further=[original])
    tracks = probe(done.path).audio
    assert [(track.language, track.is_default) for track in tracks] == [("spa", True), ("eng", False)]
    assert tracks[1].title == "Original" or tracks[1].title == ""
    assert int(np.argmax(correlate(_sound(done.path, 1)[:48_000, 0], noise(1, seed=3)[:, 0], "full", "fft"))) == 47_999


def test_what_mp4_does_not_hold_is_said(tmp_path: Path) -> None:
    source = write_source(tmp_path / "s.mkv", even_times(5), codec="ffv1")
    assert "ffv1" in copy_obstacle(source)
    with pytest.raises(InvalidInput, match="must be encoded anew") as caught:
        copy_mux(tmp_path / "out.mp4", source, np.zeros(0, np.float32))
    assert caught.value.reason == "CANNOT_COPY"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.mkv"]


def test_a_file_that_breaks_off_is_copied_until_there(tmp_path: Path) -> None:
    source = write_source(tmp_path / "s.mkv", even_times(100), [Sound(noise(4))])
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    scan = scan_picture(source)
    done = copy_mux(tmp_path / "out.mp4", source, noise(4))
    assert "breaks off" in scan.fault
    assert 0 < done.pictures < 100 and done.samples == scan.samples
    assert len(_shown(done.path)) == pytest.approx(done.pictures, abs=1)


def test_120_frames_a_second(tmp_path: Path) -> None:
    source = write_source(tmp_path / "s.mp4", even_times(240, Fraction(120)), b_frames=2)
    done = copy_mux(tmp_path / "out.mp4", source, noise(2))
    assert [time for time, _ in _shown(done.path)] == even_times(240, Fraction(120))


def test_a_real_video_is_copied_to_the_byte(tmp_path: Path) -> None:
    if not REAL.is_file():
        pytest.skip("the shared test data is not there")
    done = copy_mux(tmp_path / "out.mp4", REAL, noise(5), language="es")
    assert _payloads(done.path) == _payloads(REAL)
    assert done.samples == 478_400 and float(probe(done.path).audio[0].duration_s) == pytest.approx(478_400 / 48_000, abs=0.001)
    assert probe(done.path).video[0].frame_rate == 30
