"""Mandarin: words by jieba, pinyin by pypinyin, symbols by misaki; Latin words are read as English."""

from __future__ import annotations

import logging

import jieba
import regex
from misaki.zh import ZHG2P

from services.tts.engines.kokoro.symbols import known
from services.tts.g2p.tokens import mark_of
from services.tts.g2p.unit import G2P, Unit

_RUN = regex.compile(r"(?P<han>\p{Han}+)|(?P<latin>[\p{Latin}\p{M}]+(?:['’\- ][\p{Latin}\p{M}]+)*)|(?P<space>\s+)|(?P<mark>\.{2,}|…+|—+|.)")


class MandarinG2P:
    def __init__(self, english: G2P) -> None:
        self._english = english
        self._words = jieba.Tokenizer()
        jieba.setLogLevel(logging.WARNING)
        self._words.initialize()

    def units(self, spoken: str) -> list[Unit]:
        units: list[Unit] = []
        for run in _RUN.finditer(spoken):
            begin = run.start()
            if run["han"]:
                units += self._han(run.group(), begin, bool(units) and units[-1].is_word)
            elif run["latin"]:
                if units and units[-1].is_word:
                    units.append(Unit(" ", begin, begin, False))
                units += [Unit(unit.symbols, unit.begin + begin, unit.end + begin, unit.is_word) for unit in self._english.units(run.group())]
            elif run["mark"] and (mark := mark_of(run.group()[0])):
                units.append(Unit(mark, begin, run.end(), False))
                units.append(Unit(" ", run.end(), run.end(), False))
        return units

    def _han(self, text: str, offset: int, after_word: bool) -> list[Unit]:
        units: list[Unit] = []
        for word, begin, end in self._words.tokenize(text):
            symbols = known(ZHG2P.word2ipa(word))
            if not symbols:
                continue
            if after_word:
                units.append(Unit(" ", offset + begin, offset + begin, False))
            units.append(Unit(symbols, offset + begin, offset + end, True))
            after_word = True
        return units
