"""Image files as people, cameras and attackers make them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageCms

from locutor.errors import InvalidInput
from services.lipsync import image as image_module
from services.lipsync.image import MAX_SIDE, decode_image

RED, GREEN, BLUE = (220, 30, 40), (30, 200, 60), (20, 60, 210)


def quarters(width: int = 120, height: int = 80) -> Image.Image:
    """Red top left, green top right, blue below."""
    image = Image.new("RGB", (width, height), BLUE)
    image.paste(RED, (0, 0, width // 2, height // 2))
    image.paste(GREEN, (width // 2, 0, width, height // 2))
    return image


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def at(rgb: np.ndarray, x: float, y: float) -> np.ndarray:
    return rgb[int(y * rgb.shape[0]), int(x * rgb.shape[1])].astype(int)


def close(color: np.ndarray, expected: tuple[int, int, int], tolerance: int = 12) -> bool:
    return bool(np.abs(color - np.array(expected)).max() <= tolerance)


def refusal(data: bytes) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        decode_image(data, "portrait")
    assert [v.field for v in caught.value.violations] == ["portrait"]
    return caught.value


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("png", lambda: encoded(quarters(), "PNG")),
        ("jpeg", lambda: encoded(quarters(), "JPEG", quality=95, subsampling=0)),
        ("webp", lambda: encoded(quarters(), "WEBP", lossless=True)),
        ("palette", lambda: encoded(quarters().quantize(16), "PNG")),
        ("cmyk", lambda: encoded(quarters().convert("CMYK"), "JPEG", quality=98, subsampling=0)),
        ("opaque alpha", lambda: encoded(quarters().convert("RGBA"), "PNG")),
        ("progressive", lambda: encoded(quarters(), "JPEG", quality=95, progressive=True, subsampling=0)),
    ],
)
def test_what_can_be_read(name: str, make: Callable[[], bytes]) -> None:
    decoded = decode_image(make(), "portrait")
    assert decoded.rgb.shape == (80, 120, 3) and decoded.rgb.dtype == np.uint8
    assert (decoded.source_width, decoded.source_height, decoded.reduction) == (120, 80, 1.0)
    assert close(at(decoded.rgb, 0.25, 0.25), RED) and close(at(decoded.rgb, 0.75, 0.25), GREEN) and close(at(decoded.rgb, 0.5, 0.75), BLUE)


@pytest.mark.parametrize(
    ("orientation", "red_at"),
    [(1, (0.2, 0.2)), (2, (0.8, 0.2)), (3, (0.8, 0.8)), (4, (0.2, 0.8)), (5, (0.2, 0.2)), (6, (0.8, 0.2)), (7, (0.8, 0.8)), (8, (0.2, 0.8))],
)
def test_exif_rotation(orientation: int, red_at: tuple[float, float]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode_image(encoded(quarters(), "JPEG", quality=95, subsampling=0, exif=exif), "portrait")
    size = (80, 120) if orientation >= 5 else (120, 80)
    assert (decoded.source_width, decoded.source_height) == size
    assert decoded.rgb.shape == (size[1], size[0], 3)
    assert close(at(decoded.rgb, *red_at), RED)


def test_transparency_is_light_grey() -> None:
    image = quarters().convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 60, 40))
    for data in (encoded(image, "PNG"), encoded(image, "WEBP", lossless=True)):
        decoded = decode_image(data, "portrait")
        assert close(at(decoded.rgb, 0.25, 0.25), (205, 208, 212), 2)
        assert close(at(decoded.rgb, 0.75, 0.25), GREEN)


def test_transparent_palette_color() -> None:
    image = quarters().quantize(4)
    index = image.getpixel((5, 5))
    decoded = decode_image(encoded(image, "PNG", transparency=index), "portrait")
    assert close(at(decoded.rgb, 0.25, 0.25), (205, 208, 212), 2)


def test_sixteen_bit_grey_keeps_its_tones() -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)
    decoded = decode_image(encoded(Image.fromarray(np.tile(ramp, (100, 1))), "PNG"), "portrait")
    row = decoded.rgb[50, :, 1].astype(int)
    assert np.abs(row - np.linspace(0, 255, 256)).max() <= 1


def sixteen_bit_rgb_png(width: int, height: int) -> bytes:
    """Pillow writes none: a PNG of 16 bits a channel, red rising from left to right."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    row = np.zeros((width, 3), ">u2")
    row[:, 0] = np.linspace(0, 65535, width)
    body = b"".join(b"\x00" + row.tobytes() for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def test_sixteen_bit_color() -> None:
    decoded = decode_image(sixteen_bit_rgb_png(256, 80), "portrait")
    assert np.abs(decoded.rgb[40, :, 0].astype(int) - np.linspace(0, 255, 256)).max() <= 1
    assert decoded.rgb[..., 1:].max() == 0


def test_grey_and_one_bit() -> None:
    for mode in ("L", "1", "LA"):
        decoded = decode_image(encoded(quarters().convert("L").convert(mode), "PNG"), "portrait")
        assert decoded.rgb.shape == (80, 120, 3)
        assert np.ptp(decoded.rgb.astype(int), axis=2).max() <= 1


def test_color_profile_is_applied() -> None:
    # A profile whose first two channels are swapped would need a tool to make; Lab is one that Pillow makes and that must not break RGB.
    broken = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    decoded = decode_image(encoded(quarters(), "PNG", icc_profile=broken), "portrait")
    assert close(at(decoded.rgb, 0.25, 0.25), RED)
    same = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    decoded = decode_image(encoded(quarters(), "PNG", icc_profile=same), "portrait")
    assert close(at(decoded.rgb, 0.25, 0.25), RED, 3)


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_large_images_are_scaled_down(format: str) -> None:
    decoded = decode_image(encoded(quarters(8000, 5000), format), "portrait")
    assert (decoded.source_width, decoded.source_height) == (8000, 5000)
    assert decoded.rgb.shape == (round(5000 * MAX_SIDE / 8000), MAX_SIDE, 3)
    assert decoded.reduction == pytest.approx(8000 / MAX_SIDE)
    assert close(at(decoded.rgb, 0.25, 0.25), RED)


def test_hundred_pixels_are_read() -> None:
    assert decode_image(encoded(quarters(100, 100), "PNG"), "portrait").rgb.shape == (100, 100, 3)


def test_not_an_image() -> None:
    cases = {
        b"Dear Sir or Madam,\nplease find attached my portrait.\n": "text",
        "Größe und Maß\n".encode() * 400: "text",
        encoded(quarters(), "GIF"): "a GIF",
        encoded(quarters(), "TIFF"): "a TIFF",
        encoded(quarters(), "BMP"): "a BMP",
        b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic": "a HEIC photo",
        b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2": "a video",
        bytes(range(256)) * 20: "no image that we know",
    }
    for data, found in cases.items():
        error = refusal(data)
        assert error.reason == "NOT_AN_IMAGE", data[:20]
        assert found in error.message and "PNG, JPEG or WebP" in error.message


def test_empty() -> None:
    assert refusal(b"").reason == "EMPTY"


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_cut_short(format: str) -> None:
    noise = Image.fromarray(np.random.default_rng(3).integers(0, 255, (200, 200, 3), np.uint8))
    data = encoded(noise, format)
    assert refusal(data[: len(data) // 2]).reason == "DAMAGED_IMAGE"


def test_flipped_bytes_never_crash() -> None:
    data = bytearray(encoded(quarters(), "PNG"))
    data[60] ^= 0xFF
    assert refusal(bytes(data)).reason == "DAMAGED_IMAGE"


def test_bomb_is_refused_by_its_header() -> None:
    """30000 x 30000 in 3 KB of header and zeros: 2.7 GB if it were decoded."""
    data = bytearray(encoded(quarters(), "PNG"))
    header = struct.pack(">II", 30000, 30000) + bytes(data[24:29])
    data[16:29] = header
    data[29:33] = struct.pack(">I", zlib.crc32(b"IHDR" + header))
    error = refusal(bytes(data))
    assert error.reason == "TOO_LARGE" and "30000 x 30000" in error.message


def test_too_many_bytes() -> None:
    assert refusal(b"\x89PNG" + bytes(image_module.MAX_BYTES)).reason == "TOO_LARGE"


def test_too_few_pixels() -> None:
    error = refusal(encoded(quarters(63, 200), "PNG"))
    assert error.reason == "IMAGE_TOO_SMALL" and "63 x 200" in error.message
