"""What a file is, by its content: names and declared types are only claims."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, UnidentifiedImageError

from locutor.errors import InvalidInput

IMAGE_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
"""Images that are taken, by Pillow's name of the format."""
MAX_PIXELS = 50_000_000
"""Pixels of the largest image that is taken: 50 megapixels decode to 150 MB."""
_LIMIT = f"the limit is {MAX_PIXELS // 1_000_000} megapixels: scale it down"


def image_type(path: Path, field: str) -> str:
    """The media type of an image file, read from its header alone.

    Raises `InvalidInput` with `field` where it is no such image, or has too many pixels.
    """
    try:
        with Image.open(path, formats=list(IMAGE_TYPES)) as image:
            name, (width, height) = image.format or "", image.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InvalidInput.of(field, f"the image has too many pixels; {_LIMIT}", "TOO_LARGE") from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise InvalidInput.of(field, f"{_seen(path)}; give a PNG, JPEG or WebP image", "NOT_AN_IMAGE") from error
    if width * height > MAX_PIXELS:
        raise InvalidInput.of(field, f"the image has {width}x{height} = {width * height / 1e6:.0f} megapixels; {_LIMIT}", "TOO_LARGE")
    return IMAGE_TYPES[name]


def _seen(path: Path) -> str:
    """What a file that is no image looks like, for its sender."""
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        return "the file is empty"
    is_text = b"\0" not in head and all(byte >= 32 or byte in b"\t\n\r\f" for byte in head)
    return "the file is a text" if is_text and _is_utf8(head) else "the file is not an image that can be read"


def _is_utf8(head: bytes) -> bool:
    """Whether bytes are UTF-8, but for a character that may be cut off at their end."""
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4 and len(head) == 512
    return True
