"""The table on the terminal and the JSON beside it."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.figure import Figure

_LIBRARIES = ("numpy", "onnxruntime", "ctranslate2", "mediapipe", "av", "grpcio", "protobuf")


def machine() -> dict[str, Any]:
    """Where the figures come from; without it they mean nothing."""
    return {
        "processor": _processor(),
        "processors": len(os.sched_getaffinity(0)),
        "load_before": [round(value, 2) for value in os.getloadavg()],
        "system": platform.platform(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in _LIBRARIES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())


def show(console: Console, where: dict[str, Any], figures: list[Figure]) -> None:
    table = Table("figure", "value", "unit", "target", "measured on", title="Locutor bench", title_justify="left")
    for column in table.columns[1:2]:
        column.justify = "right"
    for figure in figures:
        table.add_row(figure.name, f"{figure.value:.3g}" if figure.value < 100 else f"{figure.value:.0f}", figure.unit, figure.target, figure.note)
    console.print(table)
    console.print(f"{where['processors']} processors ({where['processor']}); load before the run: {where['load_before'][0]}")


def write(folder: Path, where: dict[str, Any], figures: list[Figure]) -> Path:
    """Returns the file, named by the time."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    path = folder / f"{now:%Y%m%dT%H%M%SZ}.json"
    path.write_text(
        json.dumps({"time": now.isoformat(timespec="seconds"), "machine": where, "figures": [asdict(figure) for figure in figures]}, indent=2) + "\n"
    )
    return path
