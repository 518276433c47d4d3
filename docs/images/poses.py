"""Makes docs/images/poses_NAME.jpg: what the embedded engine makes of a face, at rest, in sounds, in a blink, a smile and a turn of the head.

.venv/bin/python docs/images/poses.py FACE.png ...     (the word "astronaut" is the portrait of Eileen Collins, NASA, public domain)
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from services.lipsync.engine import Background, VideoFormat
from services.lipsync.engines.warp import WarpEngine
from services.lipsync.engines.warp.color import i420_planes
from services.lipsync.engines.warp.render import render
from services.weights import ModelStore

VIDEO = VideoFormat(1920, 1080)
CELL = 196
"""Pixels; six of them are as wide as a page of a repository shows."""
LABEL_PIXELS = 18
MOUTH = dict.fromkeys(("open", "jaw", "width", "round", "upper", "lower", "tongue", "press", "tuck"), 0.0)
HEAD = dict.fromkeys(("yaw", "pitch", "roll", "x", "y", "brow", "blink", "gaze_x", "gaze_y", "smile"), 0.0)
FACES: dict[str, dict[str, float]] = {
    "rest": {},
    "smile 0.4": {"smile": 0.4, "open": 0.06, "width": 0.02},
    "blink, half": {"blink": 0.5},
    "blink": {"blink": 1.0},
    "to the right": {"yaw": 0.09, "roll": 0.02, "x": 0.03, "gaze_x": -0.08},
    "to the left": {"yaw": -0.09, "roll": -0.02, "x": -0.03, "gaze_x": 0.08},
}
MOUTHS: dict[str, dict[str, float]] = {
    "m": {"press": 0.8, "jaw": 0.01},
    "i": {"open": 0.10, "jaw": 0.02, "width": 0.045},
    "a": {"open": 0.22, "jaw": 0.09},
    "o": {"open": 0.14, "jaw": 0.06, "round": 0.6, "width": -0.05},
    "u": {"open": 0.06, "jaw": 0.02, "round": 1.0, "width": -0.075},
    "th": {"open": 0.085, "jaw": 0.03, "tongue": 1.0},
}


def to_rgb(frame: np.ndarray) -> np.ndarray:
    """BT.709, limited range, to RGB."""
    luma, blue, red = i420_planes(frame)
    y = (luma.astype(np.float32) - 16.0) * (255 / 219)
    b, r = ((cv2.resize(plane, luma.shape[::-1]).astype(np.float32) - 128.0) * (255 / 224) for plane in (blue, red))
    return np.clip(np.stack([y + 1.5748 * r, y - 0.1873 * b - 0.4681 * r, y + 1.8556 * b], -1) + 0.5, 0, 255).astype(np.uint8)


def sheet(engine: WarpEngine, rgb: np.ndarray) -> Image.Image:
    portrait = engine.prepare(rgb, VIDEO, Background())
    unit, lips = portrait.unit, portrait.mouth.lips
    rows = []
    for poses, middle, side in ((FACES, lips.origin - lips.down * 0.95 * unit, 3.4 * unit), (MOUTHS, lips.origin + lips.down * 0.08 * unit, 1.25 * unit)):
        x, y = (round(float(np.clip(at - side / 2, 0, most - side))) for at, most in zip(middle, (VIDEO.width, VIDEO.height), strict=True))
        row = []
        for pose in poses.values():
            mouth, head = ({name: pose.get(name, value) for name, value in controls.items()} for controls in (MOUTH, HEAD))
            cut = to_rgb(render(portrait, mouth, head))[y : y + round(side), x : x + round(side)]
            row.append(Image.fromarray(cut).resize((CELL, CELL), Image.Resampling.LANCZOS))
        rows.append(row)
    made = Image.new("RGB", (CELL * len(FACES), (CELL + LABEL_PIXELS) * len(rows)), "white")
    draw = ImageDraw.Draw(made)
    for number, (row, labels) in enumerate(zip(rows, (FACES, MOUTHS), strict=True)):
        top = number * (CELL + LABEL_PIXELS)
        for column, (cell, label) in enumerate(zip(row, labels, strict=True)):
            draw.text((column * CELL + 4, top + 2), label, fill="#334155", font=ImageFont.load_default(12))
            made.paste(cell, (column * CELL, top + LABEL_PIXELS))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", nargs="+", help='image files, or "astronaut"')
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder for the sheets (default: beside this script)")
    arguments = parser.parse_args()
    engine = WarpEngine(ModelStore())
    for name in arguments.faces:
        if name == "astronaut":
            from skimage.data import astronaut

            rgb = np.asarray(astronaut())
        else:
            rgb = np.asarray(Image.open(name).convert("RGB"))
        path = arguments.out / f"poses_{Path(name).stem}.jpg"
        sheet(engine, rgb).save(path, quality=84, optimize=True)
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
