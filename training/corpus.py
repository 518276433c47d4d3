"""The speech to learn from: sentences of nine languages in 54 voices, each with the times of its sounds as the voice model itself predicts them.

Item `i` is always the same sentence by the same voice at the same rate, so a corpus can be made in parts, and a larger one begins with a smaller.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from locutor.errors import InvalidInput
from services.tts.engine import SpeechRequest, Voice
from services.tts.engines.kokoro.catalog import VOICES
from services.tts.engines.kokoro.engine import KokoroEngine

HELD_OUT_LOCALE = "pt-BR"
HELD_OUT_VOICES = frozenset(["af_bella", "am_michael", "bm_george", "em_alex", "hm_psi", "jf_nezumi", "zm_yunxi"])
"""Never trained on, nor is any voice of the held-out locale."""

# One round of the corpus. American English has 20 of the 54 voices; what is only measured needs less.
_ROUND = ("en-US", "en-GB", "es", "fr", "hi", "en-US", "it", "ja", "zh")
_HELD_OUT_EVERY = 3
_SLOWEST, _FASTEST = 0.85, 1.3
_SENTENCES = Path(__file__).parent / "sentences"


@dataclass(frozen=True)
class Item:
    """What is to be said."""

    index: int
    text: str
    voice: Voice
    rate: float

    @property
    def held_out(self) -> bool:
        return self.voice.locale == HELD_OUT_LOCALE or self.voice.id in HELD_OUT_VOICES


@dataclass(frozen=True, eq=False)
class Utterance:
    """An item as it was said."""

    item: Item
    audio: np.ndarray
    """(samples,) float32 at 24 kHz."""
    symbols: tuple[str, ...]
    """IPA; empty: silence. They cover the audio without gap."""
    bounds_s: np.ndarray
    """(sounds + 1,) float64."""


def items(count: int) -> list[Item]:
    """The first `count` items."""
    return list(itertools.islice(_items(), count))


def _items() -> Iterator[Item]:
    said: dict[str, int] = {}
    index = 0
    while True:
        for locale in (*_ROUND, *([HELD_OUT_LOCALE] if index // len(_ROUND) % _HELD_OUT_EVERY == 0 else [])):
            yield _item(index, locale, said.get(locale, 0))
            said[locale] = said.get(locale, 0) + 1
            index += 1


def speak(folder: Path, wanted: Iterable[Item], engine: KokoroEngine) -> Iterator[Path]:
    """The items' files; those that `folder` has already are not made again."""
    folder.mkdir(parents=True, exist_ok=True)
    for item in wanted:
        path = _path(folder, item)
        if not path.exists():
            _write(path, item, engine)
        yield path


def utterances(folder: Path, wanted: Sequence[Item]) -> list[Utterance]:
    """Raises `InvalidInput` where `folder` does not have all: figures of a part of the corpus look like those of the whole."""
    missing = [item for item in wanted if not _path(folder, item).exists()]
    if missing:
        message = f"lacks {len(missing)} of {len(wanted)} utterances, such as {_path(folder, missing[0]).name}; run `python -m training speak`"
        raise InvalidInput.of("corpus", message, "INCOMPLETE")
    return [_read(_path(folder, item), item) for item in wanted]


def _item(index: int, locale: str, number: int) -> Item:
    """The locale's voices take turns; each goes through the sentences in an order of its own."""
    voices = [voice for voice in VOICES if voice.locale == locale]
    voice = voices[number % len(voices)]
    sentences = (_SENTENCES / f"{locale[:2]}.txt").read_text(encoding="utf-8").splitlines()
    order = np.random.default_rng(zlib.crc32(voice.id.encode())).permutation(len(sentences))
    rate = np.random.default_rng(index).uniform(_SLOWEST, _FASTEST)
    return Item(index, sentences[order[number // len(voices) % len(sentences)]], voice, float(round(rate, 2)))


def _path(folder: Path, item: Item) -> Path:
    key = zlib.crc32(f"{item.text} {item.voice.id} {item.rate}".encode())
    return folder / f"{item.index:05d}-{item.voice.id}-{key:08x}.npz"


def _read(path: Path, item: Item) -> Utterance:
    with np.load(path) as stored:
        return Utterance(item, stored["audio"].astype(np.float32) / 32767, tuple(stored["symbols"].tolist()), stored["bounds_s"])


def _write(path: Path, item: Item, engine: KokoroEngine) -> None:
    parts = list(engine.plan(SpeechRequest(item.text, item.voice.locale, item.voice.id, item.rate)).sentences())
    audio = np.concatenate([part.audio for part in parts])
    phonemes = [span for part in parts for span in part.timeline.phonemes]
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez_compressed(
            file,
            audio=np.round(np.clip(audio, -1, 1) * 32767).astype(np.int16),
            symbols=np.array([span.symbol for span in phonemes]),
            bounds_s=np.array([phonemes[0].start_s, *(span.end_s for span in phonemes)]),
        )
    partial.rename(path)
