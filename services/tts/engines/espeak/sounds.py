"""From espeak-ng's events to sounds and words with their times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from services.articulation.phonetics import is_vowel
from services.tts.engines.espeak.library import SAMPLE_RATE, Synthesis, WordEvent
from services.tts.timing import Sound, is_modifier

_SHORTEST_SILENCE_S = 0.05
"""Shorter ones are seams between words."""
_CLOSURE_S = 0.12
"""A stop is told at its burst; the silence before it, up to this long, is its closure."""
_CLOSED = 0.02
"""Of full scale: the voice behind closed lips is weaker."""
_STOPS = ("p", "b", "t", "d", "k", "ɡ", "q", "ʔ", "ʈ", "ɖ", "c", "ɟ")

# Some languages' phonemes have names of espeak's own making.
_NAMES = {"s.": "ʂ", "z.": "ʐ", "ts.": "ʈʂ", "th": "tʰ", "ph": "pʰ", "kh": "kʰ", "tsh": "tsʰ", "tɕh": "tɕʰ", "ts.h": "ʈʂʰ"}
_NO_SOUNDS = str.maketrans("", "", ".-")


def sounds_of(synthesis: Synthesis) -> list[Sound]:
    """Sounds and silences that cover the audio; `first_symbol` is the index of the word event that each belongs to."""
    length = len(synthesis.samples)
    sounds: list[Sound] = []
    word = 0
    seen = 0
    for event in synthesis.events:
        if isinstance(event, WordEvent):
            word = seen
            seen += 1
            continue
        start_s = min(event.sample, length) / SAMPLE_RATE
        if sounds:
            sounds[-1] = replace(sounds[-1], end_s=start_s)
        symbol = _plain(event.symbol)
        if sounds and symbol and all(is_modifier(mark) for mark in symbol):
            sounds[-1] = replace(sounds[-1], symbol=sounds[-1].symbol + symbol)
            continue
        sounds.append(Sound(symbol, start_s, start_s, "ˈ" in event.symbol and is_vowel(symbol), word))
    if not sounds:
        return [Sound("", 0.0, length / SAMPLE_RATE, False, 0)]
    sounds[0], sounds[-1] = replace(sounds[0], start_s=0.0), replace(sounds[-1], end_s=length / SAMPLE_RATE)
    return _with_closures(_without_seams([sound for sound in sounds if sound.end_s > sound.start_s]), synthesis.samples)


def words_of(synthesis: Synthesis) -> list[int]:
    """Where in the text each word event's word begins, in code points."""
    return [event.begin for event in synthesis.events if isinstance(event, WordEvent)]


def _plain(symbol: str) -> str:
    bare = symbol.replace("ˈ", "").replace("ˌ", "")
    return _NAMES.get(bare, bare.translate(_NO_SOUNDS))


def _without_seams(sounds: Sequence[Sound]) -> list[Sound]:
    """Silences join; one too short to be heard goes to the sound before it."""
    joined: list[Sound] = []
    for sound in sounds:
        if joined and not sound.symbol and not joined[-1].symbol:
            joined[-1] = replace(joined[-1], end_s=sound.end_s)
        else:
            joined.append(sound)
    kept: list[Sound] = []
    for index, sound in enumerate(joined):
        if 0 < index < len(joined) - 1 and not sound.symbol and sound.end_s - sound.start_s < _SHORTEST_SILENCE_S:
            kept[-1] = replace(kept[-1], end_s=sound.end_s)
        else:
            kept.append(sound)
    return kept


def _with_closures(sounds: list[Sound], samples: np.ndarray) -> list[Sound]:
    """Stops begin where it falls silent before them."""
    weak = np.abs(samples.astype(np.int32)) < _CLOSED * 32768
    for index in range(1, len(sounds)):
        before, stop = sounds[index - 1], sounds[index]
        if not stop.symbol.startswith(_STOPS):
            continue
        end = round(stop.start_s * SAMPLE_RATE)
        first = round(max(stop.start_s - _CLOSURE_S, (before.start_s + before.end_s) / 2 if before.symbol else before.start_s) * SAMPLE_RATE)
        loud = np.flatnonzero(~weak[first:end])
        start_s = (first + (int(loud[-1]) + 1 if len(loud) else 0)) / SAMPLE_RATE
        sounds[index - 1], sounds[index] = replace(before, end_s=start_s), replace(stop, start_s=start_s)
    return [sound for sound in sounds if sound.end_s > sound.start_s]
