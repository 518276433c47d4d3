"""A chunk as a Piper voice's input, and back: from frames of ids to times of symbols."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.tts.chunks import Chunk, Piece
from services.tts.engines.piper.config import ESPEAK, VoiceConfig

_MARKS = {"—": ",", "…": ".", "(": ",", ")": ","}
"""What stands for a mark where a voice has no input for it. Voices learn marks where espeak ends clauses, so brackets are commas."""


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


def input_of(chunk: Chunk, config: VoiceConfig) -> Input:
    """Sounds begin with the pad in front of their id: so it was measured, on the edges of sibilants and closures."""
    ids, owners = list(config.begin), [0] * len(config.begin)
    parts: list[int] = []

    for piece in chunk.pieces:
        for symbols, count in _parts(piece, config):
            parts.append(count)
            new = [number for symbol in symbols for number in (*config.pad, *config.ids[symbol])]
            ids += new
            owners += [len(parts)] * len(new)
    end = (*config.pad, *config.end)
    return Input((*ids, *end), (*owners, *[len(parts) + 1] * len(end)), tuple(parts))


def _parts(piece: Piece, config: VoiceConfig) -> Sequence[tuple[str, int]]:
    """What the model reads, with the number of the piece's symbols that it stands for."""
    if not piece.is_word:
        mark = piece.symbols if piece.symbols in config.ids else _MARKS.get(piece.symbols, "")
        return [(config.known(mark), len(piece.symbols))]
    if config.reads == ESPEAK:
        return [(config.known(_decomposed(symbol)), 1) for symbol in piece.symbols]
    return [(config.known(_decomposed(piece.spoken.strip().casefold())), len(piece.symbols))]


def _decomposed(text: str) -> str:
    """Voices are trained on letters and marks apart."""
    return unicodedata.normalize("NFD", text)
