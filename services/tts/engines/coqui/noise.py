"""The same noise each time: models draw some, and equal text is to give equal sound."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

_SEED = 0


@contextmanager
def equal_noise(device: torch.device) -> Iterator[None]:
    """A block in which PyTorch draws the same numbers each time, and after which it goes on as before. For one thread at a time."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(_SEED)
        yield
