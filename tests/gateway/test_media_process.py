"""What the gateway makes of its reader's end: the file's fault, ours, or a limit's."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from gateway.media_process import copy_picture, cut_picture, read_picture, read_sound, write_still
from locutor.errors import InvalidInput
from media.aac_pieces import encode_piece, write_packets
from media.picture_scan import scan_picture
from media.sound_pieces import read_wide
from media.soundtrack import Soundtrack
from tests.media.sources import Sound, even_times, noise, write_source

FIELD = "dub.video_uri"


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Two seconds, with a key frame each."""
    return write_source(tmp_path / "film.mp4", even_times(50), [Sound(noise(2))])


async def test_sound_is_read_and_told_of(film: Path, tmp_path: Path) -> None:
    told: list[int] = []
    sound = await read_sound(film, tmp_path, FIELD, samples=96_000, tell=told.append)
    assert (sound.samples, sound.fault, told) == (96_000, "", [48_000])
    assert [len(read_wide(path)) for path in sound.pieces] == [96_000]
    assert np.load(sound.loudness).shape == (20,)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk here that is always full")
async def test_a_full_disk_is_no_fault_of_the_file(film: Path, tmp_path: Path) -> None:
    (tmp_path / ".00000.flac.partial").symlink_to("/dev/full")
    with pytest.raises(OSError) as caught:
        await read_sound(film, tmp_path, FIELD, samples=96_000)
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.parametrize(
    ("program", "error", "reason"),
    [
        ("print('{\"done\": 48000}', flush=True); os.kill(os.getpid(), signal.SIGSEGV)", InvalidInput, "NOT_MEDIA"),
        ("print('{\"found\": {}}', flush=True); os.kill(os.getpid(), signal.SIGSEGV)", InvalidInput, "NOT_MEDIA"),
        ("print('{\"fou', end='', flush=True)", InvalidInput, "NOT_MEDIA"),
        ("os.kill(os.getpid(), signal.SIGXCPU)", InvalidInput, "TOO_SLOW"),
        ("os.kill(os.getpid(), signal.SIGKILL)", MemoryError, ""),
        ('print(\'{"failed": "memory"}\', flush=True)', MemoryError, ""),
        ("raise ValueError", InvalidInput, "NOT_MEDIA"),
    ],
)
async def test_a_reader_that_breaks_gives_no_answer(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, error: type[Exception], reason: str
) -> None:
    if sys.platform == "win32":
        pytest.skip("there are no signals here")
    monkeypatch.setattr("gateway.media_process._READER", (sys.executable, "-c", f"import os, signal; {program}"))
    with pytest.raises(error) as caught:
        await read_sound(film, tmp_path, FIELD, samples=96_000)
    assert getattr(caught.value, "reason", "") == reason


async def test_a_reader_whose_caller_is_cancelled_ends(film: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    program = f"import os, pathlib, time; pathlib.Path({str(mark)!r}).write_text(str(os.getpid())); time.sleep(600)"
    monkeypatch.setattr("gateway.media_process._READER", (sys.executable, "-c", program))
    task = asyncio.create_task(read_picture(film, FIELD))
    while not (mark.exists() and mark.read_text()):  # noqa: ASYNC110 - another process writes it
        await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        await asyncio.to_thread(os.kill, int(mark.read_text()), 0)


async def test_the_picture_is_cut_and_copied_by_the_reader(film: Path, tmp_path: Path) -> None:
    picture = await read_picture(film, FIELD)
    assert (picture.pictures, picture.frame_rate, picture.copy_obstacle) == (50, 25, "")
    stretches = [(Fraction(0), Fraction(1)), (Fraction(1), Fraction(3))]
    cut = await cut_picture(film, tmp_path, stretches, FIELD)
    assert [len(scan_picture(one[0]).times) for one in cut if one is not None] == [25, 25]
    sound = write_packets(tmp_path / "sound.aac", encode_piece(noise(2, seed=5), 0, 96_000, is_last=True))
    out = tmp_path / "out.mp4"
    assert await copy_picture(film, sound, 96_000, out, FIELD, language="es") == 50
    with av.open(str(film)) as before, av.open(str(out)) as after:
        packets = [[bytes(packet) for packet in container.demux(video=0) if packet.size] for container in (before, after)]
        assert packets[0] == packets[1]
        assert after.streams.audio[0].metadata["language"] == "spa"
    assert np.concatenate(list(Soundtrack(out, length=96_000).blocks())).any()
    await write_still(out, tmp_path / "cover.jpg", FIELD)
    assert (tmp_path / "cover.jpg").read_bytes()[:2] == b"\xff\xd8"


async def test_what_cannot_be_copied_is_refused_with_the_field(film: Path, tmp_path: Path) -> None:
    picture = write_source(tmp_path / "film.mkv", even_times(10), codec="ffv1")
    with pytest.raises(InvalidInput, match="encoded anew") as caught:
        await copy_picture(picture, film, 96_000, tmp_path / "out.mp4", FIELD, language="")
    assert (caught.value.reason, caught.value.violations[0].field) == ("CANNOT_COPY", FIELD)
    assert "ffv1" in (await read_picture(picture, FIELD)).copy_obstacle
