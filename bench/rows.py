"""What can be measured."""

from __future__ import annotations

import importlib
import resource
import sys
from pathlib import Path

from bench.figure import Figure

ROWS = {
    "tts": "bench.speech:tts",
    "asr": "bench.speech:asr",
    "diarization": "bench.diarization:diarization",
    "render": "bench.picture:render",
    "revoice": "bench.picture:revoice",
    "job": "bench.job:job",
    "dub": "bench.dub:dub",
    "durability": "bench.durability:durability",
    "replicas": "bench.replicas:replicas",
}
"""Name to "module:function"; each takes the folder of what rows share and yields its figures."""
LONG_ROWS = {
    "edit": "bench.edit:edit",
    "dub-10min": "bench.dub:ten_minutes",
    "dub-hour": "bench.dub:hour",
}
"""Measured only where they are asked for by name: they take from a quarter of an hour on."""


def measure(row: str, work: Path) -> list[Figure]:
    """Run a row in this process; the process's peak memory is the last figure, unless the row told it itself."""
    module, _, name = (ROWS | LONG_ROWS)[row].partition(":")
    figures = list(getattr(importlib.import_module(module), name)(work))
    if any(figure.name == f"{row}.memory" for figure in figures):
        return figures
    return [*figures, memory(row, "most memory of the process, weights included")]


def memory(row: str, note: str) -> Figure:
    """The most that this process has used so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Figure(f"{row}.memory", peak / (1024 * 1024 if sys.platform == "darwin" else 1024), "MB", note)
