"""espeak-ng's library: text to samples, with the moments at which each word and each sound begins."""

from __future__ import annotations

import _ctypes
import ctypes
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import espeakng_loader
import numpy as np

from locutor.errors import LocutorError

SAMPLE_RATE = 22_050

# Of speak_lib.h, espeak-ng 1.52.
_SYNCHRONOUS = 2
_PHONEME_EVENTS, _IPA, _DO_NOT_EXIT = 0x0001, 0x0002, 0x8000
_UTF8 = 1
_RATE = 1
_LIST_END, _WORD, _PHONEME = 0, 1, 7


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_void_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True)
class WordEvent:
    """A word begins."""

    sample: int
    begin: int
    """Position in the text in code points."""


@dataclass(frozen=True)
class PhonemeEvent:
    """A sound begins."""

    sample: int
    symbol: str
    """IPA with stress marks in front; empty: silence."""


@dataclass(frozen=True)
class Synthesis:
    samples: np.ndarray
    """(samples,) int16 at `SAMPLE_RATE`."""
    events: list[WordEvent | PhonemeEvent] = field(default_factory=list)
    """In order of time."""


_LOCK = Lock()


def synthesize(voice: str, words_per_minute: int, text: str) -> Synthesis:
    """`voice`: espeak's name of a language, with a variant behind "+". `words_per_minute`: 80 to 450. Equal calls give equal samples.

    Calls wait for each other. Raises `LocutorError` where the library refuses.
    """
    with _LOCK, _fresh() as library:
        blocks: list[np.ndarray] = []
        events: list[WordEvent | PhonemeEvent] = []

        def take(wave: Any, count: int, told: Any) -> int:
            if wave and count > 0:
                blocks.append(np.ctypeslib.as_array(wave, (count,)).copy())
            events.extend(_read(told))
            return 0

        # Kept in a name: the library holds no reference of its own.
        callback = _Callback(take)
        library.espeak_SetSynthCallback(callback)
        encoded = text.encode("utf-8") + b"\0"
        if library.espeak_SetVoiceByName(voice.encode()) or library.espeak_SetParameter(_RATE, words_per_minute, 0):
            raise LocutorError(f"espeak-ng has no voice {voice!r}, or does not speak {words_per_minute} words a minute")
        if library.espeak_Synth(encoded, len(encoded), 0, 1, 0, _UTF8, None, None):
            raise LocutorError("espeak-ng could not speak the text")
        return Synthesis(np.concatenate(blocks) if blocks else np.zeros(0, np.int16), events)


def _read(told: Any) -> Iterator[WordEvent | PhonemeEvent]:
    index = 0
    while told[index].type != _LIST_END:
        event = told[index]
        if event.type == _WORD:
            yield WordEvent(event.sample, event.text_position - 1)
        elif event.type == _PHONEME:
            # Eight bytes at most, not always with a zero behind them.
            yield PhonemeEvent(event.sample, bytes(event.id.string).split(b"\0")[0].decode("utf-8", "ignore"))
        index += 1


@contextmanager
def _fresh() -> Iterator[ctypes.CDLL]:
    """The library with its globals as they are at first: what was spoken before is heard in them otherwise, and phonemizer has a use of its own for them."""
    library = ctypes.CDLL(str(_own_copy()))
    try:
        rate = library.espeak_Initialize(_SYNCHRONOUS, 0, str(espeakng_loader.get_data_path()).encode(), _PHONEME_EVENTS | _IPA | _DO_NOT_EXIT)
        if rate != SAMPLE_RATE:
            raise LocutorError(f"espeak-ng could not be started (it says {rate}); its data should be in {espeakng_loader.get_data_path()}")
        yield library
        library.espeak_Terminate()
    finally:
        _ctypes.dlclose(library._handle)


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Removed when the process ends."""
    return tempfile.TemporaryDirectory(prefix="locutor-espeak-")


@cache
def _own_copy() -> Path:
    """A file of its own: one that others have open would be shared with them, and would not be loaded afresh."""
    return Path(shutil.copy(espeakng_loader.get_library_path(), _folder().name))
