"""Where sentences end, and where they stand."""

from __future__ import annotations

import pytest

from services.tts.normalize.reader import reader_of
from services.tts.sentences import split_sentences

CASES = [
    ("en-US", "Dr. Smith paid $3.50. He left!", ["Dr. Smith paid $3.50.", "He left!"]),
    ("en-US", '"Really?" she asked. Yes.', ['"Really?" she asked.', "Yes."]),
    ("en-US", "Wait... what? J. K. Rowling wrote it.", ["Wait... what?", "J. K. Rowling wrote it."]),
    ("en-US", "A heading\nThe text begins.\n\nNext one", ["A heading", "The text begins.", "Next one"]),
    ("en-US", "This line was wrapped by an editor at some column\nand goes on here.", ["This line was wrapped by an editor at some column\nand goes on here."]),
    ("en-US", "See example.com for v2.0.1. Done.", ["See example.com for v2.0.1.", "Done."]),
    ("es", "¿Qué tal? El Sr. López llegó. ¡Hola!", ["¿Qué tal?", "El Sr. López llegó.", "¡Hola!"]),
    ("fr", "M. Dupont est là. « Bonjour ! » dit-il.", ["M. Dupont est là.", "« Bonjour ! » dit-il."]),
    ("hi", "नमस्ते। आप कैसे हैं?", ["नमस्ते।", "आप कैसे हैं?"]),
    ("ja", "こんにちは。「元気？」はい。", ["こんにちは。", "「元気？」", "はい。"]),
    ("zh", "你好！今天3.5度。再见", ["你好！", "今天3.5度。", "再见"]),
    ("en-US", " ... \n\n — \n", []),
]


@pytest.mark.parametrize(("locale", "text", "expected"), CASES)
def test_sentences(locale: str, text: str, expected: list[str]) -> None:
    sentences = split_sentences(text, reader_of(locale).is_abbreviation)
    assert [sentence.text for sentence in sentences] == expected
    assert [text[sentence.begin : sentence.end] for sentence in sentences] == expected
