"""What of a subtitle's text is spoken, and by whom."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s([^<>]*)>")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<[\d:.]+>|\{\\[^{}]*\}|\{[yY]:[a-z,]+\}")
_DASH = re.compile(r"^\s*[-–—‐]\s*(?=\S)")
_NOTE = re.compile(r"\[[^\[\]]*\]|【[^【】]*】")
_WHOLE_NOTE = re.compile(r"^[(（][^()（）]*[)）]$")
_MUSIC = frozenset("♪♫♬♩#")


@dataclass(frozen=True)
class SpokenPart:
    text: str
    """On one line, not empty."""
    speaker: str


def spoken_parts(lines: Sequence[str]) -> list[SpokenPart]:
    """The lines of one cue as what each person in it says: two voice tags, or two lines with dashes, are two persons.

    Notes in square brackets are taken out; a cue all in round brackets or between notes of music is not spoken.
    """
    parts: list[SpokenPart] = []
    for speaker, voiced in _voices("\n".join(lines)):
        rows = [html.unescape(_TAG.sub("", row)).strip() for row in voiced.split("\n")]
        rows = [row for row in rows if row]
        turns = _turns(rows)
        parts += [SpokenPart(text, speaker) for turn in turns if (text := _spoken(turn))]
    return parts


def _voices(text: str) -> list[tuple[str, str]]:
    """Pairs of speaker and what follows his tag."""
    pieces = _VOICE.split(text)
    return [("", pieces[0]), *((html.unescape(name).strip(), said) for name, said in zip(pieces[1::2], pieces[2::2], strict=True))]


def _turns(rows: list[str]) -> list[list[str]]:
    if sum(bool(_DASH.match(row)) for row in rows) < 2:
        return [rows]
    turns: list[list[str]] = []
    for row in rows:
        if _DASH.match(row) or not turns:
            turns.append([])
        turns[-1].append(_DASH.sub("", row))
    return turns


def _spoken(rows: list[str]) -> str:
    text = " ".join(_NOTE.sub(" ", _joined(rows)).split())
    if not any(character.isalnum() for character in text) or _WHOLE_NOTE.match(text) or (text[0] in _MUSIC and text[-1] in _MUSIC):
        return ""
    return text


def _joined(rows: list[str]) -> str:
    """Lines of one sentence: with a space between them, but in writing that has none."""
    text = ""
    for row in rows:
        text += ("" if not text or (_has_no_spaces(text[-1]) and _has_no_spaces(row[0])) else " ") + row
    return text


def _has_no_spaces(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF" and "HANGUL" not in unicodedata.name(character, "")
