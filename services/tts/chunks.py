"""What is spoken in one go: a sentence, several short ones, or a part of a long one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from locutor.errors import InvalidInput
from services.tts.g2p.tokens import PUNCTUATION
from services.tts.g2p.unit import G2P, Unit
from services.tts.normalize.fragments import SpokenText
from services.tts.normalize.reader import Reader
from services.tts.sentences import Sentence, split_sentences

LONGEST_SYMBOLS = 400
"""Voices hurry and slur beyond this; Kokoro's hard limit is 510."""

SHORT_SYMBOLS = 22
"""About 1.5 s of speech. Less than this alone sounds clipped, so it is spoken together with its neighbour."""

FIRST_SYMBOLS = 110
"""About 6 s of speech. A longer first sentence is cut at a comma or better, so that the first sound comes early."""
_LEAST_FIRST_SYMBOLS = 30

_SENTENCE_END = frozenset(".!?…")
# From the best place to breathe to the worst.
_BREAKS = (frozenset(".!?…"), frozenset(";:—"), frozenset(",)”"), frozenset(" "))


@dataclass(frozen=True)
class Piece:
    """A unit with its place in the request."""

    symbols: str
    is_word: bool
    spoken: str
    """Its part of the spoken text, with what follows it up to the next piece."""
    begin: int
    """Position in the request's text in code points, [begin, end)."""
    end: int


@dataclass(frozen=True)
class Chunk:
    """Input of one synthesis."""

    pieces: tuple[Piece, ...]
    begin: int
    """Position in the request's text in code points, [begin, end)."""
    end: int
    opens: bool = True
    """It begins a sentence, rather than going on in one."""
    closes: bool = True
    """It ends a sentence."""

    @property
    def symbols(self) -> str:
        return "".join(piece.symbols for piece in self.pieces)

    @property
    def spoken(self) -> str:
        return "".join(piece.spoken for piece in self.pieces).strip()


def chunks_of(text: str, reader: Reader, g2p: G2P, shortest: int = SHORT_SYMBOLS) -> list[Chunk]:
    """What is spoken of a text, in order; nothing where it has no words. Sentences of less than `shortest` symbols join their neighbours."""
    chunks = []
    for sentence in split_sentences(text, reader.is_abbreviation):
        spoken = reader.read(sentence.text)
        chunk = chunk_of(sentence, spoken, g2p.units(spoken.spoken))
        if chunk is not None:
            chunks.append(chunk)
    return packed(chunks, shortest)


def chunk_of(sentence: Sentence, text: SpokenText, units: Sequence[Unit]) -> Chunk | None:
    """The chunk of one sentence; None where nothing in it is spoken."""
    spoken = text.spoken
    pieces = []
    for index, unit in enumerate(units):
        begin, end = text.source_span(unit.begin, unit.end)
        tail = units[index + 1].begin if index + 1 < len(units) else len(spoken)
        pieces.append(Piece(unit.symbols, unit.is_word, spoken[0 if index == 0 else unit.begin : tail], sentence.begin + begin, sentence.begin + end))
    if not any(piece.is_word for piece in pieces):
        return None
    return Chunk(_closed(pieces), sentence.begin, sentence.end)


def packed(chunks: Iterable[Chunk], shortest: int) -> list[Chunk]:
    """Join what has less than `shortest` symbols with the chunk behind it, the last with the one before; cut what is too long."""
    joined: list[Chunk] = []
    for chunk in chunks:
        if joined and _fits(joined[-1], chunk) and len(joined[-1].symbols) < shortest:
            joined[-1] = _join(joined[-1], chunk)
        else:
            joined.append(chunk)
    if len(joined) > 1 and len(joined[-1].symbols) < shortest and _fits(joined[-2], joined[-1]):
        joined[-2:] = [_join(joined[-2], joined[-1])]
    return [part for index, chunk in enumerate(joined) for part in (_early(chunk) if index == 0 else cut(chunk))]


def _closed(pieces: list[Piece]) -> tuple[Piece, ...]:
    """Without spaces at the ends, and with a full stop where nothing else ends the sentence: without it the voice does not come down."""
    while pieces[-1].symbols == " ":
        pieces = pieces[:-1]
    while pieces[0].symbols == " ":
        pieces = pieces[1:]
    last = max(index for index, piece in enumerate(pieces) if piece.symbols not in '"”) ')
    if pieces[last].symbols in _SENTENCE_END:
        return tuple(pieces)
    stop = Piece(".", False, "", pieces[-1].end, pieces[-1].end)
    if pieces[last].symbols in PUNCTUATION:
        return (*pieces[:last], Piece(".", False, pieces[last].spoken, pieces[last].begin, pieces[last].end), *pieces[last + 1 :])
    return (*pieces, stop)


def _fits(first: Chunk, second: Chunk) -> bool:
    return len(first.symbols) + 1 + len(second.symbols) <= LONGEST_SYMBOLS


def _join(first: Chunk, second: Chunk) -> Chunk:
    space = Piece(" ", False, " ", first.end, second.begin)
    return Chunk((*first.pieces, space, *second.pieces), first.begin, second.end)


def symbols_of(piece: Piece) -> int:
    return len(piece.symbols)


def letters_of(piece: Piece) -> int:
    return len(piece.spoken)


def cut(chunk: Chunk, longest: int = LONGEST_SYMBOLS, size: Callable[[Piece], int] = symbols_of) -> list[Chunk]:
    """Parts of at most `longest` by `size`, cut at the best place to breathe that is not far from the middle of what fits.

    Raises `InvalidInput` (field "text") for a word that is longer.
    """
    length = sum(map(size, chunk.pieces))
    if length <= longest:
        return [chunk]
    ideal = length / -(-length // longest)
    for least in (0.4 * ideal, 1):
        for marks in _BREAKS:
            place = _place(chunk, marks, least, longest, ideal, size)
            if place is not None:
                head, tail = _split(chunk, place)
                return [head, *cut(tail, longest, size)]
    word = next(piece.spoken.strip() for piece in chunk.pieces if piece.is_word)
    raise InvalidInput.of("text", f"{word[:30]!r} goes on for too long without a space or a mark to breathe at; put one into it", "WORD_TOO_LONG")


def _early(chunk: Chunk) -> list[Chunk]:
    """A long first sentence with its first phrase cut off."""
    if len(chunk.symbols) > FIRST_SYMBOLS:
        for marks in _BREAKS[:-1]:
            place = _place(chunk, marks, _LEAST_FIRST_SYMBOLS, FIRST_SYMBOLS, 0.7 * FIRST_SYMBOLS)
            if place is not None:
                head, tail = _split(chunk, place)
                return [head, *cut(tail)]
    return cut(chunk)


def _place(chunk: Chunk, marks: frozenset[str], low: float, high: float, ideal: float, size: Callable[[Piece], int] = symbols_of) -> int | None:
    """The piece with one of the marks up to which the size is nearest to `ideal`, between `low` and `high`."""
    ends = list(accumulate(map(size, chunk.pieces)))
    places = [index for index, piece in enumerate(chunk.pieces[:-1]) if piece.symbols in marks and low <= ends[index] <= high]
    behind_speech = [index for index in places if any(piece.is_word for piece in chunk.pieces[index + 1 :])]
    return min(behind_speech, key=lambda index: abs(ends[index] - ideal), default=None)


def _split(chunk: Chunk, place: int) -> tuple[Chunk, Chunk]:
    """The chunk up to and with the piece `place`, and the rest."""
    head, tail = list(chunk.pieces[: place + 1]), list(chunk.pieces[place + 1 :])
    while not tail[0].is_word and tail[0].symbols not in "(“":
        head.append(tail.pop(0))
    seam = tail[0].begin
    while head[-1].symbols == " ":
        head.pop()
    if head[-1].is_word:
        # A comma, not a full stop: the sentence goes on.
        head.append(Piece(",", False, "", seam, seam))
    ends = any(piece.symbols in _SENTENCE_END for piece in head[-2:])
    return Chunk(tuple(head), chunk.begin, seam, chunk.opens, ends), Chunk(tuple(tail), seam, chunk.end, ends, chunk.closes)
