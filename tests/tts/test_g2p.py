"""Symbols of each language, and which word they belong to."""

from __future__ import annotations

from itertools import pairwise

import pytest

from services.tts.engines.kokoro.g2p.languages import g2p_of
from services.tts.engines.kokoro.g2p.morae import symbols_of
from services.tts.engines.kokoro.symbols import SYMBOL_IDS
from services.tts.g2p.align import share_out

CASES = [
    ("en-US", "Hello, world!", "həlˈO, wˈɜɹld!", ["Hello", "world"]),
    ("en-US", "A button on the table.", None, ["A", "button", "on", "the", "table"]),
    ("en-GB", "There, near the car.", None, ["There", "near", "the", "car"]),
    ("es", "¿Qué hay? ¡Hola, niño!", None, ["Qué", "hay", "Hola", "niño"]),
    ("fr", "L’enfant qu'il y a, vous avez aujourd'hui.", None, ["L’enfant", "qu'il", "y", "a", "vous", "avez", "aujourd'hui"]),
    ("it", "Gli zii dell'Italia.", None, ["Gli", "zii", "dell'Italia"]),
    ("pt-BR", "O coração não tem.", None, ["O", "coração", "não", "tem"]),
    ("hi", "नमस्ते दुनिया।", None, ["नमस्ते", "दुनिया"]),
    ("ja", "こんにちは、世界。", None, ["こんにちは", "世界"]),
    ("zh", "你好，OpenAI 世界。", None, ["你好", "OpenAI", "世界"]),
]


@pytest.mark.parametrize(("locale", "text", "symbols", "words"), CASES)
def test_units(locale: str, text: str, symbols: str | None, words: list[str]) -> None:
    units = g2p_of(locale).units(text)
    joined = "".join(unit.symbols for unit in units)
    assert set(joined) <= SYMBOL_IDS.keys()
    assert [text[unit.begin : unit.end] for unit in units if unit.is_word] == words
    assert all(before.end <= behind.begin for before, behind in pairwise(units))
    if symbols is not None:
        assert joined == symbols


def test_a_clause_that_runs_together_is_shared_out() -> None:
    assert share_out("ɔnðə tˈAbᵊl", ["ɔn", "ðə", "tˈAbᵊl"]) == ["ɔn", "ðə", "tˈAbᵊl"]
    assert share_out("kil i ɑ̃na", ["kil", "i", "ɑ̃", "a"]) == ["kil", "i", "ɑ̃n", "a"]


@pytest.mark.parametrize(
    ("kana", "symbols"),
    [
        ("キャンセル", "kʲaɴseɾɯ"),
        ("シンブン", "ɕimbɯɴ"),
        ("トーキョー", "toːkʲoː"),
        ("マッテ", "maʔte"),
        ("ファイル", "ɸaiɾɯ"),
        ("ティー", "tʲiː"),
        ("デス", "desɨ"),
        ("ニンゲン", "ɲiŋɡeɴ"),
    ],
)
def test_morae(kana: str, symbols: str) -> None:
    assert symbols_of(kana) == symbols
