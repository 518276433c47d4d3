"""`python -m bench [--only ROW] [--out FOLDER]`: measure, print a table, write JSON.

Each row runs in a process of its own, one after the other, so that its peak memory is its own and all ratios come from
one machine in one state.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from bench.material import prepare
from bench.report import machine, show, write
from bench.rows import LONG_ROWS, ROWS, measure

T = TypeVar("T")
_RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure speed, memory and overhead.")
    parser.add_argument("--only", action="append", choices=[*ROWS, *LONG_ROWS], help="measure this row; may be given several times")
    parser.add_argument("--out", type=Path, default=_RESULTS, help="folder for the JSON (default: bench/results)")
    arguments = parser.parse_args()
    console = Console(stderr=True)
    where, figures = machine(), []
    with tempfile.TemporaryDirectory(prefix="locutor-bench-") as work:
        for row in arguments.only or ROWS:
            with console.status(f"{row} …"):
                if row != "tts":
                    _in_a_process(prepare, Path(work))
                figures += _in_a_process(measure, row, Path(work))
    show(Console(), where, figures)
    console.print(f"written to {write(arguments.out, where, figures)}")


def _in_a_process(function: Callable[..., T], *arguments: Any) -> T:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


if __name__ == "__main__":
    main()
