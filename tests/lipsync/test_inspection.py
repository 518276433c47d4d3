"""What is said about portraits, on real ones and on what can go wrong with them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage import data

from locutor.errors import InvalidInput
from services.lipsync.image import DecodedImage
from services.lipsync.inspection import Inspection, Severity, inspect_portrait
from services.lipsync.landmarks import FaceLandmarker
from tests.lipsync.faces import smiley, turned


def inspect(rgb: np.ndarray, landmarker: FaceLandmarker) -> Inspection:
    rgb = np.ascontiguousarray(np.repeat(rgb[..., None], 3, axis=2) if rgb.ndim == 2 else rgb[..., :3])
    return inspect_portrait(DecodedImage(rgb, rgb.shape[1], rgb.shape[0]), landmarker)


def errors(inspection: Inspection) -> list[str]:
    return [finding.reason for finding in inspection.findings if finding.severity is Severity.ERROR]


def warnings(inspection: Inspection) -> list[str]:
    return [finding.reason for finding in inspection.warnings]


def test_good_portraits_have_nothing_against_them(landmarker: FaceLandmarker, portraits: dict[str, np.ndarray]) -> None:
    for name, image in portraits.items():
        inspection = inspect(image, landmarker)
        assert inspection.usable and not inspection.findings, (name, inspection.findings)
        assert (inspection.width, inspection.height) == (image.shape[1], image.shape[0])


@pytest.mark.parametrize("name", ["cat", "coffee", "rocket", "moon", "text", "coins", "brick", "clock"])
def test_no_face(landmarker: FaceLandmarker, name: str) -> None:
    inspection = inspect(getattr(data, name)(), landmarker)
    assert errors(inspection) == ["NO_FACE"] and inspection.face is None and not inspection.usable


def test_noise_has_no_face(landmarker: FaceLandmarker) -> None:
    assert errors(inspect(np.random.default_rng(0).integers(0, 255, (400, 400, 3), np.uint8), landmarker)) == ["NO_FACE"]


def test_what_only_resembles_a_face(landmarker: FaceLandmarker) -> None:
    assert errors(inspect(smiley(), landmarker)) == ["NOT_A_FACE"]
    assert errors(inspect(data.colorwheel(), landmarker)) == ["NOT_A_FACE"]


@pytest.mark.parametrize("count", [2, 3])
def test_several_faces(landmarker: FaceLandmarker, astronaut: np.ndarray, count: int) -> None:
    inspection = inspect(np.hstack([astronaut] * count), landmarker)
    assert errors(inspection) == ["SEVERAL_FACES"]
    assert inspection.findings[0].message.startswith(f"{count} faces") and "crop" in inspection.findings[0].message


def test_small_face_in_the_background_is_a_warning(landmarker: FaceLandmarker, astronaut: np.ndarray) -> None:
    large = cv2.resize(astronaut, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    large[100 : 100 + 560, -560:] = cv2.resize(astronaut, (560, 560), interpolation=cv2.INTER_AREA)
    inspection = inspect(large, landmarker)
    assert inspection.usable and warnings(inspection) == ["SEVERAL_FACES"]
    assert inspection.face is not None and inspection.face.interocular > 100


def test_a_small_face_in_a_large_image_is_found(landmarker: FaceLandmarker, astronaut: np.ndarray) -> None:
    inspection = inspect(cv2.copyMakeBorder(astronaut, 900, 900, 900, 900, cv2.BORDER_CONSTANT, value=(200, 200, 200)), landmarker)
    assert inspection.usable and inspection.face is not None
    assert inspection.face.eye_center == pytest.approx((900 + 222, 900 + 110), abs=15)


def test_a_face_that_fills_the_image_is_found(landmarker: FaceLandmarker, astronaut: np.ndarray) -> None:
    inspection = inspect(astronaut[72:177, 181:270], landmarker)
    assert inspection.usable and warnings(inspection) == ["CROPPED"]


@pytest.mark.parametrize(("scale", "severity"), [(0.5, Severity.ERROR), (0.8, Severity.WARNING)])
def test_too_small(landmarker: FaceLandmarker, astronaut: np.ndarray, scale: float, severity: Severity) -> None:
    inspection = inspect(cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), landmarker)
    (finding,) = inspection.findings
    assert (finding.severity, finding.reason) == (severity, "FACE_TOO_SMALL")
    # The figure that was measured is in the message.
    assert f"{42.6 * scale:.0f} pixels" in finding.message


def test_size_counts_in_the_files_pixels(landmarker: FaceLandmarker, astronaut: np.ndarray) -> None:
    half = cv2.resize(astronaut, (256, 256), interpolation=cv2.INTER_AREA)
    inspection = inspect_portrait(DecodedImage(half, 512, 512), landmarker)
    assert (inspection.width, inspection.height) == (512, 512) and inspection.usable
    assert inspection.face is not None and inspection.face.interocular == pytest.approx(42.6, abs=2)


def test_blurred(landmarker: FaceLandmarker, portraits: dict[str, np.ndarray]) -> None:
    for name, image in portraits.items():
        (face,) = landmarker.detect(image)
        # Of 8 % of the interocular distance: eyes are dark spots then.
        inspection = inspect(cv2.GaussianBlur(image, (0, 0), 0.08 * face.interocular), landmarker)
        assert errors(inspection) == ["BLURRED"], (name, inspection.findings)
        inspection = inspect(cv2.GaussianBlur(image, (0, 0), 0.01 * face.interocular), landmarker)
        assert inspection.usable and not inspection.findings, (name, inspection.findings)


def test_enlarged_thumbnail_is_blurred(landmarker: FaceLandmarker, astronaut: np.ndarray) -> None:
    thumbnail = cv2.resize(astronaut, (80, 80), interpolation=cv2.INTER_AREA)
    inspection = inspect(cv2.resize(thumbnail, (1000, 1000), interpolation=cv2.INTER_CUBIC), landmarker)
    assert "BLURRED" in errors(inspection)


@pytest.mark.parametrize("degrees", [-50, 50])
def test_turned_away(landmarker: FaceLandmarker, portraits: dict[str, np.ndarray], degrees: int) -> None:
    image = portraits["presenter_suit"]
    (face,) = landmarker.detect(image)
    inspection = inspect(turned(image, face, degrees), landmarker)
    assert errors(inspection) == ["TURNED"]
    (finding,) = [finding for finding in inspection.findings if finding.severity is Severity.ERROR]
    assert ("viewer's right" if degrees > 0 else "viewer's left") in finding.message
    assert inspect(turned(image, face, degrees / 5), landmarker).usable


@pytest.mark.parametrize(("quarters", "how"), [(1, "by 90 degrees clockwise"), (2, "by 180 degrees"), (3, "by 90 degrees counter-clockwise")])
def test_image_on_its_side(landmarker: FaceLandmarker, portraits: dict[str, np.ndarray], quarters: int, how: str) -> None:
    inspection = inspect(np.rot90(portraits["presenter_suit"], quarters), landmarker)
    assert errors(inspection) == ["ROTATED"] and how in inspection.findings[0].message


def test_cropped(landmarker: FaceLandmarker, portraits: dict[str, np.ndarray]) -> None:
    image = portraits["presenter_suit"]
    (face,) = landmarker.detect(image)
    left, top, right, bottom = (round(v) for v in face.bounding_box)
    assert errors(inspect(image[: round(bottom - 0.2 * (bottom - top))], landmarker)) == ["CROPPED"]
    assert errors(inspect(image[:, round(left + 0.25 * (right - left)) :], landmarker)) == ["CROPPED"]
    assert warnings(inspect(image[top + 20 :], landmarker)) == ["CROPPED"]


def test_light(landmarker: FaceLandmarker, portraits: dict[str, np.ndarray]) -> None:
    image = portraits["presenter_suit"]
    assert warnings(inspect((image * 0.12).astype(np.uint8), landmarker)) == ["LOW_LIGHT"]
    assert "OVEREXPOSED" in warnings(inspect(np.clip(image * 1.2 + 90.0, 0, 255).astype(np.uint8), landmarker))


def test_errors_are_raised_with_their_reasons(landmarker: FaceLandmarker, astronaut: np.ndarray) -> None:
    small = cv2.resize(np.hstack([astronaut, astronaut]), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    inspection = inspect(small, landmarker)
    with pytest.raises(InvalidInput) as caught:
        inspection.require_usable("present.face_uri")
    assert {(v.field, v.reason) for v in caught.value.violations} == {("present.face_uri", "SEVERAL_FACES"), ("present.face_uri", "FACE_TOO_SMALL")}
    inspect(astronaut, landmarker).require_usable("portrait")
