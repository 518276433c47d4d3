"""What a script tells a presenter to do: `[nod]`, `[smile 3s]`, `[look left]` among the words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from locutor.common.v1 import video_pb2

MARK = "\ue002"
"""Stands for a cue in a text whose spaces are still to be put in order. A private-use character: nobody's script says it."""
MAX_SECONDS = 60
"""Longest cue."""

KINDS: dict[str, video_pb2.CueKind.ValueType] = {
    name.removeprefix("CUE_KIND_").replace("_", " ").lower(): number for name, number in video_pb2.CueKind.items() if number != video_pb2.CUE_KIND_UNSPECIFIED
}
"""Names in scripts: "nod", "look left"."""
KNOWN = ", ".join(f"[{name}]" for name in KINDS)
"""For messages."""

_CUE = re.compile(r"([a-z]+(?:[\s_-]+[a-z]+)?)(?:\s+(\d{1,5}(?:\.\d{1,3})?)\s*(ms|s))?", re.IGNORECASE)

_STOPS = tuple(".,;:!?…")


@dataclass(frozen=True)
class ScriptCue:
    kind: video_pb2.CueKind.ValueType
    position: int = 0
    """In the utterance's text, in code points: before the character there; the text's length: after it."""
    duration_ms: int | None = None
    """None: what is natural for its kind."""


def read_cue(text: str) -> ScriptCue | None:
    """What stands between brackets, as a cue; None where it is none."""
    match = _CUE.fullmatch(text.strip())
    kind = KINDS.get(" ".join(re.split(r"[\s_-]+", match[1].lower()))) if match else None
    if match is None or kind is None:
        return None
    if match[2] is None:
        return ScriptCue(kind)
    duration_ms = round(float(match[2]) * (1000 if match[3].lower() == "s" else 1))
    return ScriptCue(kind, duration_ms=duration_ms) if 0 < duration_ms <= MAX_SECONDS * 1000 else None


def lifted(marked: str, cues: Sequence[ScriptCue]) -> tuple[str, tuple[ScriptCue, ...]]:
    """The text without its marks, and the cues at their places: `marked` holds a `MARK` for each of them."""
    plain = ""
    placed: list[ScriptCue] = []
    for part in marked.split(MARK):
        if part.lstrip().startswith(_STOPS):
            plain = plain.rstrip()
            placed = [replace(cue, position=min(cue.position, len(plain))) for cue in placed]
        # A cue between two words leaves one space, one beside a stop or at an end leaves none.
        plain += part.lstrip() if not plain or plain.endswith(" ") else part
        if len(placed) < len(cues):
            placed.append(replace(cues[len(placed)], position=len(plain)))
    plain = plain.rstrip()
    return plain, tuple(replace(cue, position=min(cue.position, len(plain))) for cue in placed)
