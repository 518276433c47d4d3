"""Recordings of people whose voices may be cloned, each with the statement that allows it."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

from locutor.errors import InvalidInput

FOLDER_VARIABLE = "LOCUTOR_COQUI_VOICES"
"""Environment variable: a folder of recordings, each `NAME.wav` (6 s and more of one person's speech) beside `NAME.consent.toml`."""

_CONSENT = ".consent.toml"
_FIELDS = ("statement", "by")
_REMEDY = f'write beside it, in NAME{_CONSENT}: statement = "what the person allows", by = "who says so"'


@dataclass(frozen=True)
class Reference:
    """A recording that may be used."""

    name: str
    path: Path
    statement: str
    """What the person whose voice it is allows."""
    by: str
    """Who says so."""


def voice_folder() -> Path | None:
    """The folder that is set."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named).expanduser() if named else None


def references() -> list[Reference]:
    """Those with a consent; the others are not offered."""
    folder = voice_folder()
    found = []
    for path in sorted(folder.glob("*.wav")) if folder else ():
        try:
            found.append(read_reference(path))
        except InvalidInput:
            continue
    return found


def read_reference(path: Path) -> Reference:
    """Raises `InvalidInput` (field "voice", reason NO_CONSENT) for a recording without a consent, or with an empty one."""
    consent = path.with_suffix(_CONSENT)
    try:
        told = tomllib.loads(consent.read_text("utf-8"))
    except OSError as error:
        raise InvalidInput.of("voice", f"{path.name} has no consent: {_REMEDY}", "NO_CONSENT") from error
    except ValueError as error:
        raise InvalidInput.of("voice", f"{consent.name} is no TOML file ({error}): {_REMEDY}", "NO_CONSENT") from error
    values = [told.get(name) for name in _FIELDS]
    if not all(isinstance(value, str) and value.strip() for value in values):
        raise InvalidInput.of("voice", f"{consent.name} does not state who allows what: {_REMEDY}", "NO_CONSENT")
    return Reference(path.stem, path, *(str(value).strip() for value in values))


def refuse_without_consent(name: str) -> None:
    """Say why the voice of a recording is not offered, where the recording is there. Raises as `read_reference`."""
    folder = voice_folder()
    for path in sorted(folder.glob("*.wav")) if folder else ():
        if path.stem == name:
            read_reference(path)
