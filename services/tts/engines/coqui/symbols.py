"""A chunk as a VITS model's input: what the model reads, by its own alphabet."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.tts.chunks import Chunk, Piece
from services.tts.engines.espeak.catalog import NAMES
from services.tts.g2p.espeak import EspeakG2P
from services.tts.locales import nearest_locale
from services.tts.model_input import Input
from services.tts.normalize.reader import Reader

_MARKS = {"—": ",", "…": ".", "(": ",", ")": ",", ";": ",", ":": ","}
"""What stands for a mark that a model has no input for."""


@dataclass(frozen=True)
class Alphabet:
    """What a model has inputs for."""

    ids: Mapping[str, int]
    """Of each symbol, a code point."""
    phonemes: bool
    """It reads IPA, rather than letters."""
    blank: int | None
    """Stands between all symbols, and at both ends."""
    begin: int | None
    end: int | None

    def known(self, text: str) -> list[int]:
        """Inputs for what of a text the model knows: a letter as it stands, else small."""
        return [self.ids[symbol] for letter in text for symbol in (letter if letter in self.ids else letter.lower()) if symbol in self.ids]


def reads(locale: str) -> bool:
    """Whether espeak-ng reads it."""
    return bool(nearest_locale(locale, tuple(NAMES)))


def g2p_of(locale: str, reader: Reader) -> EspeakG2P:
    """IPA as Coqui's models have learnt it, by espeak-ng, of a locale that it `reads`."""
    return EspeakG2P(NAMES[nearest_locale(locale, tuple(NAMES))], lambda _, ipa: ipa.replace("-", ""), reader.leaves_figures)


def input_of(chunk: Chunk, alphabet: Alphabet) -> Input:
    """A sound's time begins with the blank in front of it."""
    blank = () if alphabet.blank is None else (alphabet.blank,)
    ids = [] if alphabet.begin is None else [alphabet.begin]
    owners, parts = [0] * len(ids), []
    for piece in chunk.pieces:
        for numbers, count in _parts(piece, alphabet):
            parts.append(count)
            new = [number for symbol in numbers for number in (*blank, symbol)]
            ids += new
            owners += [len(parts)] * len(new)
    end = (*blank, *(() if alphabet.end is None else (alphabet.end,)))
    return Input((*ids, *end), (*owners, *[len(parts) + 1] * len(end)), tuple(parts))


def _parts(piece: Piece, alphabet: Alphabet) -> Sequence[tuple[list[int], int]]:
    """What the model reads, with the number of the piece's symbols that it stands for."""
    if not piece.is_word:
        return [(alphabet.known(piece.symbols) or alphabet.known(_MARKS.get(piece.symbols, "")), len(piece.symbols))]
    if alphabet.phonemes:
        return [(alphabet.known(symbol), 1) for symbol in piece.symbols]
    return [(alphabet.known(unicodedata.normalize("NFC", piece.spoken.strip())), len(piece.symbols))]
