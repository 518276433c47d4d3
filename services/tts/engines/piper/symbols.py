"""A chunk as a Piper voice's input, and back: from frames of ids to times of symbols."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from services.tts.chunks import Chunk, Piece
from services.tts.engines.piper.config import ESPEAK, VoiceConfig
from services.tts.model_input import Input

_MARKS = {"—": ",", "…": ".", "(": ",", ")": ","}
"""What stands for a mark where a voice has no input for it. Voices learn marks where espeak ends clauses, so brackets are commas."""


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
