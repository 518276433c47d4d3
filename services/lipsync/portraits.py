"""Portraits from image files to what an engine animates: decoded, inspected, prepared, and kept while pieces of one programme ask for them."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from services.lipsync.engine import Background, LipsyncEngine, PreparedPortrait, VideoFormat
from services.lipsync.face_search import MAX_FACES
from services.lipsync.image import DecodedImage, decode_image
from services.lipsync.inspection import Finding, Inspection, inspect_portrait
from services.lipsync.landmarks import MODEL_ARTIFACT, MODEL_FILE, FaceLandmarker
from services.weights import ModelStore

T = TypeVar("T")

_KEPT_PREPARED = 4
"""A 1080p one takes about 100 MB."""
_KEPT_INSPECTED = 2
"""Decoded images, up to 50 MB each: a job's face is inspected first, then prepared."""


@dataclass(frozen=True)
class PortraitOrder:
    """What a portrait is to be made of. The bytes are files as they were sent."""

    portrait: bytes
    video: VideoFormat
    background: Background
    """Without its image, which is still a file."""
    background_image: bytes = b""


class Portraits:
    """Safe to call from several threads; what two ask for at once is made once."""

    def __init__(self, store: ModelStore) -> None:
        """Loads the face landmarker. Raises `MissingWeights`."""
        self._landmarker = FaceLandmarker(store.ensure(MODEL_ARTIFACT) / MODEL_FILE, max_faces=MAX_FACES)
        self._inspected: _Recent[tuple[DecodedImage, Inspection]] = _Recent(_KEPT_INSPECTED)
        self._prepared: _Recent[tuple[PreparedPortrait, tuple[Finding, ...]]] = _Recent(_KEPT_PREPARED)

    def inspect(self, portrait: bytes) -> Inspection:
        """Raises `InvalidInput` (field "portrait") for what cannot be decoded."""
        return self._inspect(portrait)[1]

    def prepare(self, order: PortraitOrder, engine: LipsyncEngine) -> tuple[PreparedPortrait, tuple[Finding, ...]]:
        """The portrait in its frame, and warnings about it. Raises `InvalidInput` for a file or a face that cannot be used."""
        files = (hashlib.sha256(order.portrait).digest(), hashlib.sha256(order.background_image).digest())
        key = (engine.info.engine, *files, order.video, order.background.color)
        return self._prepared.get(key, lambda: self._prepare(order, engine))

    def close(self) -> None:
        self._landmarker.close()

    def _inspect(self, portrait: bytes) -> tuple[DecodedImage, Inspection]:
        def make() -> tuple[DecodedImage, Inspection]:
            image = decode_image(portrait, "portrait")
            return image, inspect_portrait(image, self._landmarker)

        return self._inspected.get(hashlib.sha256(portrait).digest(), make)

    def _prepare(self, order: PortraitOrder, engine: LipsyncEngine) -> tuple[PreparedPortrait, tuple[Finding, ...]]:
        image, inspection = self._inspect(order.portrait)
        inspection.require_usable("portrait")
        background = order.background
        if order.background_image:
            background = replace(background, image=decode_image(order.background_image, "background_image").rgb)
        return engine.prepare(image.rgb, order.video, background), inspection.warnings


class _Recent(Generic[T]):
    """The values asked for last. A value that could not be made is not kept."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._slots: OrderedDict[Hashable, _Slot[T]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            while len(self._slots) > self._most:
                self._slots.popitem(last=False)
        with slot.lock:
            if slot.value is None:
                slot.value = make()
            return slot.value


class _Slot(Generic[T]):
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.value: T | None = None
