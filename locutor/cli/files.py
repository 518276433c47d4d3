"""Files that the user names, read and checked before anything is started or sent."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from locutor.errors import InvalidInput
from locutor.glossary_file import MOST_BYTES
from locutor.glossary_file import read_glossary as parse_glossary
from locutor.transfer import image_type
from locutor.translate.v1.translate_pb2 import GlossaryTerm

MAX_TEXT_BYTES = 2**20
"""A text file beyond this is no script: an hour of speech has about 60 kB."""
MAX_IMAGE_BYTES = 64 * 2**20
"""Upper bound of an image file; what its pixels may be, the gateway says."""

MAX_MEDIA_BYTES = 2**40
"""What a gateway takes, it says itself."""

_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?")
"""The BCP 47 tags that name a locale: language, script, region."""


def _check(option: str, path: Path, limit_bytes: int) -> None:
    try:
        if not path.exists():
            raise InvalidInput.of(option, f"{path} does not exist; check the path", "NO_SUCH_FILE")
        if not path.is_file():
            raise InvalidInput.of(option, f"{path} is not a file; name one", "NOT_A_FILE")
        size = path.stat().st_size
        with path.open("rb"):
            pass
    except OSError as error:
        raise InvalidInput.of(option, f"{path} cannot be read ({error.strerror}); check its permissions", "UNREADABLE_FILE") from error
    if size == 0:
        raise InvalidInput.of(option, f"{path} is empty (0 bytes); give a file with content", "EMPTY_FILE")
    if size > limit_bytes:
        raise InvalidInput.of(option, f"{path} has {size:,} bytes; the limit is {limit_bytes:,}: give a smaller file", "FILE_TOO_LARGE")


def read_text(option: str, path: Path) -> str:
    """A UTF-8 text file. Raises `InvalidInput`."""
    _check(option, path, MAX_TEXT_BYTES)
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        found = f"byte {error.start} is 0x{error.object[error.start]:02x}"
        raise InvalidInput.of(option, f"{path} is not UTF-8 text ({found}); save it as UTF-8", "NOT_UTF8") from error


def check_image(option: str, path: Path) -> None:
    """Refuse what is no image file by its first bytes. Raises `InvalidInput`."""
    _check(option, path, MAX_IMAGE_BYTES)
    with path.open("rb") as file:
        head = file.read(24)
    if image_type(head) is None:
        raise InvalidInput.of(
            option, f"{path} is not a PNG, JPEG or WebP image (it begins with {head!r}); give a photograph or a drawing of one face", "NOT_AN_IMAGE"
        )


def check_media(option: str, path: Path) -> None:
    """Refuse what is no file, or an empty one; what it holds, the gateway looks at. Raises `InvalidInput`."""
    _check(option, path, MAX_MEDIA_BYTES)


def check_folder(option: str, folder: Path) -> None:
    """Refuse a folder that cannot be made, or written into: better now than when the work is done. Raises `InvalidInput`."""
    existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise InvalidInput.of(option, f"{folder} cannot be written into ({error.strerror}); name a folder that can", "NOT_WRITABLE") from error


def find_translations(script: Path, locales: Sequence[str]) -> dict[str, Path]:
    """The files beside `script` that hold it in one of `locales`: `script.es.md` for `es`, and for `es-MX` where there is no `script.es-MX.md`.

    Upper and lower case, hyphen and underscore are the same.
    """
    found: dict[str, Path] = {}
    for path in sorted(script.parent.glob(f"*{script.suffix}")):
        if not path.name.startswith(f"{script.stem}."):
            continue
        tag = path.name[len(script.stem) + 1 : len(path.name) - len(script.suffix)].replace("_", "-")
        if _TAG.fullmatch(tag):
            found[tag.lower()] = path
    chosen = {locale: found.get(locale.lower().replace("_", "-")) or found.get(re.split("[-_]", locale.lower())[0]) for locale in locales}
    return {locale: path for locale, path in chosen.items() if path is not None}


def read_glossary(path: Path, source_locale: str, target_locales: Sequence[str]) -> list[GlossaryTerm]:
    """The terms of a CSV or TBX file for the locales. Raises `InvalidInput`."""
    _check("--glossary", path, MOST_BYTES)
    return parse_glossary(path.read_bytes(), source_locale, target_locales, f"--glossary {path}")
