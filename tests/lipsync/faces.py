"""Faces made from other faces: what cannot be found in a folder of portraits."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageDraw
from scipy.spatial import Delaunay

from services.lipsync.landmarks import FACE_LEFT, FACE_RIGHT, MESH_POINTS, FaceLandmarks


def turned(rgb: np.ndarray, face: FaceLandmarks, degrees: float) -> np.ndarray:
    """The face alone, on grey, turned about the vertical axis: its mesh drawn from the back to the front. The landmarker, which misses the head
    around it, sees about three quarters of the angle."""
    angle = np.radians(degrees)
    points = face.points[:MESH_POINTS].astype(np.float64)
    center = points[[FACE_LEFT, FACE_RIGHT]].mean(0)
    x, z = (points - center)[:, 0], (points - center)[:, 2]
    source = points[:, :2].astype(np.float32)
    target = np.stack([x * np.cos(angle) - z * np.sin(angle) + center[0], points[:, 1]], axis=1).astype(np.float32)
    depth = x * np.sin(angle) + z * np.cos(angle)
    result = np.full_like(rgb, 128)
    for corners in sorted(Delaunay(source).simplices, key=lambda triangle: -depth[triangle].mean()):
        low, high = np.floor(target[corners].min(0)).astype(int), np.ceil(target[corners].max(0)).astype(int) + 1
        width, height = (int(v) for v in high - low)
        matrix = cv2.getAffineTransform(source[corners], target[corners] - low.astype(np.float32))
        patch = cv2.warpAffine(rgb, matrix, (width, height))
        mask = np.zeros((height, width), np.uint8)
        cv2.fillConvexPoly(mask, np.round(target[corners] - low).astype(np.int32), 1)
        result[low[1] : high[1], low[0] : high[0]][mask > 0] = patch[mask > 0]
    return result


def smiley() -> np.ndarray:
    """A drawn face that MediaPipe takes for one."""
    image = Image.new("RGB", (400, 400), (240, 240, 240))
    draw = ImageDraw.Draw(image)
    draw.ellipse((60, 40, 340, 360), fill=(255, 224, 196), outline=(0, 0, 0), width=4)
    for x in (140, 260):
        draw.ellipse((x - 30, 140, x + 30, 180), fill=(255, 255, 255), outline=(0, 0, 0), width=3)
        draw.ellipse((x - 12, 148, x + 12, 172), fill=(30, 30, 30))
    draw.arc((130, 200, 270, 300), 20, 160, fill=(150, 30, 30), width=8)
    draw.line((200, 180, 190, 230, 205, 232), fill=(120, 80, 60), width=4)
    draw.arc((105, 110, 170, 150), 200, 340, fill=(60, 30, 10), width=6)
    draw.arc((230, 110, 295, 150), 200, 340, fill=(60, 30, 10), width=6)
    return np.asarray(image)
