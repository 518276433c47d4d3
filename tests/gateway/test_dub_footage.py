"""A picture's pieces as files: which are copied, and which are encoded together."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.dub.footage import Footage, Piece
from gateway.media_process import Picture
from media.footage import Stretch

RATE = Fraction(25)


async def test_what_hangs_on_one_key_frame_is_encoded_in_one_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Picture(1280, 720, RATE, False, Fraction(3), Fraction(100), 100 * 48_000, 2500, 1, (0.0, 60.0), ("g", "h"), "c", "", "")
    pieces = [Piece(number, number * 500, 500, RATE) for number in range(5)]
    passes: list[tuple[Stretch, list[tuple[str, int]]]] = []

    async def cut(_: Path, folder: Path, stretches: list[Any], field: str) -> list[Any]:
        # The first of each key frame's pieces can be copied.
        return [(folder / "00000.mkv", Fraction(1)), None, None, (folder / "00003.mkv", Fraction(1)), None]

    def encode(source: Path, stretch: Stretch, outs: list[tuple[Path, int]], *_: object) -> None:
        passes.append((stretch, [(path.name, count) for path, count in outs]))

    monkeypatch.setattr("gateway.dub.footage.cut_picture", cut)
    monkeypatch.setattr("gateway.dub.footage.encode_excerpts", encode)

    async def path() -> Path:
        return tmp_path / "source"

    source: Any = SimpleNamespace(video=SimpleNamespace(path=path), picture=picture)
    flow: Any = SimpleNamespace(folder=tmp_path)
    none: Any = None
    footage = Footage(flow, none, none, source, pieces, [])
    files = [await footage.file(piece) for piece in pieces]
    assert passes == [
        (Stretch(1280, 720, RATE, Fraction(23), 1000), [("00001.mp4", 500), ("00002.mp4", 500)]),
        (Stretch(1280, 720, RATE, Fraction(83), 500), [("00004.mp4", 500)]),
    ]
    assert [(file.path.name, file.stretch.start_s) for file in files] == [
        ("00000.mkv", 1),
        ("00001.mp4", 0),
        ("00002.mp4", 0),
        ("00003.mkv", 1),
        ("00004.mp4", 0),
    ]
