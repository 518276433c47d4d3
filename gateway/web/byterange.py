"""The Range header of a request (RFC 9110, 14.2): one range of bytes, as media players send it."""

from __future__ import annotations

import re

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """First and last byte asked for, both included; None where the range lies outside.

    No header, or one of a kind that is not served (several ranges, other units), asks for everything.
    """
    everything = (0, size - 1)
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.group(0) == "bytes=-":
        return everything
    first, last = match.groups()
    if not first:
        return (max(0, size - int(last)), size - 1) if int(last) else None
    begin, end = int(first), min(int(last), size - 1) if last else size - 1
    return (begin, end) if begin <= end else None
