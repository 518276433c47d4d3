"""Japanese: words and readings by Open JTalk, symbols by mora."""

from __future__ import annotations

import unicodedata
from threading import Lock

import pyopenjtalk

from services.tts.engines.kokoro.g2p.morae import symbols_of
from services.tts.g2p.tokens import mark_of
from services.tts.g2p.unit import Unit

# Open JTalk keeps one analyser for the process.
_LOCK = Lock()


class JapaneseG2P:
    def units(self, spoken: str) -> list[Unit]:
        with _LOCK:
            words = pyopenjtalk.run_frontend(spoken)
        places = _places(spoken, [word["string"] for word in words])
        units: list[Unit] = []
        for index, (word, (begin, end)) in enumerate(zip(words, places, strict=True)):
            following = words[index + 1]["pron"] if index + 1 < len(words) else ""
            symbols = symbols_of(word["pron"].replace("’", ""), following.replace("’", "")) if word["mora_size"] else ""
            if symbols:
                # Open JTalk chains particles and endings to the word before them: no break there.
                if units and units[-1].is_word and word["chain_flag"] != 1:
                    units.append(Unit(" ", begin, begin, False))
                units.append(Unit(symbols, begin, end, True))
            elif mark := _mark(spoken[begin:end]):
                units.append(Unit(mark, begin, end, False))
                units.append(Unit(" ", end, end, False))
        return units


def _mark(written: str) -> str:
    return next((mark for character in written if (mark := mark_of(character))), "")


def _plain(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def _places(text: str, surfaces: list[str]) -> list[tuple[int, int]]:
    """Where each surface stands in the text. Open JTalk widens Latin letters, writes figures as Chinese numerals and drops spaces."""
    places: list[tuple[int, int]] = []
    position = 0
    for surface in surfaces:
        while position < len(text) and text[position].isspace():
            position += 1
        end = position
        wanted = _plain(surface)
        while end < len(text) and len(_plain(text[position:end])) < len(wanted):
            end += 1
        places.append((position, end))
        position = end
    return places
