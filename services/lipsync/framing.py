"""A portrait set into the frame of a video: head and shoulders, eyes near the upper third, and a background where the portrait ends."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from services.lipsync.engine import Background, VideoFormat
from services.lipsync.landmarks import FaceLandmarks

# Heights of a face (forehead's top to chin) over the frame's height. News presenters and video lessons lie between .28 and .42.
_FACE_LOW, _FACE_PREFERRED, _FACE_HIGH = 0.30, 0.36, 0.45
_FACE_BESIDE_BACKGROUND = 0.40
"""Where the portrait cannot fill the frame's width, a larger face leaves less of the frame to the background."""
_FACE_TIGHT = 0.56
"""The most: a tight crop fills the frame's height with this rather than show where the shoulders end."""
_FACE_WIDTH_HIGH, _FACE_WIDTH_TIGHT = 0.60, 0.68
"""Widths of a face over the frame's width: these bind upright frames."""
_EYES_PREFERRED, _EYES_HIGHEST, _EYES_LOWEST = 0.38, 0.30, 0.47
"""Height of the eyes over the frame's height, from the top."""
_EYES_ASIDE = 0.38
"""Nearest that the eyes come to a side, over the frame's width, so that the portrait fills the frame."""
_HAIR = 0.38
"""Hair above the hair line (the mesh's top), over the face's height."""
_HEADROOM = 0.04
"""Least space above the hair over the frame's height, where the portrait has it."""
_UPSCALE_WITHOUT_NEED = 2.5
"""A portrait is not enlarged beyond this for the sake of a preferred size, only to reach the least."""
_FEATHER_EXTENDED, _FEATHER_GIVEN = 0.07, 0.02
"""Width of the soft join of portrait and background, over the frame's smaller side: wide into the portrait's own colours, narrow on a given background."""
_NEARLY = 1.1
"""A portrait that falls short of filling the frame by less than this factor is enlarged to fill it: a sliver of background looks like a mistake."""
_BORDER_WIDTH, _BORDER_STEP = 0.012, 20.0
"""A border (of a screenshot, a scan) is at most this wide over the image's side, and differs from the picture by this on the mean of 0 to 255."""
_BLUR_REDUCTION = 4
"""What is blurred is made at this fraction of the frame's size."""


@dataclass(frozen=True, eq=False)
class FramedPortrait:
    """A portrait in its frame."""

    image: np.ndarray
    """(height, width, 3) uint8 RGB: the whole frame."""
    face: FaceLandmarks
    """The face in the frame's pixels."""
    portrait_rect: tuple[int, int, int, int]
    """Left, top, right, bottom of what is seen of the portrait, in the frame's pixels; right and bottom are outside. Background lies beyond, and shines
    through the portrait's edge over a few percent of the frame."""
    scale: float
    """Frame pixels per portrait pixel."""


def frame_portrait(rgb: np.ndarray, face: FaceLandmarks, video: VideoFormat, background: Background) -> FramedPortrait:
    """Set `rgb`, (height, width, 3) uint8, with its `face` into a frame of the video's size.

    The portrait's own pixels fill the frame where the face then has a good size. Where they cannot, they fill its height (a cut through the
    shoulders is what looks worst), and the background takes the rest.
    """
    width, height = video.width, video.height
    rgb, cut_left, cut_top = _without_border(rgb)
    face = face.mapped(1, -cut_left, -cut_top)
    portrait_height, portrait_width = rgb.shape[:2]
    scale = _scale(portrait_width, portrait_height, face, width, height)
    eye_x, eye_y = face.eye_center * scale
    hair = (eye_y - face.bounding_box[1] * scale) + _HAIR * face.face_height * scale
    eyes = min(max(_EYES_PREFERRED * height, hair + _HEADROOM * height), _EYES_LOWEST * height)
    left = _offset(width / 2 - eye_x, portrait_width * scale, width)
    top = _offset(eyes - eye_y, portrait_height * scale, height)
    # Whole pixels, so that the rectangle's edges are sharp where they lie on the frame's.
    scaled_width, scaled_height = round(portrait_width * scale), round(portrait_height * scale)
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + scaled_width, width), min(top + scaled_height, height)
    source = ((x0 - left) / scale, (y0 - top) / scale, min((x1 - left) / scale, portrait_width), min((y1 - top) / scale, portrait_height))
    seen = np.asarray(Image.fromarray(rgb).resize((x1 - x0, y1 - y0), Image.Resampling.LANCZOS, box=source))
    rect = (x0, y0, x1, y1)
    mapped = face.mapped(scale, left, top)
    if rect == (0, 0, width, height):
        image = seen
    else:
        given = background.color is not None or background.image is not None
        feather = (_FEATHER_GIVEN if given else _FEATHER_EXTENDED) * min(width, height)
        image = _compose(seen, rect, _backdrop(seen, rect, video, background), mapped, video, feather)
    return FramedPortrait(np.ascontiguousarray(image), mapped, rect, scale)


def _without_border(rgb: np.ndarray) -> tuple[np.ndarray, int, int]:
    """The image without thin lines of another colour along its edges, and how much was cut on the left and at the top."""

    def lines(edge: np.ndarray) -> int:
        means = edge.astype(np.float32).mean(1)
        steps = np.abs(np.diff(means, axis=0)).mean(1)
        found = np.flatnonzero(steps > _BORDER_STEP)
        # Two lines more: where a border ends it is mixed with the picture.
        return int(found[-1]) + 3 if len(found) else 0

    height, width = rgb.shape[:2]
    rows, columns = max(4, round(_BORDER_WIDTH * height)), max(4, round(_BORDER_WIDTH * width))
    top, bottom = lines(rgb[:rows]), lines(rgb[::-1][:rows])
    left, right = lines(rgb[:, :columns].swapaxes(0, 1)), lines(rgb[:, ::-1][:, :columns].swapaxes(0, 1))
    return rgb[top : height - bottom, left : width - right], left, top


def _scale(portrait_width: int, portrait_height: int, face: FaceLandmarks, width: int, height: int) -> float:
    """Frame pixels per portrait pixel."""
    eye_x, eye_y = (float(v) for v in face.eye_center)
    eye_x, eye_y = min(max(eye_x, 1.0), portrait_width - 1.0), min(max(eye_y, 1.0), portrait_height - 1.0)
    per_height, per_width = height / face.face_height, width / face.face_width
    low, high = _FACE_LOW * per_height, min(_FACE_HIGH * per_height, _FACE_WIDTH_HIGH * per_width)
    tight = min(_FACE_TIGHT * per_height, _FACE_WIDTH_TIGHT * per_width)
    fills_height = max(height / portrait_height, _EYES_HIGHEST * height / eye_y, (1 - _EYES_LOWEST) * height / (portrait_height - eye_y))
    fills_width = max(width / portrait_width, _EYES_ASIDE * width / eye_x, _EYES_ASIDE * width / (portrait_width - eye_x))
    fills = max(fills_height, fills_width)
    if fills <= high:
        preferred = min(_FACE_PREFERRED * per_height, high)
        return max(fills, min(preferred, max(low, _UPSCALE_WITHOUT_NEED)))
    preferred = min(_FACE_BESIDE_BACKGROUND * per_height, high)
    scale = min(max(fills_height, min(preferred, max(low, _UPSCALE_WITHOUT_NEED))), tight)
    return fills if fills <= _NEARLY * scale else scale


def _offset(wanted: float, size: float, room: int) -> int:
    """Where the portrait begins: as wanted, but covering the frame where it is larger and inside it where it is smaller."""
    lowest, highest = sorted((0.0, room - size))
    return round(min(max(wanted, lowest), highest))


def _backdrop(seen: np.ndarray, rect: tuple[int, int, int, int], video: VideoFormat, background: Background) -> np.ndarray:
    """(height, width, 3) float32, 0 to 255."""
    shape = (video.height, video.width, 3)
    if background.color is not None:
        return np.broadcast_to(np.array(background.color, np.float32), shape)
    if background.image is not None:
        return _covering(background.image, video).astype(np.float32)
    return _extended(seen, rect, video)


def _covering(image: np.ndarray, video: VideoFormat) -> np.ndarray:
    """The image's middle, scaled to cover the frame."""
    height, width = image.shape[:2]
    scale = max(video.width / width, video.height / height)
    inner_width, inner_height = video.width / scale, video.height / scale
    x, y = (width - inner_width) / 2, (height - inner_height) / 2
    box = (x, y, x + inner_width, y + inner_height)
    return np.asarray(Image.fromarray(image).resize((video.width, video.height), Image.Resampling.LANCZOS, box=box))


def _extended(seen: np.ndarray, rect: tuple[int, int, int, int], video: VideoFormat) -> np.ndarray:
    """The portrait's colours carried on beyond its edges, ever more blurred and a little darker with the distance.

    Pull-push interpolation (Gortler et al., The Lumigraph, 1996): what is missing comes from ever coarser averages of what is near, so that
    colours meet at the edge and neither stripes nor a second head appear.
    """
    x0, y0, x1, y1 = rect
    known = np.zeros((video.height, video.width), np.float32)
    known[y0:y1, x0:x1] = 1
    colors = np.zeros((video.height, video.width, 3), np.float32)
    colors[y0:y1, x0:x1] = seen
    small = (-(-video.width // _BLUR_REDUCTION), -(-video.height // _BLUR_REDUCTION))
    weight = cv2.resize(known, small, interpolation=cv2.INTER_AREA)
    mean = cv2.resize(colors, small, interpolation=cv2.INTER_AREA) / np.maximum(weight, 1e-6)[..., None]
    filled = cv2.GaussianBlur(pull_push(mean, weight), (0, 0), 0.035 * min(small))
    filled = cv2.resize(filled, (video.width, video.height), interpolation=cv2.INTER_CUBIC)
    distance = cv2.distanceTransform((known == 0).astype(np.uint8), cv2.DIST_L2, 5)
    darker = 1 - 0.28 * _smoothstep(distance / (0.32 * max(video.width, video.height)))
    # Grain keeps wide gradients from banding in eight bits and after the encoder.
    grain = np.random.default_rng(0).normal(0, 1.2, known.shape).astype(np.float32)
    return filled * darker[..., None] + grain[..., None]


def pull_push(colors: np.ndarray, known: np.ndarray) -> np.ndarray:
    height, width = known.shape
    if known.all() or min(height, width) <= 2:
        return colors
    half = (max(1, (width + 1) // 2), max(1, (height + 1) // 2))
    weight = cv2.resize(known, half, interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(colors * known[..., None], half, interpolation=cv2.INTER_AREA) / np.maximum(weight, 1e-6)[..., None]
    # A coarse cell that knows something counts as known, and more so the more it knows.
    below = pull_push(coarse, np.minimum(weight * 4, 1))
    pushed = cv2.resize(below, (width, height), interpolation=cv2.INTER_CUBIC)
    return colors * known[..., None] + pushed * (1 - known[..., None])


def _compose(seen: np.ndarray, rect: tuple[int, int, int, int], backdrop: np.ndarray, face: FaceLandmarks, video: VideoFormat, feather: float) -> np.ndarray:
    """The portrait over the backdrop, with a soft edge on the sides where it does not reach the frame's; `feather` in pixels."""
    x0, y0, x1, y1 = rect
    left, top, right, bottom = face.bounding_box
    xs, ys = np.arange(x0, x1) + 0.5, np.arange(y0, y1) + 0.5
    alpha_x, alpha_y = np.ones(len(xs)), np.ones(len(ys))
    # The join stays off the face, however near the portrait's edge comes to it.
    if x0 > 0:
        alpha_x *= _smoothstep((xs - x0) / np.clip(left - x0, 2, feather))
    if x1 < video.width:
        alpha_x *= _smoothstep((x1 - xs) / np.clip(x1 - right, 2, feather))
    if y0 > 0:
        alpha_y *= _smoothstep((ys - y0) / np.clip(top - y0, 2, feather))
    if y1 < video.height:
        alpha_y *= _smoothstep((y1 - ys) / np.clip(y1 - bottom, 2, feather))
    alpha = (alpha_y[:, None] * alpha_x[None, :]).astype(np.float32)[..., None]
    frame = np.array(backdrop, np.float32)
    inside = frame[y0:y1, x0:x1]
    frame[y0:y1, x0:x1] = inside + (seen - inside) * alpha
    return np.clip(np.rint(frame), 0, 255).astype(np.uint8)


def _smoothstep(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)
