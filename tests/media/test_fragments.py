"""Streams of fragments, and pieces that join without being encoded again."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from media.fragments import FragmentEncoder
from media.mux import mux_program

WIDTH, HEIGHT = 320, 180


def moving(first: int, count: int) -> list[np.ndarray]:
    """I420 frames of a soft pattern that drifts, each a function of its number."""
    frames = []
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    for number in range(first, first + count):
        frame = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
        frame[:HEIGHT] = (126 + 60 * np.sin((x + 2 * number) / 23) + 40 * np.sin((y - number) / 11)).astype(np.uint8)
        frames.append(frame)
    return frames


def encoded(frames: list[np.ndarray], rate: Fraction = Fraction(25)) -> list[bytes]:
    encoder = FragmentEncoder(WIDTH, HEIGHT, rate)
    parts = [part for frame in frames for part in encoder.add(frame)]
    return parts + encoder.finish()


def decoded(stream: bytes | Path) -> list[av.VideoFrame]:
    with av.open(str(stream) if isinstance(stream, Path) else io.BytesIO(stream)) as container:
        return list(container.decode(video=0))


def boxes(data: bytes) -> list[bytes]:
    found, position = [], 0
    while position < len(data):
        found.append(data[position + 4 : position + 8])
        position += int.from_bytes(data[position : position + 4], "big")
    assert position == len(data)
    return found


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(10), Fraction(60)])
def test_times_are_exact(rate: Fraction) -> None:
    frames = decoded(b"".join(encoded(moving(0, 70), rate)))
    assert [frame.pts * frame.time_base for frame in frames] == [n / rate for n in range(70)]


def test_parts_are_the_header_then_closed_groups() -> None:
    parts = encoded(moving(0, 80))
    assert boxes(parts[0]) == [b"ftyp", b"moov"]
    assert all(boxes(part) == [b"moof", b"mdat"] for part in parts[1:])
    # Half a second, then whole seconds: 12, 25, 25 and the rest.
    counts = []
    for part in parts[1:]:
        with av.open(io.BytesIO(parts[0] + part)) as container:
            packets = [packet for packet in container.demux(video=0) if packet.pts is not None]
            assert packets[0].is_keyframe and not any(packet.is_keyframe for packet in packets[1:])
            # A group that refers to another one could not be decoded alone without a concealed error.
            counts.append(len(decoded(parts[0] + part)))
            assert counts[-1] == len(packets)
    assert counts == [12, 25, 25, 18]


def test_first_part_comes_before_all_frames_are_made() -> None:
    encoder = FragmentEncoder(WIDTH, HEIGHT, Fraction(25))
    at = next(number for number, frame in enumerate(moving(0, 60)) if len(encoder.add(frame)) == 2)
    assert at < 30
    encoder.finish()


def test_format_is_tagged() -> None:
    with av.open(io.BytesIO(b"".join(encoded(moving(0, 3))))) as container:
        context = container.streams.video[0].codec_context
        assert (context.profile, context.pix_fmt, container.streams.video[0].average_rate) == ("High", "yuv420p", 25)
        # 1 is BT.709 in all three, and limited range.
        assert (context.color_primaries, context.color_trc, context.colorspace, context.color_range) == (1, 1, 1, 1)
        assert context.extradata


def test_same_frames_give_the_same_bytes() -> None:
    assert encoded(moving(5, 40)) == encoded(moving(5, 40))


def test_picture_is_kept() -> None:
    source = moving(0, 30)
    for frame, original in zip(decoded(b"".join(encoded(source))), source, strict=True):
        error = frame.to_ndarray().astype(float) - original
        assert np.sqrt(np.mean(error**2)) < 3.0


@pytest.mark.parametrize("count", [1, 2, 12, 13])
def test_short_streams(count: int) -> None:
    assert len(decoded(b"".join(encoded(moving(0, count))))) == count


def test_no_frames_at_all() -> None:
    """A header and nothing after it."""
    (header,) = FragmentEncoder(WIDTH, HEIGHT, Fraction(25)).finish()
    assert header[4:8] == b"ftyp" and b"moov" in header
    assert b"moof" not in header and b"mdat" not in header


def test_pieces_join_without_a_trace(tmp_path: Path) -> None:
    first, second = b"".join(encoded(moving(0, 40))), b"".join(encoded(moving(40, 33)))
    out = tmp_path / "joined.mp4"
    program = mux_program(out, [first, second], np.zeros(48_000 * 73 // 25, np.float32), frame_rate=Fraction(25))
    assert program.frames == 73
    joined = decoded(out)
    assert [frame.pts * frame.time_base for frame in joined] == [Fraction(n, 25) for n in range(73)]
    apart = decoded(first) + decoded(second)
    for a, b in zip(joined, apart, strict=True):
        assert np.array_equal(a.to_ndarray(), b.to_ndarray())


def test_wrong_frames_are_refused() -> None:
    encoder = FragmentEncoder(WIDTH, HEIGHT, Fraction(25))
    with pytest.raises(ValueError, match="expected"):
        encoder.add(np.zeros((HEIGHT, WIDTH), np.uint8))
    with pytest.raises(ValueError, match="expected"):
        encoder.add(np.zeros((HEIGHT * 3 // 2, WIDTH), np.float32))
    encoder.finish()
