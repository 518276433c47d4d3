"""What a file is, by its content: names and declared types are only claims."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from gateway.media_process import probe_media
from locutor.errors import InvalidInput

IMAGE_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
"""Images that are taken, by Pillow's name of the format."""
MAX_PIXELS = 50_000_000
"""Pixels of the largest image that is taken: 50 megapixels decode to 150 MB."""
MAX_IMAGE_BYTES = 64 * 1024 * 1024
MAX_SUBTITLE_BYTES = 4 * 1024 * 1024
"""Subtitles of ten hours have about one."""
_CONTAINERS = {"mov": "mp4", "matroska": "x-matroska", "avi": "x-msvideo", "mpegts": "mp2t", "mpeg": "mpeg", "wav": "wav", "mp3": "mpeg", "flac": "flac"}
"""Second part of a media type by FFmpeg's first name of the container."""
_LIMIT = f"the limit is {MAX_PIXELS // 1_000_000} megapixels: scale it down"


async def content_type(path: Path, claimed: str, field: str) -> str:
    """The media type of an upload: an image, subtitles, a video or a sound. `claimed`: what its sender says that it is.

    Raises `InvalidInput` with `field` where it is none of them, or is too large for what it is.
    """
    size = await asyncio.to_thread(os.path.getsize, path)
    if claimed.startswith("image/") or await asyncio.to_thread(_is_image, path):
        if size > MAX_IMAGE_BYTES:
            raise InvalidInput.of(field, f"the image has {size // 1024 // 1024} MiB; the limit is {MAX_IMAGE_BYTES // 1024 // 1024} MiB", "TOO_LARGE")
        return await asyncio.to_thread(image_type, path, field)
    if (subtitles := await asyncio.to_thread(_subtitle_type, path)) is not None:
        if size > MAX_SUBTITLE_BYTES:
            limit = MAX_SUBTITLE_BYTES // 1024 // 1024
            raise InvalidInput.of(field, f"the subtitles have {size // 1024 // 1024} MiB; the limit is {limit} MiB", "TOO_LARGE")
        return subtitles
    try:
        found = await probe_media(path, field)
    except InvalidInput as error:
        message = f"{_seen(path, 'media')}; give an image (PNG, JPEG, WebP), a video or sound file, or subtitles (SRT, WebVTT)"
        raise InvalidInput.of(field, message, "NOT_MEDIA") from error
    container = found.container.partition(",")[0]
    return f"{'video' if found.has_video else 'audio'}/{_CONTAINERS.get(container, container)}"


def _is_image(path: Path) -> bool:
    try:
        with Image.open(path, formats=list(IMAGE_TYPES)):
            return True
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return True
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return False


def _subtitle_type(path: Path) -> str | None:
    """SubRip and WebVTT, by the arrow between two times; in whatever encoding."""
    with path.open("rb") as file:
        head = file.read(4096).replace(b"\0", b"")
    if b"-->" not in head:
        return None
    return "text/vtt" if b"WEBVTT" in head[:16] else "application/x-subrip"


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


def _seen(path: Path, kind: str = "image") -> str:
    """What a file that is no image, or no media of any kind, looks like, for its sender."""
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        return "the file is empty"
    if kind == "media" and head[4:8] == b"ftyp":
        return "the file begins as MP4 but cannot be read: its end may be missing; send it again"
    is_text = b"\0" not in head and all(byte >= 32 or byte in b"\t\n\r\f" for byte in head)
    return "the file is a text" if is_text and _is_utf8(head) else f"the file is not {'an image' if kind == 'image' else 'one'} that can be read"


def _is_utf8(head: bytes) -> bool:
    """Whether bytes are UTF-8, but for a character that may be cut off at their end."""
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4 and len(head) == 512
    return True
