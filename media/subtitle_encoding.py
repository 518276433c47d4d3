"""The text of a file of unknown encoding."""

from __future__ import annotations

import codecs

from charset_normalizer import from_bytes

from locutor.errors import InvalidInput

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
# What subtitles and tables come in. All encodings that there are would explain a short text in too many ways.
_LIKELY = ["utf_16_le", "utf_16_be", "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "gb18030", "big5", "shift_jis", "euc_jp", "cp949"]
_CONTROLS = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127))


def read_text(data: bytes, field: str) -> tuple[str, str]:
    """The text, with "\\n" between lines, and the encoding it was read as ("utf-8" wherever that is possible).

    Raises InvalidInput: BAD_ENCODING where it is no text in any encoding that is known.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return _plain(_decoded(data, name, field)), name.removesuffix("-sig")
    try:
        return _plain(data.decode("utf-8")), "utf-8"
    except UnicodeDecodeError:
        pass
    guesses = from_bytes(data, cp_isolation=_LIKELY)
    best = guesses.best()
    if best is None:
        raise InvalidInput.of(field, "is not text in any known encoding; save it as UTF-8", "BAD_ENCODING")
    # Central European looks as likely for French as Western does: the commoner of equals.
    equals = [guess.encoding for guess in guesses if (guess.chaos, guess.coherence) == (best.chaos, best.coherence)]
    encoding = min(equals, key=_LIKELY.index)
    return _plain(_decoded(data, encoding, field)), encoding.replace("_", "-")


def _decoded(data: bytes, encoding: str, field: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise InvalidInput.of(field, f"begins as {encoding} but is not at byte {error.start}; save it as UTF-8", "BAD_ENCODING") from error


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_CONTROLS)
