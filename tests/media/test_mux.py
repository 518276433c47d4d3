from __future__ import annotations

import tracemalloc
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace
from scipy.signal import correlate, lfilter

from locutor.errors import InvalidInput
from media.clock import frame_to_sample
from media.fragments import FragmentEncoder
from media.mux import mux_program
from media.probe import probe
from tests.media.pieces import encode_piece, grey_of

RATES = [Fraction(25), Fraction(30_000, 1001), Fraction(60)]


def _speechlike(samples: int) -> np.ndarray:
    """Noise in the lower band, with silence before and after: it has one clear place."""
    noise = lfilter([1.0], [1.0, -0.9], np.random.default_rng(7).standard_normal(samples))
    noise[: samples // 4] = 0
    noise[-samples // 4 :] = 0
    return (0.05 * noise).astype(np.float32)


def _sound_of(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)


@pytest.mark.parametrize("rate", RATES, ids=str)
@pytest.mark.parametrize("b_frames", [0, 2])
def test_pieces_are_joined_frame_by_frame(tmp_path: Path, rate: Fraction, b_frames: int) -> None:
    counts = [31, 1, 24]
    pieces = [encode_piece(count, sum(counts[:number]), rate, b_frames=b_frames) for number, count in enumerate(counts)]
    total = sum(counts)
    sound = _speechlike(frame_to_sample(total, rate))
    done = mux_program(tmp_path / "out.mp4", iter(pieces), sound, frame_rate=rate, language="pt-BR", title="Olá")

    assert (done.frames, done.samples) == (total, len(sound))
    info = probe(done.path)
    assert info.title == "Olá"
    video, audio = info.video[0], info.audio[0]
    assert (video.codec, video.profile, video.pixel_format, video.frame_rate, video.language) == ("h264", "High", "yuv420p", rate, "por")
    assert (audio.codec, audio.sample_rate, audio.channels, audio.language) == ("aac", 48_000, 2, "por")
    assert abs(video.duration_s - total / rate) < Fraction(1, 1000)
    assert abs(video.duration_s - audio.duration_s) < Fraction(2, 1000)
    with av.open(str(done.path)) as container:
        frames = list(container.decode(video=0))
    assert [frame.pts * frame.time_base for frame in frames] == [number / rate for number in range(total)]
    greys = [float(frame.to_ndarray()[: video.height].mean()) for frame in frames]
    assert np.allclose(greys, [grey_of(number) for number in range(total)], atol=2)


def test_packets_are_copied_as_they_are(tmp_path: Path) -> None:
    pieces = [encode_piece(20), encode_piece(10, 20)]
    mux_program(tmp_path / "out.mp4", pieces, np.zeros(0, np.float32), frame_rate=Fraction(25))

    def payloads(source: Path) -> list[bytes]:
        with av.open(str(source)) as container:
            return [bytes(packet) for packet in container.demux(video=0) if packet.size]

    originals = []
    for number, piece in enumerate(pieces):
        (tmp_path / f"{number}.mp4").write_bytes(piece)
        originals += payloads(tmp_path / f"{number}.mp4")
    assert payloads(tmp_path / "out.mp4") == originals


def test_sound_is_neither_shifted_nor_cut(tmp_path: Path) -> None:
    sound = _speechlike(96_000)
    stereo = np.stack([sound, 0.5 * sound], axis=1)
    blocks = np.split(stereo, [1, 700, 701, 50_000])
    done = mux_program(tmp_path / "out.mp4", [encode_piece(50)], iter(blocks), frame_rate=Fraction(25))
    decoded = _sound_of(done.path)[:, : len(sound)]
    for channel, original in zip(decoded, stereo.T, strict=True):
        assert int(np.argmax(correlate(channel, original, "full", "fft"))) - (len(original) - 1) == 0
        assert float(np.sqrt(np.mean((channel - original) ** 2))) < 0.2 * float(np.sqrt(np.mean(original**2)))


def test_fast_start_and_nothing_left_behind(tmp_path: Path) -> None:
    done = mux_program(tmp_path / "out.mp4", [encode_piece(10)], np.zeros(100, np.float32), frame_rate=Fraction(25))
    data = done.path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert done.size_bytes == len(data)
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_files_serve_as_pieces(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(encode_piece(12))
    assert mux_program(tmp_path / "out.mp4", [tmp_path / "a.mp4"], np.zeros(0, np.float32), frame_rate=Fraction(25)).frames == 12


@pytest.mark.parametrize(
    ("odd", "reason", "told"),
    [
        (encode_piece(5, size=(192, 96)), "PIECES_DIFFER", "192x96"),
        (encode_piece(5, b_frames=2, crf="30"), "PIECES_DIFFER", "SPS"),
        (encode_piece(5, rate=Fraction(30)), "PIECES_DIFFER", "is at 30 frames a second, the first at 25"),
        (b"no video at all" * 100, "UNREADABLE", "MP4"),
        (b"", "UNREADABLE", "MP4"),
    ],
    ids=["size", "parameters", "rate", "noise", "nothing"],
)
def test_a_piece_that_does_not_fit_is_named(tmp_path: Path, odd: bytes, reason: str, told: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        mux_program(tmp_path / "out.mp4", [encode_piece(5), odd], np.zeros(0, np.float32), frame_rate=Fraction(25))
    assert caught.value.reason == reason
    assert caught.value.violations[0].field == "video_pieces[1]"
    assert told in caught.value.message
    assert list(tmp_path.iterdir()) == []


def test_another_rate_than_said_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"video_pieces\[0\]: a frame lies at .* 25 frames a second") as caught:
        mux_program(tmp_path / "out.mp4", [encode_piece(5, rate=Fraction(30))], np.zeros(0, np.float32), frame_rate=Fraction(25))
    assert caught.value.reason == "RATE_DIFFERS"


def test_no_pieces_and_too_much_sound_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="at least one piece"):
        mux_program(tmp_path / "out.mp4", [], np.zeros(10, np.float32), frame_rate=Fraction(25))
    with pytest.raises(InvalidInput, match=r"longer than the picture's 0\.400 s"):
        mux_program(tmp_path / "out.mp4", [encode_piece(10)], np.zeros(19_200 + 1920, np.float32), frame_rate=Fraction(25))
    mux_program(tmp_path / "out.mp4", [encode_piece(10)], np.zeros(19_200 + 1919, np.float32), frame_rate=Fraction(25))


def test_memory_does_not_grow_with_the_programme(tmp_path: Path) -> None:
    piece = encode_piece(50)

    def peak(pieces: int) -> int:
        tracemalloc.start()
        silence = (np.zeros(96_000, np.float32) for _ in range(pieces))
        mux_program(tmp_path / "out.mp4", (piece for _ in range(pieces)), silence, frame_rate=Fraction(25))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(1)  # what is allocated once
    assert peak(60) < 1.5 * peak(6) + 100_000


def test_what_the_fragment_encoder_makes_apart_joins(tmp_path: Path) -> None:
    """Decoded, the joined video is the pieces' own pictures one after the other, with their colours' meaning kept."""
    pieces = []
    for first in (0, 40):
        encoder = FragmentEncoder(160, 96, Fraction(30_000, 1001))
        parts = [part for number in range(40) for part in encoder.add(np.full((144, 160), grey_of(first + number), np.uint8))]
        pieces.append(b"".join([*parts, *encoder.finish()]))
    done = mux_program(tmp_path / "out.mp4", pieces, np.zeros(0, np.float32), frame_rate=Fraction(30_000, 1001))
    with av.open(str(done.path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_range) == (Colorspace.ITU709, ColorRange.MPEG)
        greys = [float(frame.to_ndarray()[:96].mean()) for frame in container.decode(video=0)]
    assert np.allclose(greys, [grey_of(number) for number in range(80)], atol=3)
