"""Speech that the tests listen to, and how its text is compared."""

from __future__ import annotations

import re
import wave
from dataclasses import dataclass
from pathlib import Path

import jiwer
import numpy as np
import pytest

SPEECH = Path(__file__).parents[3] / "shared" / "testdata" / "speech"


@dataclass(frozen=True)
class Recording:
    data: bytes
    """Signed 16-bit little-endian, mono."""
    sample_rate: int
    text: str

    @property
    def seconds(self) -> float:
        return len(self.data) / 2 / self.sample_rate

    @property
    def samples(self) -> np.ndarray:
        return np.frombuffer(self.data, "<i2")


def speech_folder() -> Path:
    if not SPEECH.is_dir():
        pytest.skip("the recordings of ../shared/testdata/speech are not on this machine")
    return SPEECH


def read_english(name: str) -> Recording:
    """One of the LJ Speech recordings with its transcript."""
    folder = speech_folder()
    texts = dict(line.split("|") for line in (folder / "ljspeech.txt").read_text().strip().splitlines())
    with wave.open(str(folder / f"{name}.wav")) as file:
        return Recording(file.readframes(file.getnframes()), file.getframerate(), texts[name])


def all_english(gap_s: float = 1.0) -> Recording:
    """All of them, with silence between."""
    parts = [read_english(path.stem) for path in sorted(speech_folder().glob("LJ*.wav"))]
    gap = bytes(int(gap_s * parts[0].sample_rate) * 2)
    return Recording(gap.join(part.data for part in parts), parts[0].sample_rate, " ".join(part.text for part in parts))


# How Whisper writes what the transcripts spell out: not errors of hearing.
_SPELLINGS = {"15th": "fifteenth", "1455": "fourteen fifty five", "42": "forty two", "wood cutters": "woodcutters", "guttenberg": "gutenberg"}


def plain(text: str) -> str:
    """Lower case, no punctuation, numbers as the transcripts spell them."""
    text = re.sub(r"[^\w\s]", "", text.lower().replace("-", " "))
    for written, spoken in _SPELLINGS.items():
        text = re.sub(rf"\b{written}\b", spoken, text)
    return " ".join(text.split())


def word_error_rate(reference: str, heard: str) -> float:
    return float(jiwer.wer(plain(reference), plain(heard)))
