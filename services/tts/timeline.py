"""The timeline of a chunk, from its sounds."""

from __future__ import annotations

from collections.abc import Sequence

from services.articulation.speech import PhonemeSpan
from services.tts.chunks import Chunk
from services.tts.engine import Timeline, WordSpan
from services.tts.timing import Sound
from services.tts.visemes import visemes_of


def timeline_of(text: str, chunk: Chunk, sounds: Sequence[Sound], start_s: float) -> Timeline:
    """`text`: of the request. `start_s`: where the chunk begins in the stream; the sounds' times count from there."""
    phonemes = tuple(PhonemeSpan(sound.symbol, start_s + sound.start_s, start_s + sound.end_s, sound.stressed) for sound in sounds)
    return Timeline(phonemes, _words(text, chunk, sounds, start_s), visemes_of(phonemes))


def _words(text: str, chunk: Chunk, sounds: Sequence[Sound], start_s: float) -> tuple[WordSpan, ...]:
    """Written words with the time of their sounds. Spoken words that stand for one written piece ("$5") become one."""
    words: list[WordSpan] = []
    position = 0
    for piece in chunk.pieces:
        stop = position + len(piece.symbols)
        own = [sound for sound in sounds if sound.symbol and position <= sound.first_symbol < stop]
        position = stop
        if not piece.is_word or not own:
            continue
        start, end = start_s + own[0].start_s, start_s + own[-1].end_s
        begin, finish = piece.begin, piece.end
        if words and begin < words[-1].text_end:
            last = words.pop()
            start, begin, finish = last.start_s, min(last.text_begin, begin), max(last.text_end, finish)
        words.append(WordSpan(text[begin:finish], start, end, begin, finish))
    return tuple(words)
