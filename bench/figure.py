"""One thing that was measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    name: str
    """Stable, for comparing runs: "tts.rtf"."""
    value: float
    unit: str
    """"x real time" (time at work over length of the media: less is faster), "frames/s", "s", "MB", "%"."""
    note: str = ""
    """What it was measured on."""
    target: str = ""
    """What the project promises, where it does."""
