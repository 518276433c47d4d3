"""Ranges of bytes as media players ask for them."""

from __future__ import annotations

import pytest

from gateway.web.byterange import parse_range


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, (0, 999)),
        ("bytes=0-", (0, 999)),
        ("bytes=0-0", (0, 0)),
        ("bytes=500-599", (500, 599)),
        ("bytes=990-5000", (990, 999)),
        ("bytes=-100", (900, 999)),
        ("bytes=-5000", (0, 999)),
        ("bytes=1000-", None),
        ("bytes=600-500", None),
        ("bytes=-0", None),
        ("bytes=0-1,5-6", (0, 999)),
        ("lines=1-2", (0, 999)),
        ("bytes=-", (0, 999)),
    ],
)
def test_a_range_of_a_thousand_bytes(header: str | None, expected: tuple[int, int] | None) -> None:
    assert parse_range(header, 1000) == expected
