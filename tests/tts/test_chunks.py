"""What is too long to be spoken in one go."""

from __future__ import annotations

import pytest

from locutor.errors import InvalidInput
from services.tts.chunks import Chunk, Piece, cut, letters_of


def _chunk(*words: str) -> Chunk:
    """Words of two symbols a letter, and marks."""
    pieces, at = [], 0
    for word in words:
        is_word = word.strip().isalpha()
        pieces.append(Piece(word * 2 if is_word else word, is_word, word, at, at + len(word)))
        at += len(word)
    return Chunk(tuple(pieces), 0, at)


def test_it_is_cut_where_a_speaker_would_breathe() -> None:
    chunk = _chunk("aaaaaa", " ", "bbbb", ",", " ", "cccccc", " ", "dddd", ".")
    assert [part.spoken for part in cut(chunk, 16, letters_of)] == ["aaaaaa bbbb,", "cccccc dddd."]
    assert cut(chunk) == [chunk]
    assert [part.symbols for part in cut(chunk, 30)] == ["aaaaaaaaaaaa bbbbbbbb,", "cccccccccccc dddddddd."]


def test_a_short_beginning_is_cut_off_where_nothing_else_can_be() -> None:
    assert [part.spoken for part in cut(_chunk("aa", ",", " ", "b" * 18, "."), 20, letters_of)] == ["aa,", f"{'b' * 18}."]


def test_a_word_without_an_end_is_told() -> None:
    with pytest.raises(InvalidInput, match="put one into it") as raised:
        cut(_chunk("a", " ", "b" * 30, "."), 20, letters_of)
    assert [(v.field, v.reason) for v in raised.value.violations] == [("text", "WORD_TOO_LONG")] and "'bbb" in raised.value.message
