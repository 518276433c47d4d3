"""The fonts of this machine that cover a text, as fontconfig finds them."""

from __future__ import annotations

import shutil
import subprocess
import unicodedata
from dataclasses import dataclass, replace
from pathlib import Path

import langcodes

from locutor.errors import Unavailable

_CJK = frozenset({"Hans", "Hant", "Jpan", "Kore"})
_TIMEOUT_S = 60.0
"""fontconfig reads every font once when it has no cache yet."""
_MOST_FONTS = 4
"""For one text: its own writing, Latin names in it, and signs."""


@dataclass(frozen=True)
class FontFile:
    path: Path
    index: int
    """Of the face in a collection."""
    family: str
    covered: frozenset[str]
    """Characters of the text that it has."""


@dataclass(frozen=True)
class FontSet:
    """Fonts that cover a text together, the one for its language first."""

    fonts: tuple[FontFile, ...]
    uncovered: frozenset[str]
    """Signs and pictures that no font here has."""


def find_fonts(locale: str, text: str) -> FontSet:
    """Upright sans-serif fonts for `text`, which is in the language of `locale` (BCP 47).

    Raises Unavailable: MISSING_FONT where a letter, mark or digit of the text, or fontconfig itself, is missing; it names the package.
    """
    missing = {character for character in text if not character.isspace() and unicodedata.category(character) not in ("Cf", "Cc")}
    if not missing:
        return FontSet((), frozenset())
    command = shutil.which("fc-match")
    if command is None:
        raise Unavailable("subtitles are drawn with fonts that fontconfig finds; install it: apt-get install fontconfig fonts-noto-core", reason="MISSING_FONT")
    wish = f"sans-serif:lang={_fontconfig_language(locale)}:slant=0:weight=80"
    fonts: list[FontFile] = []
    while missing and len(fonts) < _MOST_FONTS:
        font = _best(command, wish, missing)
        if font is None or not font.covered & missing:
            break
        fonts.append(font if not fonts else replace(font, covered=font.covered & missing))
        missing -= font.covered
        wish = "sans-serif:slant=0:weight=80"
    _refuse_letters(locale, missing)
    return FontSet(tuple(fonts), frozenset(missing))


def _best(command: str, wish: str, characters: set[str]) -> FontFile | None:
    codes = " ".join(sorted(f"{ord(character):x}" for character in characters))
    answer = subprocess.run(
        [command, "-f", "%{file}\n%{index}\n%{family[0]}\n%{charset}\n%{scalable}%{color}", f"{wish}:charset={codes}"],
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
    )
    path, index, family, ranges, kind = (answer.stdout.split("\n") + [""] * 5)[:5]
    # Fonts of pictures have their own colours and sizes.
    is_drawable = path and kind in ("TrueFalse", "True")
    return FontFile(Path(path), int(index) & 0xFFFF, family, frozenset(_among(characters, ranges))) if is_drawable else None


def _refuse_letters(locale: str, missing: set[str]) -> None:
    letters = sorted(character for character in missing if unicodedata.category(character)[0] in "LMN")
    if letters:
        package = "fonts-noto-cjk" if langcodes.Language.get(locale).maximize().script in _CJK else "fonts-noto-core"
        shown = ", ".join(f"{letter} (U+{ord(letter):04X})" for letter in letters[:8])
        raise Unavailable(f"no font here has {shown}, which subtitles in {locale} need; install one: apt-get install {package}", reason="MISSING_FONT")


def _fontconfig_language(locale: str) -> str:
    """fontconfig knows languages in lower case and Chinese by its country."""
    language = langcodes.Language.get(locale)
    if language.language in ("zh", "yue"):
        return "zh-tw" if language.maximize().script == "Hant" else "zh-cn"
    return (language.language or "en").lower()


def _among(wanted: set[str], ranges: str) -> set[str]:
    """Those of `wanted` within fontconfig's ranges, "20-7e a0 ..."."""
    found: set[str] = set()
    for part in ranges.split():
        low, _, high = part.partition("-")
        found |= {character for character in wanted if int(low, 16) <= ord(character) <= int(high or low, 16)}
    return found
