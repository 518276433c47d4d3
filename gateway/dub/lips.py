"""The picture with other lips: piece by piece, cut where nobody speaks in any locale."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class LipsPiece:
    number: int
    path: Path
    """A fragmented MP4 of H.264."""
    sha256: str
    changed_frames: int
    unusable: tuple[str, ...]
    """Spans in which somebody speaks whose face could not be moved, for people."""


@dataclass(frozen=True)
class LipsPieces:
    """The whole picture of one locale."""

    pieces: tuple[LipsPiece, ...]

    @property
    def changed_frames(self) -> int:
        return sum(piece.changed_frames for piece in self.pieces)
