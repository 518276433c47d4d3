from __future__ import annotations

import tracemalloc
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest

from locutor.errors import OutOfRange
from media.encoded_excerpts import encode_excerpts
from media.excerpt import write_excerpt
from media.footage import FootageReader, Stretch
from media.picture_scan import scan_picture
from tests.media.pieces import SIZE, grey_of
from tests.media.sources import Sound, even_times, noise, turn, write_source


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize(("start", "end"), [(0, 10), (24, 26), (25, 50), (61, 100), (99, 100)])
def test_the_stretch_shows_the_source_s_pictures(tmp_path: Path, suffix: str, start: int, end: int) -> None:
    source = write_source(tmp_path / f"s.{suffix}", even_times(100), [Sound(noise(4))], b_frames=2)
    scan = scan_picture(source)
    excerpt = write_excerpt(tmp_path / "e.mkv", source, scan, Fraction(start, 25), Fraction(end, 25))
    stretch = Stretch(*SIZE, Fraction(25), excerpt.start_s, end - start)
    with FootageReader(excerpt.path, stretch) as reader:
        greys = [float(frame[: SIZE[1]].mean()) for frame in reader]
        assert reader.held_from is None and reader.damage == ""
    assert greys == pytest.approx([grey_of(number) for number in range(start, end)], abs=3)
    with av.open(str(excerpt.path)) as container:
        assert not container.streams.audio
        # From the key frame before on, and no further than pictures wait for one another.
        keys = [round(float((key - scan.times[0]) * scan.time_base * 25)) for key in scan.key_times]
        first = max(key for key in keys if key <= start)
        assert end - first <= sum(1 for packet in container.demux(video=0) if packet.size) <= end - first + 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e.mkv", f"s.{suffix}"]


def test_a_container_without_an_index_serves(tmp_path: Path) -> None:
    source = write_source(tmp_path / "s.mpg", even_times(100), [Sound(noise(4), codec="mp2")], codec="mpeg2video", time_base=Fraction(1, 25))
    scan = scan_picture(source)
    excerpt = write_excerpt(tmp_path / "e.mkv", source, scan, Fraction(2), Fraction(3))
    with FootageReader(excerpt.path, Stretch(*SIZE, Fraction(25), excerpt.start_s, 25)) as reader:
        greys = [float(frame[: SIZE[1]].mean()) for frame in reader]
    assert greys == pytest.approx([grey_of(number) for number in range(50, 75)], abs=3)


def test_uneven_pictures_and_turning_are_kept(tmp_path: Path) -> None:
    times = [Fraction(number, 30) for number in range(90) if number % 7 != 3]
    source = write_source(tmp_path / "s.mp4", times)
    turn(source, 90)
    excerpt = write_excerpt(tmp_path / "e.mkv", source, scan_picture(source), Fraction(1), Fraction(2))
    with av.open(str(excerpt.path)) as container:
        frames = list(container.decode(video=0))
    shown = [frame.pts * frame.time_base for frame in frames if frame.pts * frame.time_base >= excerpt.start_s - Fraction(1, 1000)]
    expected = [excerpt.start_s + time - 1 for time in times if 1 <= time < 2]
    assert all(abs(a - b) <= Fraction(1, 1000) for a, b in zip(shown, expected, strict=False)) and len(shown) >= len(expected)
    assert frames[0].rotation == -90


@pytest.mark.parametrize(("start", "end"), [(-1, 1), (1, 1), (4, 5)])
def test_what_is_not_in_the_video_is_refused(tmp_path: Path, start: int, end: int) -> None:
    source = write_source(tmp_path / "s.mp4", even_times(100))
    with pytest.raises(OutOfRange, match=r"video of 4\.000 s"):
        write_excerpt(tmp_path / "e.mkv", source, scan_picture(source), Fraction(start), Fraction(end))


def test_memory_does_not_grow_with_the_stretch(tmp_path: Path) -> None:
    source = write_source(tmp_path / "s.mp4", even_times(1000))
    scan = scan_picture(source)

    def peak(seconds: int) -> int:
        tracemalloc.start()
        write_excerpt(tmp_path / "e.mkv", source, scan, Fraction(1), Fraction(1 + seconds))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(1)
    assert peak(38) < 1.5 * peak(4) + 50_000


def test_what_would_carry_too_much_is_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_source(tmp_path / "s.mp4", even_times(100))
    scan = scan_picture(source)
    only_key = replace(scan, key_times=scan.key_times[:1])
    monkeypatch.setattr("media.excerpt.LONGEST_RUN_UP_S", 2)
    assert write_excerpt(tmp_path / "e.mkv", source, only_key, Fraction(3), Fraction(4)) is None
    assert write_excerpt(tmp_path / "e.mkv", source, only_key, Fraction(2), Fraction(4)) is not None
    (tmp_path / "e.mkv").unlink()
    monkeypatch.setattr("media.excerpt.MOST_BYTES", 1000)
    assert write_excerpt(tmp_path / "e.mkv", source, scan, Fraction(0), Fraction(4)) is None
    assert [path.name for path in tmp_path.iterdir()] == ["s.mp4"]


def test_what_is_not_copied_is_encoded_in_one_pass(tmp_path: Path) -> None:
    source = write_source(tmp_path / "s.mp4", even_times(100))
    outs = [(tmp_path / "a.mp4", 20), (tmp_path / "b.mp4", 30)]
    encode_excerpts(source, Stretch(*SIZE, Fraction(25), Fraction(1), 50), outs)
    first = 25
    for path, count in outs:
        with FootageReader(path, Stretch(*SIZE, Fraction(25), Fraction(0), count)) as reader:
            greys = [float(frame[: SIZE[1]].mean()) for frame in reader]
            assert reader.held_frames == 0
        assert greys == pytest.approx([grey_of(number) for number in range(first, first + count)], abs=3)
        first += count
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4", "s.mp4"]
