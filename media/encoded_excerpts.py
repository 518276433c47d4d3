"""Stretches of a video's picture as files of their own, encoded anew: where copies would carry too much before them, or be too large."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

from media.footage import FootageReader, Stretch
from media.fragments import FOOTAGE_CRF, FragmentEncoder


def encode_excerpts(
    source: Path, stretch: Stretch, outs: Sequence[tuple[Path, int]], field: str = "media", is_abandoned: Callable[[], bool] = lambda: False
) -> None:
    """Read `stretch` of `source` once and write its frames one after the other to `outs`: to each file so many of them.

    The files are fragmented MP4 as `media.fragments` makes it, and begin at 0; each appears whole or not at all. Raises as `FootageReader`.
    """
    with FootageReader(source, stretch, field, is_abandoned) as reader:
        frames = iter(reader)
        for out, count in outs:
            partial = out.with_name(f".{out.name}.partial")
            encoder = FragmentEncoder(stretch.width, stretch.height, stretch.frame_rate, reader.colors, FOOTAGE_CRF)
            try:
                with closing(encoder), partial.open("wb") as file:
                    for frame in islice(frames, count):
                        file.writelines(encoder.add(frame))
                    file.writelines(encoder.finish())
                partial.replace(out)
            finally:
                partial.unlink(missing_ok=True)
