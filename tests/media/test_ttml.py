from __future__ import annotations

from fractions import Fraction
from xml.etree import ElementTree

import pytest

from media.subtitles import Cue
from media.ttml import to_ttml

NAMES = {"tt": "http://www.w3.org/ns/ttml"}
STYLING = "{http://www.w3.org/ns/ttml#styling}"
XML = "{http://www.w3.org/XML/1998/namespace}"
CUES = [Cue(Fraction(1), Fraction(64, 25), ('R&D <b>"Q&A"</b> -->\x01', "second\x0bline")), Cue(Fraction(3661), Fraction(110_000, 30), ("你好",))]


def test_the_document_is_imsc_text() -> None:
    written = to_ttml(CUES, "es-419", "A title & more")
    root = ElementTree.fromstring(written.encode())
    assert root.tag == "{http://www.w3.org/ns/ttml}tt" and root.get(f"{XML}lang") == "es-419"
    assert root.get("{http://www.w3.org/ns/ttml#parameter}contentProfiles") == "http://www.w3.org/ns/ttml/profile/imsc1.1/text"
    assert written.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<tt xmlns="http://www.w3.org/ns/ttml"')
    region, body = root.find("tt:head/tt:layout/tt:region", NAMES), root.find("tt:body", NAMES)
    style = root.find("tt:head/tt:styling/tt:style", NAMES)
    assert region is not None and body is not None and style is not None
    assert (body.get("region"), body.get("style")) == (region.get(f"{XML}id"), style.get(f"{XML}id"))
    # Inside the picture, as the profile demands.
    origin, extent = ([float(part.rstrip("%")) for part in (region.get(f"{STYLING}{name}") or "").split()] for name in ("origin", "extent"))
    assert all(begin >= 0 and begin + length <= 100 for begin, length in zip(origin, extent, strict=True))
    title = root.find("tt:head/tt:metadata/{http://www.w3.org/ns/ttml#metadata}title", NAMES)
    assert title is not None and title.text == "A title & more"


def test_times_and_lines_are_the_cues() -> None:
    root = ElementTree.fromstring(to_ttml(CUES, "zh-Hans").encode())
    first, second = root.findall("tt:body/tt:div/tt:p", NAMES)
    assert (first.get("begin"), first.get("end")) == ("00:00:01.000", "00:00:02.560")
    assert (second.get("begin"), second.get("end"), second.text) == ("01:01:01.000", "01:01:06.666", "你好")
    assert first.text == 'R&D <b>"Q&A"</b> -->'
    assert [line.tail for line in first.findall("tt:br", NAMES)] == ["secondline"]


@pytest.mark.parametrize(("locale", "direction"), [("ar-EG", "rtl"), ("he", "rtl"), ("fa", "rtl"), ("ur-PK", "rtl"), ("hi-IN", "ltr"), ("en-US", "ltr")])
def test_the_direction_of_writing(locale: str, direction: str) -> None:
    style = ElementTree.fromstring(to_ttml([], locale).encode()).find("tt:head/tt:styling/tt:style", NAMES)
    assert style is not None and style.get(f"{STYLING}direction") == direction
