"""What a grapheme-to-phoneme converter gives: symbols that know the written text they come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Unit:
    """A word, a punctuation mark or a space, in the symbols of a voice's model."""

    symbols: str
    begin: int
    """Position in the spoken text in code points, [begin, end). Empty for a space that is not written."""
    end: int
    is_word: bool


class G2P(Protocol):
    def units(self, spoken: str) -> list[Unit]:
        """Convert text without digits or signs. The units' symbols, joined, are the model's input."""
        ...
