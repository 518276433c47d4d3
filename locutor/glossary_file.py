"""A glossary as translators keep it: a table (CSV) or a terminology (TBX), in one or several languages."""

from __future__ import annotations

import codecs
from collections.abc import Sequence

from locutor.errors import InvalidInput
from locutor.glossary_table import read_table
from locutor.glossary_tbx import read_tbx
from locutor.translate.v1.translate_pb2 import GlossaryTerm

MOST_BYTES = 10_000_000


def read_glossary(data: bytes, source_locale: str, target_locales: Sequence[str], field: str = "glossary") -> list[GlossaryTerm]:
    """The terms for `target_locales` (BCP 47); which kind of file it is, is seen from its beginning.

    `source_locale`: that of the texts; empty: the file's own. A locale takes the terms for itself, or else those for its
    language. Raises InvalidInput named `field`, each violation with its line: NOT_UTF8, BAD_GLOSSARY, TOO_LARGE.
    """
    if len(data) > MOST_BYTES:
        raise InvalidInput.of(field, f"has {len(data):,} bytes; a glossary has at most {MOST_BYTES:,}", "TOO_LARGE")
    if _text_start(data).lstrip().startswith("<"):
        return read_tbx(data, source_locale, target_locales, field)
    return read_table(_text(data, field), source_locale, target_locales, field)


def _text_start(data: bytes) -> str:
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    return data[:200].decode(encoding, "ignore")


def _text(data: bytes, field: str) -> str:
    """UTF-8, or what spreadsheets call Unicode text. Anything else would have to be guessed, and a wrong letter is hard to see in a name."""
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        message = f"line {line}: byte {error.start} is 0x{error.object[error.start]:02x}, which is not {encoding.removesuffix('-sig').upper()}"
        raise InvalidInput.of(field, f"{message}; save it as UTF-8 (in a spreadsheet: CSV UTF-8)", "NOT_UTF8") from error
