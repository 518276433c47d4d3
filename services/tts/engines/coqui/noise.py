"""The same noise each time: models draw some, and equal text is to give equal sound."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import torch

_SEED = 0

# PyTorch's source of noise is one for the whole process, whatever model draws from it.
_LOCK = Lock()


@contextmanager
def equal_noise(device: torch.device) -> Iterator[None]:
    """A block in which PyTorch draws the same numbers each time, and after which it goes on as before. One thread at a time is in such a block."""
    with _LOCK, torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(_SEED)
        yield
