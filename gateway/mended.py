"""What was found in the store is read only where it is needed; where it is then damaged, it is made again."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from gateway.artifacts import CorruptArtifact

T = TypeVar("T")

log = logging.getLogger("locutor.gateway")

_MOST = 200
"""Damaged artifacts in the work on one locale: each is removed when it is read, and the step that made it is done anew."""


async def mended(work: Callable[[], Awaitable[T]]) -> T:
    """What `work` returns; it begins again, from what is kept, each time that it comes upon something damaged."""
    for _ in range(_MOST):
        try:
            return await work()
        except CorruptArtifact as error:
            log.warning("%s: it is made again", error.message)
    return await work()
