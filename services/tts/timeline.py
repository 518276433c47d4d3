"""The timeline of a chunk, from its sounds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from services.articulation.speech import PhonemeSpan
from services.tts.chunks import Chunk
from services.tts.engine import Timeline, WordSpan
from services.tts.timing import Sound
from services.tts.visemes import visemes_of


def timeline_of(text: str, chunk: Chunk, sounds: Sequence[Sound], start_s: float) -> Timeline:
    """`text`: of the request. `start_s`: where the chunk begins in the stream; the sounds' times count from there."""
    phonemes = tuple(PhonemeSpan(sound.symbol, start_s + sound.start_s, start_s + sound.end_s, sound.stressed) for sound in sounds)
    return Timeline(phonemes, written_words(text, _word_spans(chunk, sounds, start_s)), visemes_of(phonemes))


def written_words(text: str, spans: Iterable[tuple[int, int, float, float]]) -> tuple[WordSpan, ...]:
    """Written words, of `spans` of begin and end in the text and in time. Spoken words that stand for one written piece ("$5") become one."""
    words: list[WordSpan] = []
    for begin, end, start_s, end_s in spans:
        if words and begin < words[-1].text_end:
            last = words.pop()
            start_s, begin, end = last.start_s, min(last.text_begin, begin), max(last.text_end, end)
        words.append(WordSpan(text[begin:end], start_s, end_s, begin, end))
    return tuple(words)


def _word_spans(chunk: Chunk, sounds: Sequence[Sound], start_s: float) -> Iterator[tuple[int, int, float, float]]:
    position = 0
    for piece in chunk.pieces:
        stop = position + len(piece.symbols)
        own = [sound for sound in sounds if sound.symbol and position <= sound.first_symbol < stop]
        position = stop
        if piece.is_word and own:
            yield piece.begin, piece.end, start_s + own[0].start_s, start_s + own[-1].end_s
