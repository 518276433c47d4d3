"""Looks at a face image before anything is made of it: can it speak, and if not, what to do.

The thresholds were measured on eight portraits (photographs, paintings, a chrome robot, 43 to 135 pixels between the pupils), stills of three
films, and on what was made of them: blurred, shrunk, darkened, made noisy, turned, squeezed, cut, doubled.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np

from locutor.errors import FieldViolation, InvalidInput
from services.lipsync.face_search import NO_FACE_AT_ALL, RIVAL, UNSTEADY, find_faces, unsteadiness
from services.lipsync.image import DecodedImage
from services.lipsync.landmarks import (
    CHIN,
    FACE_OVAL,
    LEFT_EYE_LOWER,
    LEFT_EYE_UPPER,
    OUTER_LIP,
    RIGHT_EYE_LOWER,
    RIGHT_EYE_UPPER,
    FaceLandmarker,
    FaceLandmarks,
)

MIN_INTEROCULAR, GOOD_INTEROCULAR = 28.0, 40.0
"""Pixels between the pupils. At 720 lines a presenter has about 100: from 28 on enlarging shows, and teeth and lids have no detail to start from."""
MAX_YAW, GOOD_YAW = 30.0, 20.0
MAX_PITCH, GOOD_PITCH = 30.0, 22.0
MAX_ROLL, GOOD_ROLL = 40.0, 20.0
LYING = 60.0
"""Degrees. From this roll on the image, not the head, is turned. Beyond a yaw of 30 the far half of the mouth is hidden, and a warp has nothing to open."""
MIN_SHARPNESS, GOOD_SHARPNESS = 0.088, 0.105
"""See `sharpness`: portraits have .15 to .20; blurred by a Gaussian of 2 % of the interocular distance .105 to .13, of 4 % .07 to .095; enlarged from
30 pixels between the pupils .125 to .155, from 10 at most .10."""
CLOSED_EYES = 0.55
"""Blendshape of a blink; open eyes have at most .3, smiling ones too."""
OPEN_MOUTH = 0.10
"""Inner-lip gap over the face's width: a broad smile with teeth has .07."""
DARK, BRIGHT = 35.0, 245.0
"""Median luma of the face, 0 to 255; very dark skin in good light has about 60."""
_SHARPNESS_IOD = 96
_FEATURES = ((*LEFT_EYE_LOWER, *LEFT_EYE_UPPER), (*RIGHT_EYE_LOWER, *RIGHT_EYE_UPPER), OUTER_LIP)


class Severity(Enum):
    WARNING = "warning"
    ERROR = "error"
    """The image cannot be used."""


@dataclass(frozen=True)
class Finding:
    """One thing found about a face image."""

    severity: Severity
    reason: str
    """Stable: NO_FACE, SEVERAL_FACES, FACE_TOO_SMALL, TURNED, ROTATED, BLURRED, NOT_A_FACE, CROPPED, EYES_CLOSED, MOUTH_OPEN, LOW_LIGHT, OVEREXPOSED."""
    message: str
    """What was found, with its figure, and what to do."""


@dataclass(frozen=True, eq=False)
class Inspection:
    """What an image is, as a portrait."""

    findings: tuple[Finding, ...]
    width: int
    """Of the upright file, in pixels."""
    height: int
    face: FaceLandmarks | None
    """The face that would be moved, in pixels of the upright file; None where there is none."""

    @property
    def usable(self) -> bool:
        return not any(finding.severity is Severity.ERROR for finding in self.findings)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity is Severity.WARNING)

    def require_usable(self, field: str) -> None:
        """Raise `InvalidInput` with every error found, for `field`."""
        errors = [FieldViolation(field, finding.message, finding.reason) for finding in self.findings if finding.severity is Severity.ERROR]
        if errors:
            raise InvalidInput(errors)


def inspect_portrait(image: DecodedImage, landmarker: FaceLandmarker) -> Inspection:
    """Find the face and everything that speaks against it. `landmarker` is one for images that finds several faces."""
    rgb = image.rgb
    faces = find_faces(rgb, landmarker)
    if not faces:
        turned = _angle_with_face(rgb, landmarker)
        return Inspection((_rotated(turned) if turned else _NO_FACE,), image.source_width, image.source_height, None)
    face, others = faces[0], [other for other in faces[1:] if unsteadiness(rgb, other, landmarker) <= UNSTEADY]
    findings = tuple(_findings(rgb, face, others, image, landmarker))
    return Inspection(findings, image.source_width, image.source_height, face.mapped(image.reduction, 0, 0))


def _findings(rgb: np.ndarray, face: FaceLandmarks, others: list[FaceLandmarks], image: DecodedImage, landmarker: FaceLandmarker) -> Iterator[Finding]:
    sharp = sharpness(rgb, face)
    # A profile is unsteady too, and so is what is much too small or blurred: then that is the reason to give.
    clear = abs(face.yaw) <= MAX_YAW and abs(face.pitch) <= MAX_PITCH and face.interocular >= MIN_INTEROCULAR and sharp >= MIN_SHARPNESS
    if unsteadiness(rgb, face, landmarker) > (UNSTEADY if clear else NO_FACE_AT_ALL):
        turned = _angle_with_face(rgb, landmarker)
        yield _rotated(turned) if turned else _NOT_A_FACE
        return
    if abs(face.roll) > LYING:
        yield _rotated(270 if face.roll > 0 else 90)
        return
    yield from _several(face, others)
    yield from _size(face, image)
    yield from _pose(face)
    yield from _cropped(face, rgb)
    yield from _picture(rgb, face, sharp)
    yield from _expression(face)


_NO_FACE = Finding(Severity.ERROR, "NO_FACE", "no face was found; send a portrait of one person who looks into the camera, with the whole head in the picture")
_NOT_A_FACE = Finding(
    Severity.ERROR,
    "NOT_A_FACE",
    "what was found resembles a face, but its features do not hold together as a person's do (a drawing, an animal, an object?); send a portrait of a person",
)


def _rotated(degrees: int) -> Finding:
    how = "is upside down" if degrees == 180 else "lies on its side"
    by = {90: "by 90 degrees clockwise", 180: "by 180 degrees", 270: "by 90 degrees counter-clockwise"}[degrees]
    return Finding(Severity.ERROR, "ROTATED", f"the face {how}; rotate the image {by}")


def _angle_with_face(rgb: np.ndarray, landmarker: FaceLandmarker) -> int | None:
    """Degrees clockwise by which the image must be rotated for an upright, true face to appear."""
    for degrees, quarters in ((180, 2), (90, 3), (270, 1)):
        rotated = np.ascontiguousarray(np.rot90(rgb, quarters))
        for face in landmarker.detect(rotated):
            if abs(face.roll) < MAX_ROLL and unsteadiness(rotated, face, landmarker) <= UNSTEADY:
                return degrees
    return None


def _several(face: FaceLandmarks, others: list[FaceLandmarks]) -> Iterator[Finding]:
    # Faces of about one height make it unclear who is to speak.
    rivals = sum(other.face_height >= RIVAL * face.face_height for other in others)
    if rivals:
        yield Finding(Severity.ERROR, "SEVERAL_FACES", f"{rivals + 1} faces were found; crop the image to the one that is to speak")
    elif others:
        yield Finding(Severity.WARNING, "SEVERAL_FACES", f"{len(others)} smaller faces are in the background; only the largest will speak")


def _size(face: FaceLandmarks, image: DecodedImage) -> Iterator[Finding]:
    found = face.interocular * image.reduction
    if found < MIN_INTEROCULAR:
        text = f"the face is too small: {found:.0f} pixels between the pupils, {MIN_INTEROCULAR:.0f} is the least; send a larger or closer image"
        yield Finding(Severity.ERROR, "FACE_TOO_SMALL", text)
    elif found < GOOD_INTEROCULAR:
        text = f"the face is small: {found:.0f} pixels between the pupils; it will look soft in a large video, {GOOD_INTEROCULAR:.0f} or more are better"
        yield Finding(Severity.WARNING, "FACE_TOO_SMALL", text)


def _pose(face: FaceLandmarks) -> Iterator[Finding]:
    turns = (
        (face.yaw, MAX_YAW, GOOD_YAW, "to the viewer's right", "to the viewer's left"),
        (face.pitch, MAX_PITCH, GOOD_PITCH, "up", "down"),
        (face.roll, MAX_ROLL, GOOD_ROLL, "over clockwise", "over counter-clockwise"),
    )
    for angle, most, good, positive, negative in turns:
        where = positive if angle > 0 else negative
        if abs(angle) > most:
            text = f"the face is turned {where} by {abs(angle):.0f} degrees, {most:.0f} is the most; send a portrait that looks into the camera"
            yield Finding(Severity.ERROR, "TURNED", text)
        elif abs(angle) > good:
            yield Finding(Severity.WARNING, "TURNED", f"the face is turned {where} by {abs(angle):.0f} degrees; one that looks into the camera moves better")


def _cropped(face: FaceLandmarks, rgb: np.ndarray) -> Iterator[Finding]:
    height, width = rgb.shape[:2]
    left, top, right, bottom = face.bounding_box
    slack = 0.03 * face.face_height
    below = float(face.points[CHIN, 1]) - height
    if below > slack or left < -slack * 2 or right > width + slack * 2:
        text = "the image ends within the face; send one that shows the whole head, with the chin and some space around it"
        yield Finding(Severity.ERROR, "CROPPED", text)
    elif top < slack:
        yield Finding(Severity.WARNING, "CROPPED", "the image ends at the forehead; a portrait with the whole head gives a better picture")
    elif bottom > height - slack * 2:
        yield Finding(Severity.WARNING, "CROPPED", "the image ends at the chin; a portrait with neck and shoulders gives a better picture")


def _picture(rgb: np.ndarray, face: FaceLandmarks, sharp: float) -> Iterator[Finding]:
    if sharp < MIN_SHARPNESS:
        text = f"the face is too blurred: sharpness {sharp:.3f}, {MIN_SHARPNESS:.3f} is the least and sharp images have 0.15; send one that is in focus"
        yield Finding(Severity.ERROR, "BLURRED", text)
    elif sharp < GOOD_SHARPNESS:
        yield Finding(Severity.WARNING, "BLURRED", f"the face is a little blurred: sharpness {sharp:.2f}, sharp images have 0.15; a sharper one looks better")
    luma = median_luma(rgb, face)
    if luma < DARK:
        yield Finding(Severity.WARNING, "LOW_LIGHT", f"the face is dark: median brightness {luma:.0f} of 255; a better lit one looks better")
    elif luma > BRIGHT:
        yield Finding(Severity.WARNING, "OVEREXPOSED", f"the face is overexposed: median brightness {luma:.0f} of 255; one with less light looks better")


def _expression(face: FaceLandmarks) -> Iterator[Finding]:
    closed = min(face.blendshapes["eyeBlinkLeft"], face.blendshapes["eyeBlinkRight"])
    if closed > CLOSED_EYES:
        yield Finding(Severity.WARNING, "EYES_CLOSED", "the eyes are closed and will stay so; send a portrait with open eyes")
    gap = face.lip_gap / face.face_width
    if gap > OPEN_MOUTH:
        text = f"the mouth is wide open: the lips' gap is {gap:.0%} of the face's width; a closed mouth or a smile moves better"
        yield Finding(Severity.WARNING, "MOUTH_OPEN", text)


def sharpness(rgb: np.ndarray, face: FaceLandmarks) -> float:
    """Steepest edges of eyes and mouth over their contrast, per pixel, in the face scaled to 96 pixels between the pupils; the median of the three.

    Every face has edges there, smooth skin and smooth paintings or not, and the scale makes small and large faces comparable.
    """
    height, width = rgb.shape[:2]
    scale, margin = _SHARPNESS_IOD / face.interocular, 0.12 * face.interocular
    found = []
    for feature in _FEATURES:
        points = face.points[list(feature), :2]
        x0, y0 = np.clip(np.floor(points.min(0) - margin).astype(int), 0, (width - 1, height - 1))
        x1, y1 = np.clip(np.ceil(points.max(0) + margin).astype(int), 1, (width, height))
        if x1 - x0 < 4 or y1 - y0 < 4:
            continue
        grey = cv2.cvtColor(rgb[y0:y1, x0:x1], cv2.COLOR_RGB2GRAY).astype(np.float32)
        scaled = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
        luma = cv2.GaussianBlur(scaled, (0, 0), 0.8)
        slope = np.hypot(cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1)) / 8
        contrast = float(np.percentile(luma, 97) - np.percentile(luma, 3))
        found.append(float(np.percentile(slope, 97)) / max(contrast, 8.0))
    return float(np.median(found)) if found else 0.0


def median_luma(rgb: np.ndarray, face: FaceLandmarks) -> float:
    """Median brightness inside the face's oval, 0 to 255."""
    left, top, right, bottom = (round(v) for v in face.bounding_box)
    left, top = max(0, left), max(0, top)
    part = cv2.cvtColor(np.ascontiguousarray(rgb[top : max(top + 1, bottom), left : max(left + 1, right)]), cv2.COLOR_RGB2GRAY)
    mask = np.zeros(part.shape, np.uint8)
    cv2.fillPoly(mask, [np.rint(face.points[list(FACE_OVAL), :2] - (left, top)).astype(np.int32)], 1)
    return float(np.median(part[mask > 0])) if mask.any() else float(np.median(part))
