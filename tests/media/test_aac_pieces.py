from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from locutor.errors import InvalidInput
from media.aac_pieces import AAC_FRAME, AFTER, WARM_UP, EncodedSound, encode_piece, write_packets
from media.mux import mux_program
from media.sound_pieces import PIECE, read_exact, read_wide, write_exact, write_pieces
from media.soundtrack import Soundtrack
from tests.media.pieces import encode_piece as encode_picture
from tests.media.sources import noise

SPEECH = Path(__file__).parents[3] / "shared" / "testdata" / "speech" / "LJ001-0003.wav"
_LENGTH = 400 * AAC_FRAME


def _encode(sound: np.ndarray, length: int, folder: Path) -> EncodedSound:
    """In pieces of `length` samples."""
    paths = []
    for begin in range(0, len(sound), length):
        end = min(begin + length, len(sound))
        first = max(0, begin - WARM_UP)
        packets = encode_piece(sound[first : end + AFTER], begin - first, end - begin, is_last=end == len(sound))
        paths.append(write_packets(folder / f"{length}-{begin}.aac", packets))
    return EncodedSound(paths, len(sound))


def _filmed(sound: EncodedSound | np.ndarray, samples: int, out: Path) -> np.ndarray:
    """What a player hears of it: beside a picture of its length, decoded again."""
    frames = samples // 1920
    mux_program(out, [encode_picture(frames)], sound, frame_rate=Fraction(25))
    return np.concatenate(list(Soundtrack(out, length=samples).blocks()))


def _level_db(sound: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(sound)) + 1e-20))


def test_pieces_join_without_a_seam(tmp_path: Path) -> None:
    """Speech over a chord: at the seams the joined stream is as near to the original as one that was encoded in one go."""
    if not SPEECH.is_file():
        pytest.skip("the shared test data is not there")
    voice = np.concatenate(list(Soundtrack(SPEECH, stereo=False).blocks()))
    samples = len(voice) * 3 // 1920 * 1920
    time = np.arange(samples) / 48_000
    chord = 0.05 * sum(np.sin(2 * np.pi * pitch * time) for pitch in (220, 277, 330))
    sound = np.repeat((np.tile(voice, 3)[:samples] + chord)[:, None], 2, axis=1).astype(np.float32)
    sound *= np.float32(0.8) / np.abs(sound).max()
    joined = _filmed(_encode(sound, _LENGTH, tmp_path), samples, tmp_path / "joined.mp4") - sound
    unbroken = _filmed(sound, samples, tmp_path / "unbroken.mp4") - sound
    assert _level_db(joined) < _level_db(sound) - 25
    assert _level_db(joined) == pytest.approx(_level_db(unbroken), abs=0.5)
    seams = range(_LENGTH, samples, _LENGTH)
    assert len(seams) >= 2
    for seam in seams:
        near = slice(seam - AAC_FRAME, seam + AAC_FRAME)
        assert _level_db(joined[near]) < _level_db(sound[near]) - 35
        assert np.abs(joined[near]).max() < np.abs(unbroken).max()


def test_copied_sound_lies_where_encoded_sound_does(tmp_path: Path) -> None:
    sound = noise(8)[: 200 * 1920]
    pieces = _encode(sound, PIECE, tmp_path)
    copied, encoded = tmp_path / "copied.mp4", tmp_path / "encoded.mp4"
    heard = [_filmed(pieces, len(sound), copied), _filmed(sound, len(sound), encoded)]
    assert np.array_equal(*heard)
    for path in (copied, encoded):
        with av.open(str(path)) as container:
            stream = container.streams.audio[0]
            assert float(stream.duration * stream.time_base) == pytest.approx(8.0, abs=0.001)
    with pytest.raises(InvalidInput, match="encode it anew"):
        mux_program(tmp_path / "short.mp4", [encode_picture(100)], pieces, frame_rate=Fraction(25))


def test_kept_pieces_are_what_was_written(tmp_path: Path) -> None:
    """In any portions; above full scale as well."""
    sound = 1.5 * noise(70)
    paths = list(write_pieces(np.array_split(sound, 23), tmp_path))
    assert [len(read_wide(path)) for path in paths] == [PIECE, PIECE, 6 * 48_000]
    assert np.abs(np.concatenate([read_wide(path) for path in paths]) - sound).max() < 2e-7
    steps = (noise(1) * 32767).astype(np.int16)
    assert np.array_equal(read_exact(write_exact(tmp_path / "exact.flac", steps)), steps)
