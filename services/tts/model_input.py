"""What a VITS model is given, Piper's or Coqui's, and back: from frames of its ids to times of symbols."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Input:
    ids: tuple[int, ...]
    owners: tuple[int, ...]
    """To what each id belongs: 0 the silence in front, 1 to n the pieces' parts, n + 1 the silence behind."""
    parts: tuple[int, ...]
    """Symbols of each part; its time is shared by them."""

    def bounds_s(self, frames: np.ndarray, frame_s: float) -> list[float]:
        """Times at which a pad, each symbol of the chunk, and a second pad begin, and the end of that. `frames` (ids,) are those of the ids."""
        of_part = np.bincount(self.owners, weights=frames, minlength=len(self.parts) + 2)
        lengths = [of_part[0], *(length / count for length, count in zip(of_part[1:-1], self.parts, strict=True) for _ in range(count)), of_part[-1]]
        return (np.cumsum([0, *lengths]) * frame_s).tolist()
