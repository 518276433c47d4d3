"""What a file is, by its content: names and declared types are only claims."""

from __future__ import annotations

import warnings
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

    Raises `InvalidInput` with `field` where it is no image, of another format, or of too many pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                name, (width, height) = image.format or "", image.size
    except Image.DecompressionBombError as error:
        raise InvalidInput.of(field, f"the image has too many pixels; {_LIMIT}", "TOO_LARGE") from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise InvalidInput.of(field, f"{_seen(path)}; give a PNG, JPEG or WebP image", "NOT_AN_IMAGE") from error
    if name not in IMAGE_TYPES:
        raise InvalidInput.of(field, f"the image is of the format {name}; give PNG, JPEG or WebP", "UNSUPPORTED_IMAGE")
    if width * height > MAX_PIXELS:
        raise InvalidInput.of(field, f"the image has {width}x{height} = {width * height / 1e6:.0f} megapixels; {_LIMIT}", "TOO_LARGE")
    return IMAGE_TYPES[name]


def _seen(path: Path) -> str:
    """What a file that is no image looks like, for its sender."""
    head = path.open("rb").read(512) if path.stat().st_size else b""
    if not head:
        return "the file is empty"
    try:
        text = head[:500].decode("utf-8", "strict" if len(head) < 500 else "ignore")
    except UnicodeDecodeError:
        return "the file is not an image that can be read"
    return "the file is a text" if text.isprintable() or "\n" in text else "the file is not an image that can be read"
