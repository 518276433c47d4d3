"""Runs `locutor` as its users do: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

EXECUTABLE = (sys.executable, "-m", "locutor.cli.main")
CONSENT = ("--consent", "a face made for this test", "--consent-by", "the tests")


def run(arguments: Sequence[str | Path], environment: Mapping[str, str] | None = None, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
    """The finished process with its output as text. Wide, so that no message is broken over lines."""
    variables = {**os.environ, "COLUMNS": "200", **(environment or {})}
    return subprocess.run([*EXECUTABLE, *map(str, arguments)], capture_output=True, text=True, env=variables, timeout=timeout_s)
