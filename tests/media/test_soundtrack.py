from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import correlate

from locutor.errors import InvalidInput
from media.blocks import BlockReader, exact_blocks
from media.downmix import downmix
from media.picture_scan import scan_picture
from media.probe import probe
from media.resample import resample
from media.soundtrack import SoundCondition, Soundtrack
from tests.media.sources import Sound, even_times, noise, turn, write_source

REAL = Path(__file__).parents[3] / "shared" / "testdata" / "video" / "talking_glasses_en.mp4"
FAST_START = {"movflags": "+faststart"}


def _heard(track: Soundtrack, condition: SoundCondition | None = None) -> np.ndarray:
    return np.concatenate(list(track.blocks(condition)))


def _lag(heard: np.ndarray, said: np.ndarray) -> int:
    """Samples by which `heard` is late."""
    return int(np.argmax(correlate(heard, said, "full", "fft"))) - (len(said) - 1)


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("codec", ["aac", "flac", "pcm_s16le"])
def test_every_rate_lies_where_it_was(tmp_path: Path, rate: int, codec: str) -> None:
    sound = noise(2, rate)
    track = Soundtrack(write_source(tmp_path / "s.mkv", even_times(50), [Sound(sound, rate, codec=codec)]), length=96_000)
    heard = _heard(track)
    assert heard.shape == (96_000, 2) and heard.dtype == np.float32
    said = resample(sound, rate, 48_000)
    for side in (0, 1):
        assert _lag(heard[:, side], said[:, side]) == 0
        # AAC replaces noise by other noise.
        assert np.corrcoef(heard[:, side], said[:, side])[0, 1] > (0.6 if codec == "aac" else 0.995)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "mov", "avi"])
def test_containers_keep_sound_with_picture(tmp_path: Path, suffix: str) -> None:
    """A picture that is not shown from 0 on, reordered frames, an encoder's delay: the sound's place is that of the picture's first frame."""
    sound = noise(2)
    picture = {"codec": "mpeg4"} if suffix == "avi" else {"b_frames": 2}
    path = write_source(tmp_path / f"s.{suffix}", even_times(50), [Sound(sound)], time_base=Fraction(1, 25), **picture)  # type: ignore[arg-type]
    scan = scan_picture(path)
    heard = _heard(Soundtrack(path, origin_s=scan.start_s, length=scan.samples))
    # Without an edit list (AVI, MPEG-TS) the encoder's delay of 1024 samples is not told.
    assert 0 <= _lag(heard[:, 0], sound[:, 0]) <= {"ts": 1024, "avi": 1024, "mkv": 48}.get(suffix, 0)
    if suffix != "avi":  # FFmpeg leaves a picture out there
        assert (scan.is_variable, scan.frame_rate, len(scan.times), scan.samples) == (False, 25, 50, 96_000)


@pytest.mark.parametrize(("suffix", "codec"), [("mp3", "libmp3lame"), ("m4a", "aac"), ("ogg", "libopus"), ("wav", "pcm_s16le")])
def test_sound_alone_begins_with_itself(tmp_path: Path, suffix: str, codec: str) -> None:
    """Whatever delay its encoder had: music that goes under a picture lies where it was made to lie."""
    sound = noise(2)
    heard = _heard(Soundtrack(write_source(tmp_path / f"music.{suffix}", [], [Sound(sound, codec=codec)]), length=96_000))
    assert _lag(heard[:, 0], sound[:, 0]) == 0


def test_a_late_picture_and_a_late_sound(tmp_path: Path) -> None:
    sound = noise(2)
    late_picture = write_source(tmp_path / "p.mkv", [time + Fraction(1, 2) for time in even_times(25)], [Sound(sound, codec="flac")])
    scan, found = scan_picture(late_picture), SoundCondition()
    heard = _heard(Soundtrack(late_picture, origin_s=scan.start_s, length=scan.samples), found)
    assert scan.start_s == Fraction(1, 2) and len(heard) == 48_000
    assert np.allclose(heard, sound[24_000:72_000], atol=1e-4)
    assert found.dropped_s == Fraction(1, 2)

    late_sound = write_source(tmp_path / "s.mkv", even_times(50), [Sound(sound, codec="flac", start_s=Fraction(1, 4))])
    found = SoundCondition()
    heard = _heard(Soundtrack(late_sound, length=96_000), found)
    assert not heard[:12_000].any() and np.allclose(heard[12_000:], sound[:84_000], atol=1e-4)
    assert (found.filled_s, found.fault) == (Fraction(1, 4), "")


def test_gaps_are_silence_and_nothing_moves(tmp_path: Path) -> None:
    sound = noise(3)
    path = write_source(tmp_path / "s.mkv", even_times(75), [Sound(sound, codec="pcm_s16le", gap=(48_000, 60_000))])
    found = SoundCondition()
    heard = _heard(Soundtrack(path, length=144_000), found)
    assert not heard[48_300:60_000].any()
    assert float(found.filled_s) == pytest.approx(0.25, abs=0.05)
    assert np.allclose(heard[:46_000], sound[:46_000], atol=1e-3)
    # Matroska's clock counts milliseconds.
    assert abs(_lag(heard[62_000:140_000, 0], sound[62_000:140_000, 0])) <= 24


def test_tracks_are_told_apart(tmp_path: Path) -> None:
    first, second = noise(1, seed=1), noise(1, seed=2)
    sounds = [Sound(first, codec="flac", language="eng"), Sound(second, codec="flac", language="spa", title="Español")]
    path = write_source(tmp_path / "s.mkv", even_times(25), sounds)
    assert [(track.language, track.title, track.layout) for track in probe(path).audio] == [("eng", "", "stereo"), ("spa", "Español", "stereo")]
    assert np.allclose(_heard(Soundtrack(path, 1)), second, atol=1e-3)
    with pytest.raises(InvalidInput, match="has 2 sound tracks, not a number 3") as caught:
        next(Soundtrack(path, 2, field="dub.video_uri").blocks())
    assert (caught.value.reason, caught.value.violations[0].field) == ("NO_AUDIO", "dub.video_uri")


def test_surround_is_mixed_as_the_standard_says(tmp_path: Path) -> None:
    sound = noise(1, channels=6)
    path = write_source(tmp_path / "s.mkv", even_times(25), [Sound(sound, layout="5.1", codec="flac")])
    left, right, centre, _, back_left, back_right = sound.T
    heard = _heard(Soundtrack(path))
    assert np.allclose(heard[:, 0], left + 2**-0.5 * (centre + back_left), atol=1e-3)
    assert np.allclose(heard[:, 1], right + 2**-0.5 * (centre + back_right), atol=1e-3)
    assert np.allclose(_heard(Soundtrack(path, stereo=False)), heard.mean(axis=1), atol=1e-3)


def test_one_channel_is_heard_on_both_sides() -> None:
    one = noise(0.1, channels=1)
    assert np.array_equal(downmix(one, ("FC",)), np.repeat(one, 2, axis=1))
    assert np.array_equal(downmix(one, ("FC",), stereo=False), one[:, 0])
    assert downmix(noise(0.1, channels=3), ("?", "FL", "LFE")).shape == (4800, 2)


def test_sound_longer_and_shorter_than_the_picture(tmp_path: Path) -> None:
    sound = noise(2)
    path = write_source(tmp_path / "s.mp4", even_times(25), [Sound(sound)])
    scan = scan_picture(path)
    assert scan.samples == 48_000 == len(_heard(Soundtrack(path, length=scan.samples)))
    assert len(_heard(Soundtrack(path))) == pytest.approx(96_000, abs=1024)
    assert not _heard(Soundtrack(path, length=480_000))[100_000:].any()


def test_a_file_without_sound_says_so(tmp_path: Path) -> None:
    path = write_source(tmp_path / "mute.mp4", even_times(5))
    with pytest.raises(InvalidInput, match=r"'mute\.mp4' has no sound"):
        next(Soundtrack(path).blocks())


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_of_a_file_that_breaks_off_what_is_there_is_read(tmp_path: Path, suffix: str) -> None:
    path = write_source(tmp_path / f"s.{suffix}", even_times(250), [Sound(noise(10))], options=FAST_START if suffix == "mp4" else None)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    scan, found = scan_picture(path), SoundCondition()
    heard = _heard(Soundtrack(path, origin_s=scan.start_s, length=480_000), found)
    assert len(heard) == 480_000
    assert 0 < found.heard_s < 9
    assert heard[: int(found.heard_s * 48_000)].any() and not heard[int(found.heard_s * 48_000) + 48 :].any()
    if suffix != "ts":  # which announces no length
        assert "breaks off" in found.fault


def test_damage_in_the_middle_moves_nothing(tmp_path: Path) -> None:
    sound = noise(4)
    path = write_source(tmp_path / "s.mp4", even_times(100), [Sound(sound)], options=FAST_START)
    whole = _heard(Soundtrack(path, length=192_000))
    data = bytearray(path.read_bytes())
    # The sound is written after the picture: this is inside it.
    middle = len(data) * 6 // 10
    data[middle : middle + 4000] = np.random.default_rng(1).bytes(4000)
    path.write_bytes(data)
    heard = _heard(Soundtrack(path, length=192_000))
    # AAC fills in noise by chance, so that what follows the damage is alike, not equal.
    assert _lag(heard[-40_000:, 0], whole[-40_000:, 0]) == 0
    assert np.corrcoef(heard[-40_000:, 0], whole[-40_000:, 0])[0, 1] > 0.8


def test_the_rhythm_of_pictures(tmp_path: Path) -> None:
    def scan(times: list[Fraction], **more: object) -> tuple[bool, Fraction]:
        found = scan_picture(write_source(tmp_path / "v.mkv", times, **more))  # type: ignore[arg-type]
        return found.is_variable, found.frame_rate

    # Matroska rounds to milliseconds.
    assert scan(even_times(60, Fraction(30_000, 1001))) == (False, Fraction(30_000, 1001))
    assert scan(even_times(240, Fraction(120))) == (False, Fraction(120))
    uneven = [time for number, time in enumerate(even_times(90, Fraction(30))) if number % 7]
    assert scan(uneven) == (True, Fraction(30))


def test_a_turned_picture_and_oblong_pixels(tmp_path: Path) -> None:
    path = write_source(tmp_path / "v.mp4", even_times(5), aspect=Fraction(4, 3))
    turn(path, 90)
    track = probe(path).video[0]
    assert (track.pixel_aspect, track.is_hdr, track.is_cover) == (Fraction(4, 3), False, False)


def test_blocks_are_taken_as_asked() -> None:
    sound = noise(0.1)
    reader = BlockReader(np.array_split(sound, 7))
    taken = [reader.take(count) for count in (1, 0, 999, 3000, 900)]
    assert [len(part) for part in taken] == [1, 0, 999, 3000, 900]
    assert np.array_equal(np.concatenate(taken)[: len(sound)], sound) and not taken[-1][800:].any()
    assert [len(block) for block in exact_blocks(iter([sound]), 10_000, 4_000)] == [4_000, 4_000, 2_000]
    assert [block.shape for block in exact_blocks([], 10, 10)] == [(10,)]


def test_real_speech_is_read_whole() -> None:
    if not REAL.is_file():
        pytest.skip("the shared test data is not there")
    scan, found = scan_picture(REAL), SoundCondition()
    heard = _heard(Soundtrack(REAL, origin_s=scan.start_s, length=scan.samples), found)
    assert (len(heard), found.fault, found.broken_packets) == (478_400, "", 0)
    assert np.array_equal(heard[:, 0], heard[:, 1]) and 0.1 < np.abs(heard).max() < 0.5


def test_a_time_stamp_past_the_end_makes_no_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody asked for a length: one wrong time was worth days of it."""
    path = write_source(tmp_path / "s.mkv", [], [Sound(noise(4), codec="pcm_s16le", gap=(48_000, 144_000))])
    whole = SoundCondition()
    assert len(_heard(Soundtrack(path), whole)) == pytest.approx(192_000, abs=1024) and whole.fault == ""
    monkeypatch.setattr("media.soundtrack.announced_end_s", lambda _: Fraction(1))
    monkeypatch.setattr("media.soundtrack._LATE_S", 1)
    found = SoundCondition()
    assert len(_heard(Soundtrack(path), found)) == pytest.approx(48_000, abs=1024)
    assert "past the sound's end" in found.fault
    monkeypatch.setattr("media.soundtrack.announced_end_s", lambda _: Fraction(0))
    monkeypatch.setattr("media.soundtrack.LONGEST_SAMPLES", 96_000)
    assert len(_heard(Soundtrack(path))) < 97_000
