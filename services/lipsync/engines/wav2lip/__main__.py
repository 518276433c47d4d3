"""`python -m services.lipsync.engines.wav2lip export CHECKPOINT ONNX`: a PyTorch checkpoint as an ONNX file, for machines without PyTorch."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import onnx

from locutor.errors import LocutorError
from services.lipsync.engines.wav2lip.checkpoint import read_checkpoint
from services.lipsync.engines.wav2lip.onnx_graph import onnx_graph


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m services.lipsync.engines.wav2lip")
    export = parser.add_subparsers(required=True, metavar="COMMAND").add_parser("export", help="write a PyTorch checkpoint as an ONNX file")
    export.add_argument("checkpoint", type=Path, help="wav2lip.pth, or another one of the published layout")
    export.add_argument("onnx", type=Path, help="the file to write")
    given = parser.parse_args(arguments)
    try:
        tensors, width = read_checkpoint(given.checkpoint)
        onnx.save(onnx_graph(tensors, width), given.onnx)
    except (LocutorError, OSError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    print(f"{given.onnx}: {given.onnx.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
