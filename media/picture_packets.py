"""The packets of a video track as another file can take them: from a key frame on, each with all its times."""

from __future__ import annotations

from collections.abc import Iterator

import av
from av.video.stream import VideoStream

from locutor.errors import InvalidInput
from media.clock import nearest
from media.picture_scan import PictureScan


def timed_packets(
    container: av.container.InputContainer, stream: VideoStream, scan: PictureScan, origin: int, field: str, key: int | None = None
) -> Iterator[av.Packet]:
    """Packets from the key frame at `key` (in ticks; None: the first one) on, with `origin` taken off their times.

    A file that breaks off ends there. Raises InvalidInput: CANNOT_COPY where the file does not say when its pictures are shown.
    """
    step = max(1, nearest(1 / (scan.frame_rate * scan.time_base)))
    waiting: list[av.Packet] = []
    for packet in _from_key(container, stream, key):
        if packet.pts is None:
            raise InvalidInput.of(field, "some of its pictures have no time; it must be encoded anew", "CANNOT_COPY")
        packet.pts -= origin
        packet.duration = packet.duration or step
        waiting.append(packet)
        if packet.dts is None:
            continue
        # Matroska keeps no decoding times; FFmpeg finds them, but for the first few. Those lie a picture apart before it.
        packet.dts -= origin
        for place, early in enumerate(waiting[:-1]):
            early.dts = packet.dts - step * (len(waiting) - 1 - place)
        yield from waiting
        waiting = []
    if waiting:
        raise InvalidInput.of(field, "its pictures have no decoding times; it must be encoded anew", "CANNOT_COPY")


def _from_key(container: av.container.InputContainer, stream: VideoStream, key: int | None) -> Iterator[av.Packet]:
    """The packets from a key frame on, without those shown before it: they need pictures of before."""
    packets, began = container.demux(stream), False
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError:
            return  # `PictureScan.fault` tells of it.
        if packet is None:
            return
        if packet.size == 0:
            continue
        if not began and packet.is_keyframe and key in (None, packet.pts):
            began, key = True, packet.pts
        if began and (packet.pts is None or key is None or packet.pts >= key):
            yield packet
