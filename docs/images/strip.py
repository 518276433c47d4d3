"""Makes docs/images/demo.jpg: a row of frames for each of the demo's videos.

make demo && .venv/bin/python docs/images/strip.py out/demo/hello.en-US.mp4 out/demo/hello.es.mp4 out/demo/hello.pt-BR.mp4
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import av
from PIL import Image, ImageDraw, ImageFont

FRAME_WIDTH = 256
"""Pixels; six of them are as wide as a page of a repository shows."""
LABEL_PIXELS = 22


def frames(video: Path, times_s: Sequence[float], box: tuple[int, int, int, int]) -> list[Image.Image]:
    """The frames shown at the given times, cut to `box` (left, top, right, bottom in pixels) and scaled to `FRAME_WIDTH`."""
    found: list[Image.Image] = []
    with av.open(str(video)) as container:
        for frame in container.decode(video=0):
            if frame.time is not None and len(found) < len(times_s) and frame.time >= times_s[len(found)]:
                cut = frame.to_image().crop(box)
                found.append(cut.resize((FRAME_WIDTH, FRAME_WIDTH * cut.height // cut.width), Image.Resampling.LANCZOS))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="+", type=Path, help="NAME.LOCALE.mp4")
    parser.add_argument("--times", default="0.4,1.0,1.5,2.2,3.0,3.9", help="seconds, with commas between (default: %(default)s)")
    parser.add_argument("--box", default="290,60,830,480", help="left, top, right and bottom of what is shown, in pixels (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("demo.jpg"))
    arguments = parser.parse_args()
    times_s = [float(time) for time in arguments.times.split(",")]
    left, top, right, bottom = (int(edge) for edge in arguments.box.split(","))
    rows = [(video.stem.partition(".")[2], frames(video, times_s, (left, top, right, bottom))) for video in arguments.videos]
    width, height = rows[0][1][0].size
    sheet = Image.new("RGB", (width * len(times_s), (height + LABEL_PIXELS) * len(rows)), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (locale, images) in enumerate(rows):
        y = number * (height + LABEL_PIXELS)
        draw.text((6, y + 3), locale, fill="#334155", font=ImageFont.load_default(14))
        for column, image in enumerate(images):
            sheet.paste(image, (column * width, y + LABEL_PIXELS))
    sheet.save(arguments.out, quality=82, optimize=True)
    print(f"{arguments.out}: {sheet.width}x{sheet.height}, {arguments.out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
