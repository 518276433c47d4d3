"""Cues as TTML: W3C's IMSC 1.1 text profile, which broadcasters and streaming services take."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor
from xml.etree import ElementTree

import langcodes

from media.subtitle_text import right_to_left
from media.subtitles import Cue

_TT = "http://www.w3.org/ns/ttml"
_TTP = "http://www.w3.org/ns/ttml#parameter"
_TTS = "http://www.w3.org/ns/ttml#styling"
_TTM = "http://www.w3.org/ns/ttml#metadata"
_PROFILE = "http://www.w3.org/ns/ttml/profile/imsc1.1/text"
_XML = "http://www.w3.org/XML/1998/namespace"
_FORBIDDEN = dict.fromkeys(code for code in range(32) if code not in (9, 10, 13))
"""Characters that XML 1.0 cannot hold, by no escape."""


def to_ttml(cues: Sequence[Cue], locale: str, title: str = "") -> str:
    """The document, to be kept as UTF-8. `locale`: BCP 47, of the text; it also sets the direction of writing.

    Times are media times with milliseconds, as in the other formats. The text stands centred at the bottom, within the
    tenth of the picture's height and width that players leave free.
    """
    for prefix, name in (("", _TT), ("ttp", _TTP), ("tts", _TTS), ("ttm", _TTM)):
        ElementTree.register_namespace(prefix, name)
    tag = langcodes.standardize_tag(locale)
    root = ElementTree.Element(
        f"{{{_TT}}}tt",
        {f"{{{_XML}}}lang": tag, f"{{{_TTP}}}contentProfiles": _PROFILE, f"{{{_TTP}}}timeBase": "media"},
    )
    head = ElementTree.SubElement(root, f"{{{_TT}}}head")
    if title:
        metadata = ElementTree.SubElement(head, f"{{{_TT}}}metadata")
        ElementTree.SubElement(metadata, f"{{{_TTM}}}title").text = title.translate(_FORBIDDEN)
    _add_looks(head, right_to_left(tag))
    division = ElementTree.SubElement(ElementTree.SubElement(root, f"{{{_TT}}}body", {"region": "bottom", "style": "text"}), f"{{{_TT}}}div")
    for number, cue in enumerate(cues, 1):
        times = {"begin": _stamp(cue.start), "end": _stamp(cue.end)}
        paragraph = ElementTree.SubElement(division, f"{{{_TT}}}p", {f"{{{_XML}}}id": f"c{number}", **times})
        _add_lines(paragraph, cue.lines)
    ElementTree.indent(division, level=2)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _add_looks(head: ElementTree.Element, leftward: bool) -> None:
    styling = ElementTree.SubElement(head, f"{{{_TT}}}styling")
    text = {
        f"{{{_XML}}}id": "text",
        f"{{{_TTS}}}color": "#FFFFFFFF",
        f"{{{_TTS}}}fontFamily": "proportionalSansSerif",
        # Of a cell, by default a fifteenth of the picture's height: 42 letters take two thirds of a wide picture.
        f"{{{_TTS}}}fontSize": "80%",
        f"{{{_TTS}}}lineHeight": "125%",
        f"{{{_TTS}}}textAlign": "center",
        f"{{{_TTS}}}textOutline": "#000000FF 5%",
        f"{{{_TTS}}}direction": "rtl" if leftward else "ltr",
    }
    ElementTree.SubElement(styling, f"{{{_TT}}}style", text)
    layout = ElementTree.SubElement(head, f"{{{_TT}}}layout")
    region = {
        f"{{{_XML}}}id": "bottom",
        f"{{{_TTS}}}origin": "10% 70%",
        f"{{{_TTS}}}extent": "80% 20%",
        f"{{{_TTS}}}displayAlign": "after",
        f"{{{_TTS}}}showBackground": "whenActive",
    }
    ElementTree.SubElement(layout, f"{{{_TT}}}region", region)


def _add_lines(paragraph: ElementTree.Element, lines: Sequence[str]) -> None:
    clean = [line.translate(_FORBIDDEN) for line in lines]
    paragraph.text = clean[0]
    for line in clean[1:]:
        ElementTree.SubElement(paragraph, f"{{{_TT}}}br").tail = line


def _stamp(time_s: Fraction) -> str:
    millis = floor(time_s * 1000)
    seconds, millis = divmod(millis, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{millis:03}"
