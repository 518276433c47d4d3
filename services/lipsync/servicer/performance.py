"""How a presenter moves: messages to dataclasses, checked."""

from __future__ import annotations

from collections.abc import Sequence

from locutor.common.v1 import video_pb2
from services.lipsync.engine import Cue, CueKind, Performance, Style
from services.lipsync.servicer.formats import ConfigCheck

MOST_PERCENT = 150
MOST_CUES = 5_000
"""Of a whole programme: one in every 17 seconds of a day, and one for every word of an hour's speech that nobody would direct."""
LONGEST_CUE_S = 60.0

_PERCENTS = {"expression_percent": "expression", "head_motion_percent": "head_motion", "gaze_percent": "gaze"}
_STYLES = {video_pb2.STYLE_UNSPECIFIED: Style.NEUTRAL, **{video_pb2.Style.Value(f"STYLE_{style.name}"): style for style in Style}}
_KINDS = {video_pb2.CueKind.Value(f"CUE_KIND_{kind.name}"): kind for kind in CueKind}


def check_performance(check: ConfigCheck, performance: video_pb2.Performance) -> None:
    for name in _PERCENTS:
        percent = getattr(performance, name)
        check.require(percent <= MOST_PERCENT, f"performance.{name}", f"found {percent}; give 0 to {MOST_PERCENT}", "OUT_OF_RANGE")
    known = ", ".join(video_pb2.Style.Name(number) for number in _STYLES if number)
    message = f"found {performance.style}, which is no style of this service; choose from {known}"
    check.require(performance.style in _STYLES, "performance.style", message, "UNKNOWN_STYLE")


def performance_of(message: video_pb2.Performance) -> Performance:
    """A checked message."""
    given = {_PERCENTS[field.name]: percent / 100 for field, percent in message.ListFields() if field.name in _PERCENTS}
    return Performance(seed=message.seed, style=_STYLES[message.style], still=message.still, **given)


def check_cues(check: ConfigCheck, cues: Sequence[video_pb2.Cue], longest_programme_s: float) -> None:
    check.require(len(cues) <= MOST_CUES, "cues", f"found {len(cues)}; give at most {MOST_CUES}", "TOO_MANY")
    known = ", ".join(video_pb2.CueKind.Name(number) for number in _KINDS)
    before_s = 0.0
    for index, cue in enumerate(cues[:MOST_CUES]):
        start_s, length_s = cue.start_offset.ToNanoseconds() / 1e9, cue.duration.ToNanoseconds() / 1e9
        check.require(cue.kind in _KINDS, f"cues[{index}].kind", f"found {cue.kind}, which is no cue of this service; choose from {known}", "UNKNOWN_CUE")
        message = f"found {start_s:g} s; give an offset from the programme's first frame, from 0 to {longest_programme_s:g} s"
        check.require(0 <= start_s <= longest_programme_s, f"cues[{index}].start_offset", message, "OUT_OF_RANGE")
        message = f"found {start_s:g} s after one at {before_s:g} s; send cues in order of time"
        check.require(start_s >= before_s, f"cues[{index}].start_offset", message, "OUT_OF_ORDER")
        message = f"found {length_s:g} s; give more than 0 and at most {LONGEST_CUE_S:g} s, or none for what is natural"
        check.require(not cue.HasField("duration") or 0 < length_s <= LONGEST_CUE_S, f"cues[{index}].duration", message, "OUT_OF_RANGE")
        before_s = max(before_s, start_s)


def cues_of(messages: Sequence[video_pb2.Cue]) -> tuple[Cue, ...]:
    """Checked messages."""
    return tuple(
        Cue(_KINDS[cue.kind], cue.start_offset.ToNanoseconds() / 1e9, cue.duration.ToNanoseconds() / 1e9 if cue.HasField("duration") else None)
        for cue in messages
    )
