"""Sound as a stream of blocks, taken in other portions than it comes in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from media.clock import PROGRAMME_RATE

BLOCK = PROGRAMME_RATE
"""Samples of a block, where nothing else decides: one second of a programme."""


class BlockReader:
    """Gives float32 blocks, each (n,) or each (n, channels), back in the portions asked for; silence after their end."""

    def __init__(self, blocks: Iterable[np.ndarray]) -> None:
        self._blocks: Iterator[np.ndarray] = iter(blocks)
        self._pending: list[np.ndarray] = []
        self._held = 0
        self._shape: tuple[int, ...] = ()
        self._ended = False

    def take(self, count: int) -> np.ndarray:
        """The next `count` samples. After the last, zeros of the last block's shape."""
        self.available(count)
        # One block is not copied: it may be a whole programme, of which a little is taken at a time.
        joined = self._pending[0] if len(self._pending) == 1 else np.concatenate([np.zeros((0, *self._shape), np.float32), *self._pending])
        taken, rest = joined[:count], joined[count:]
        self._pending, self._held = ([rest] if len(rest) else []), len(rest)
        return np.pad(taken, ((0, count - len(taken)), *((0, 0),) * (taken.ndim - 1))) if len(taken) < count else taken

    def available(self, limit: int) -> int:
        """How many samples there are to come; counted no further than about `limit`."""
        while self._held < limit and not self._ended:
            block = next(self._blocks, None)
            if block is None:
                self._ended = True
            elif len(block):
                self._shape = block.shape[1:]
                self._pending.append(block)
                self._held += len(block)
        return self._held


def exact_blocks(blocks: Iterable[np.ndarray], length: int, size: int = BLOCK) -> Iterator[np.ndarray]:
    """`blocks` as `length` samples in blocks of `size`: cut where they are longer, followed by silence where they are shorter."""
    reader = BlockReader(blocks)
    for begin in range(0, length, size):
        yield reader.take(min(size, length - begin))


def larger_blocks(blocks: Iterable[np.ndarray], size: int = BLOCK) -> Iterator[np.ndarray]:
    """`blocks` put together to at least `size` samples each, but for the last: a decoder's are so short that each costs more than its samples."""
    pending: list[np.ndarray] = []
    held = 0
    for block in blocks:
        pending.append(block)
        held += len(block)
        if held >= size:
            yield np.concatenate(pending)
            pending, held = [], 0
    if pending:
        yield np.concatenate(pending)
