"""Cutting texts into sentences from several threads, as the pool's workers do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.translate.sentences import pieces_of


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


def test_texts_cut_at_the_same_time_do_not_mix(hasty_threads: None) -> None:
    texts = [
        " ".join(f"This is sentence {number}. And why not?" for number in range(20)),
        " ".join(f"Dr. Smith met Mr. Jones on day {number}. They spoke! Then they left." for number in range(15)),
    ]
    alone = [list(pieces_of(text, (), "en")) for text in texts]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda text: list(pieces_of(text, (), "en")), texts * 10))
    assert together == alone * 10
