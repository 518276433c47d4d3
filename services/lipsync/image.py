"""Image files of unknown senders, decoded: bounded in bytes and pixels, in a process of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from locutor.errors import InvalidInput

MAX_BYTES = 25 << 20
MAX_PIXELS = 120_000_000
"""More than any telephone's camera makes (108 megapixels)."""
MAX_SIDE = 4096
"""Images are scaled down to this on load: a frame is at most 3840 pixels wide."""
MIN_SIDE = 64
_TIMEOUT_S = 30
_FORMATS = "PNG, JPEG or WebP"


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """An upright image in sRGB."""

    rgb: np.ndarray
    """(height, width, 3) uint8."""
    source_width: int
    """Size of the file's image, upright, in pixels: larger than `rgb` where it was scaled down."""
    source_height: int

    @property
    def reduction(self) -> float:
        """Pixels of the file per pixel of `rgb`, at least 1."""
        return self.source_width / self.rgb.shape[1]


def decode_image(data: bytes, field: str) -> DecodedImage:
    """Decode a PNG, JPEG or WebP file.

    Rotated as its EXIF says, colours in sRGB, transparency over light grey, at most `MAX_SIDE` on the longer side; of an animation the first
    frame. Raises `InvalidInput` for `field`, with the reasons EMPTY, TOO_LARGE, NOT_AN_IMAGE, DAMAGED_IMAGE and IMAGE_TOO_SMALL.
    """
    if not data:
        raise InvalidInput.of(field, f"is empty; send a {_FORMATS} file", "EMPTY")
    if len(data) > MAX_BYTES:
        raise InvalidInput.of(field, f"is larger than {MAX_BYTES >> 20} MiB; send a smaller or more compressed image", "TOO_LARGE")
    decoder = Path(__file__).with_name("image_decoder.py")
    command = [sys.executable, "-I", str(decoder), str(MAX_PIXELS), str(MAX_SIDE)]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise InvalidInput.of(field, f"could not be decoded within {_TIMEOUT_S} s; save it anew with an image editor", "DAMAGED_IMAGE") from error
    head, _, pixels = done.stdout.partition(b"\n")
    if done.returncode != 0 or not head:
        raise InvalidInput.of(field, "is damaged or needs too much memory to decode; save it anew with an image editor", "DAMAGED_IMAGE")
    answer = json.loads(head)
    match answer.get("error"):
        case "unidentified":
            raise InvalidInput.of(field, f"is {answer['found']}, not an image of a known type; send a {_FORMATS} file", "NOT_AN_IMAGE")
        case "too_many_pixels":
            found = f"has {answer['width']} x {answer['height']} pixels"
            raise InvalidInput.of(field, f"{found}, more than {MAX_PIXELS // 1_000_000} megapixels; scale it down", "TOO_LARGE")
        case "damaged":
            raise InvalidInput.of(field, f"is damaged ({answer['found']}); send the whole file, or save it anew with an image editor", "DAMAGED_IMAGE")
    width, height = answer["source_width"], answer["source_height"]
    if min(width, height, answer["width"], answer["height"]) < MIN_SIDE:
        raise InvalidInput.of(field, f"has only {width} x {height} pixels; send one of at least {MIN_SIDE} on each side", "IMAGE_TOO_SMALL")
    rgb = np.frombuffer(pixels, np.uint8).reshape(answer["height"], answer["width"], 3)
    return DecodedImage(rgb, width, height)
