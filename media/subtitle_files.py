"""Cues as SubRip and WebVTT."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor

from media.subtitles import Cue


def to_srt(cues: Sequence[Cue]) -> str:
    """SubRip, to be kept as UTF-8. It knows no escapes: text is written as it is, but for the arrow that parts two times."""
    blocks = []
    for number, cue in enumerate(cues, 1):
        lines = "\n".join(cue.lines).replace("-->", "→")
        blocks.append(f"{number}\n{_stamp(cue.start, ',')} --> {_stamp(cue.end, ',')}\n{lines}\n")
    return "\n".join(blocks)


def to_vtt(cues: Sequence[Cue]) -> str:
    """WebVTT (W3C), to be kept as UTF-8."""
    blocks = ["WEBVTT\n"]
    for number, cue in enumerate(cues, 1):
        lines = "\n".join(cue.lines).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        blocks.append(f"{number}\n{_stamp(cue.start, '.')} --> {_stamp(cue.end, '.')}\n{lines}\n")
    return "\n".join(blocks)


def _stamp(time_s: Fraction, point: str) -> str:
    millis = floor(time_s * 1000)
    seconds, millis = divmod(millis, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{millis:03}"
