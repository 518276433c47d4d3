"""Decodes one image file of an unknown sender: a program of its own, so that a hostile file can waste or break only this process.

    python -I image_decoder.py MAX_PIXELS MAX_SIDE < image > answer

The answer is a line of JSON, then, where the image was decoded, its pixels: 8-bit RGB, row by row. It knows Pillow and nothing of Locutor.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from typing import Any

from PIL import Image, ImageCms

FORMATS = ("PNG", "JPEG", "WEBP")
NEUTRAL = (205, 208, 212)
"""Light grey, seen through what is transparent."""

_MEMORY_BYTES = 3 << 30
_CPU_SECONDS = 20
_EXIF_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes an image upright, by its EXIF orientation."""
_QUARTER_TURNS = (Image.Transpose.TRANSPOSE, Image.Transpose.ROTATE_270, Image.Transpose.TRANSVERSE, Image.Transpose.ROTATE_90)
# File types that people do send, by their first bytes, to tell them what they have.
_MAGIC = (
    (b"GIF8", 0, "a GIF"),
    (b"%PDF", 0, "a PDF"),
    (b"BM", 0, "a BMP image"),
    (b"II*\x00", 0, "a TIFF image"),
    (b"MM\x00*", 0, "a TIFF image"),
    (b"ftypheic", 4, "a HEIC photo"),
    (b"ftypheix", 4, "a HEIC photo"),
    (b"ftypmif1", 4, "a HEIF photo"),
    (b"ftypavif", 4, "an AVIF image"),
    (b"ftyp", 4, "a video"),
    (b"\x1aE\xdf\xa3", 0, "a video"),
    (b"PK\x03\x04", 0, "a ZIP archive or office document"),
)


def main() -> None:
    max_pixels, max_side = int(sys.argv[1]), int(sys.argv[2])
    _limit()
    data = sys.stdin.buffer.read()
    # The size is checked below, before anything is decoded.
    Image.MAX_IMAGE_PIXELS = None
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.UnidentifiedImageError:
        return _answer({"error": "unidentified", "found": _kind(data)})
    except (OSError, ValueError, SyntaxError) as error:
        return _answer({"error": "damaged", "found": str(error)})
    width, height = image.size
    if width * height > max_pixels:
        return _answer({"error": "too_many_pixels", "width": width, "height": height})
    try:
        upright, size = _upright_rgb(image, max_side)
    except (OSError, ValueError, SyntaxError) as error:
        return _answer({"error": "damaged", "found": str(error)})
    _answer({"width": upright.width, "height": upright.height, "source_width": size[0], "source_height": size[1], "format": image.format})
    sys.stdout.buffer.write(upright.tobytes())
    return None


def _upright_rgb(image: Image.Image, max_side: int) -> tuple[Image.Image, tuple[int, int]]:
    """The image in sRGB, rotated as its EXIF says, at most `max_side` on its longer side; and its full upright size."""
    size = image.size
    turn = _TURNS.get(image.getexif().get(_EXIF_ORIENTATION, 1))
    # JPEG is decoded at a fraction of its size where that is still enough.
    image.draft(None, (max_side, max_side))
    image.load()
    profile = image.info.get("icc_profile")
    if image.mode in ("I;16", "I;16L", "I;16B"):
        samples = image.tobytes()
        image = Image.frombytes("L", image.size, samples[0::2] if image.mode == "I;16B" else samples[1::2])
    elif image.mode in ("P", "PA", "LA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
    longest = max(image.size)
    if longest > max_side:
        # Scaled before anything is copied; alpha is premultiplied meanwhile, lest colours under it bleed.
        target = (max(1, round(image.width * max_side / longest)), max(1, round(image.height * max_side / longest)))
        if image.mode == "1":
            image = image.convert("L")
        image = image.resize(target, Image.Resampling.LANCZOS, reducing_gap=3.0)
    if image.mode == "RGBA":
        alpha = image.getchannel("A")
        flat = Image.new("RGB", image.size, NEUTRAL)
        flat.paste(image.convert("RGB"), mask=alpha)
        image = flat
    image = _to_srgb(image, profile)
    if turn is None:
        return image, size
    return image.transpose(turn), (size[1], size[0]) if turn in _QUARTER_TURNS else size


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if profile and image.mode in ("RGB", "L", "CMYK"):
        # A broken profile, or one of another colour space than the image: such files are shown without it everywhere.
        with contextlib.suppress(ImageCms.PyCMSError):
            image = ImageCms.profileToProfile(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode="RGB") or image
    return image.convert("RGB")


def _kind(data: bytes) -> str:
    """What a file that is none of ours looks like."""
    for magic, offset, kind in _MAGIC:
        if data[offset : offset + len(magic)] == magic:
            return kind
    head = data[:2048]
    try:
        head.decode("utf-8", "strict")
    except UnicodeDecodeError as error:
        # A character may be cut in two at the end.
        return "text" if error.start >= len(head) - 3 and len(data) > len(head) else "no image that we know"
    return "text" if b"\x00" not in head else "no image that we know"


def _limit() -> None:
    """Bound memory and time of this process, where the system can."""
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _answer(head: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n")


if __name__ == "__main__":
    main()
