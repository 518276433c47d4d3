from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from locutor.errors import InvalidInput, OutOfRange
from media.copy_mux import copy_mux, copy_obstacle
from media.cover import write_cover
from media.footage import FootageReader, Stretch
from media.mux import mux_program
from media.picture_scan import scan_picture
from media.probe import probe
from media.soundtrack import Soundtrack
from tests.media.pieces import SIZE, encode_piece, grey_of
from tests.media.sources import Sound, even_times, noise, write_source


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("video") / "v.mp4"
    return mux_program(out, [encode_piece(30), encode_piece(30, 30)], np.zeros(0, np.float32), frame_rate=Fraction(25)).path


def test_probe_says_what_is_there(video: Path) -> None:
    info = probe(video)
    assert "mp4" in info.container.split(",")
    assert info.size_bytes == video.stat().st_size
    assert info.duration_s == Fraction(12, 5)
    track = info.video[0]
    assert (track.width, track.height, track.frame_rate, track.frame_count, track.language) == (*SIZE, Fraction(25), 60, "")
    assert info.audio[0].channels == 2 and info.subtitles == ()


def test_what_is_no_media_is_refused(tmp_path: Path) -> None:
    (tmp_path / "face.png").write_text("this is a text file " * 50)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "cut.mp4").write_bytes(encode_piece(30)[:300])
    for name, reason in [("face.png", "NOT_MEDIA"), ("empty.mp4", "EMPTY"), ("cut.mp4", "NOT_MEDIA"), ("missing.mp4", "NOT_FOUND")]:
        with pytest.raises(InvalidInput, match=name) as caught:
            probe(tmp_path / name, field="face_uri")
        assert (caught.value.violations[0].field, caught.value.reason) == ("face_uri", reason)


@pytest.mark.parametrize("name", ["list.m3u8", "list.ffconcat", "list.mp4"])
def test_what_only_names_other_files_is_refused(video: Path, name: str) -> None:
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nv.mp4\n#EXT-X-ENDLIST\n"
    path = video.with_name(name)
    path.write_text(playlist if name == "list.m3u8" else "ffconcat version 1.0\nfile 'v.mp4'\n")
    with pytest.raises(InvalidInput, match="is not an audio or video file") as caught:
        probe(path)
    assert caught.value.reason == "NOT_MEDIA"


@pytest.mark.parametrize(("time_s", "frame"), [(0.0, 0), (0.039, 0), (0.04, 1), (1.2, 30), (1.99, 49), (2.399, 59)])
def test_the_cover_is_the_frame_asked_for(video: Path, tmp_path: Path, time_s: float, frame: int) -> None:
    write_cover(video, tmp_path / "cover.jpg", time_s)
    with Image.open(tmp_path / "cover.jpg") as image:
        assert (image.format, image.size) == ("JPEG", SIZE)
        # Limited-range luma to full-range grey.
        expected = (grey_of(frame) - 16) * 255 / 219
        assert float(np.asarray(image.convert("L")).mean()) == pytest.approx(expected, abs=1.6)


@pytest.mark.parametrize("time_s", [-0.1, 2.4, 100.0])
def test_no_cover_from_outside_the_video(video: Path, tmp_path: Path, time_s: float) -> None:
    with pytest.raises(OutOfRange, match=r"lasts 2\.400 s"):
        write_cover(video, tmp_path / "cover.jpg", time_s)


def test_a_track_that_cannot_be_decoded_hinders_no_other(tmp_path: Path) -> None:
    """As the second sound track of newer telephones."""
    path = write_source(tmp_path / "v.mkv", even_times(5), [Sound(noise(1), codec="flac"), Sound(noise(1), codec="pcm_s16le")])
    path.write_bytes(path.read_bytes().replace(b"A_FLAC", b"A_XLAC"))
    first, second = probe(path).audio
    assert (first.codec, second.codec) == ("unknown", "pcm_s16le")
    with pytest.raises(InvalidInput, match=r"sound track 1 .* cannot be decoded here") as caught:
        next(Soundtrack(path).blocks())
    assert caught.value.reason == "NO_AUDIO"
    assert next(Soundtrack(path, 1).blocks()).shape[1] == 2


def test_formats_are_named_not_decoders(tmp_path: Path) -> None:
    path = write_source(tmp_path / "v.mp4", even_times(5), [Sound(noise(1))], codec="libsvtav1")
    assert (probe(path).video[0].codec, copy_obstacle(path)) == ("av1", "")
    assert copy_mux(tmp_path / "out.mp4", path, noise(1)).pictures == 5


@pytest.mark.parametrize("suffix", ["flv", "mxf", "asf"])
def test_what_one_reader_takes_all_take(tmp_path: Path, suffix: str) -> None:
    """The gateway refused containers that the services decode."""
    codec = "mpeg2video" if suffix == "mxf" else "libx264"
    path = write_source(tmp_path / f"v.{suffix}", even_times(10), codec=codec, time_base=Fraction(1, 25))
    assert len(probe(path).video) == 1
    with FootageReader(path, Stretch(*SIZE, Fraction(25), scan_picture(path).start_s, 5)) as reader:
        assert len(list(reader)) == 5
