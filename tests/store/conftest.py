"""Stores of every kind that a test is to hold for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.store.s3_server import S3Server, running_s3


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    with running_s3() as server:
        yield server
