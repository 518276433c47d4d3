"""Runs `locutor`: as its users do in a process of its own, or, where a test has many calls, in this one."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

EXECUTABLE = (sys.executable, "-m", "locutor.cli.main")
CONSENT = ("--consent", "a face made for this test", "--consent-by", "the tests")


def run(arguments: Sequence[str | Path], environment: Mapping[str, str] | None = None, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
    """The finished process with its output as text. Wide, so that no message is broken over lines."""
    variables = {**os.environ, "COLUMNS": "200", **(environment or {})}
    return subprocess.run([*EXECUTABLE, *map(str, arguments)], capture_output=True, text=True, env=variables, timeout=timeout_s)


def run_here(arguments: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
    """The same without the second that a process takes to start: for commands that need no gateway of their own."""
    from locutor.cli.main import main

    out, err = io.StringIO(), io.StringIO()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    argv, sys.argv = sys.argv, ["locutor", *map(str, arguments)]
    code: object = 0
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.argv = argv
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert isinstance(code, int)
    return subprocess.CompletedProcess(sys.argv, code, out.getvalue(), err.getvalue())
