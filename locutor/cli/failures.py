"""What a command says, and with which exit code it ends, when it fails."""

from __future__ import annotations

import json
import sys

from locutor.errors import Cancelled, InvalidInput, LocutorError

OK = 0
FAILED = 1
BAD_INPUT = 2
PARTLY_SUCCEEDED = 3
INTERRUPTED = 130
"""128 + SIGINT, as shells have it."""


def exit_code(error: LocutorError) -> int:
    if isinstance(error, InvalidInput):
        return BAD_INPUT
    return INTERRUPTED if isinstance(error, Cancelled) else FAILED


def show(error: LocutorError, *, as_json: bool) -> int:
    """Write the error for people to stderr, or for programs as one JSON line to stdout; returns the exit code."""
    code = exit_code(error)
    if as_json:
        violations = [{"option": v.field, "reason": v.reason, "message": v.message} for v in error.violations] if isinstance(error, InvalidInput) else []
        document = {
            "event": "error",
            "exit_code": code,
            "reason": error.reason,
            "message": error.message,
            "retryable": error.retryable,
            "violations": violations,
        }
        print(json.dumps(document, ensure_ascii=False), flush=True)
    elif isinstance(error, InvalidInput):
        for v in error.violations:
            print(f"error: {v.field}: {v.message}" if v.field else f"error: {v.message}", file=sys.stderr)
    else:
        print(f"error: {error.message}", file=sys.stderr)
        if error.retryable:
            print("Trying again may help.", file=sys.stderr)
    return code
