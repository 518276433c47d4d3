"""Where in a picture a person is, by MediaPipe's selfie segmentation."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np

from services.lipsync.landmarks import without_native_noise

PERSON_ARTIFACT, PERSON_FILE = "mediapipe-selfie-segmentation", "selfie_segmentation.tflite"
"""The weights in the model store, and their file."""
_INPUT_SCALE = 255.0
"""The network takes 0 to 1."""


class PersonSegmenter:
    """The network on the CPU. Calls of several threads take turns."""

    def __init__(self, model: Path) -> None:
        """`model` is selfie_segmentation.tflite."""
        with without_native_noise():
            import mediapipe
            from mediapipe.tasks.python import BaseOptions, vision

            class Segmenter(vision.ImageSegmenter):
                def __del__(self) -> None:
                    """Nothing: see `FaceLandmarker`."""

            self._mediapipe: Any = mediapipe
            options = vision.ImageSegmenterOptions(
                base_options=BaseOptions(model_asset_buffer=_described(model.read_bytes())), output_confidence_masks=True, output_category_mask=False
            )
            self._segmenter = vision.ImageSegmenter.create_from_options(options)
            self._segmenter.__class__ = Segmenter
        self._lock = threading.Lock()

    def cover(self, rgb: np.ndarray) -> np.ndarray:
        """How likely each pixel of (height, width, 3) uint8 RGB belongs to a person, (height, width) float32, 0 to 1. The network sees 256 x 256 pixels."""
        image = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(rgb))
        with self._lock:
            (mask,) = self._segmenter.segment(image).confidence_masks
            return np.array(mask.numpy_view(), np.float32).reshape(rgb.shape[:2])

    def close(self) -> None:
        """Let go of the model. The object is of no use afterwards."""
        self._segmenter.close()


def _described(model: bytes) -> bytes:
    """The network with the description of its input that MediaPipe's tasks ask for: it was published before they did."""
    import flatbuffers
    from mediapipe.tasks.metadata import metadata_schema_py_generated as metadata
    from mediapipe.tasks.metadata import schema_py_generated as schema

    scaling = metadata.NormalizationOptionsT()
    scaling.mean, scaling.std = [0.0], [_INPUT_SCALE]
    unit = metadata.ProcessUnitT()
    unit.optionsType, unit.options = metadata.ProcessUnitOptions.NormalizationOptions, scaling
    image, mask = metadata.TensorMetadataT(), metadata.TensorMetadataT()
    image.name, image.processUnits, mask.name = "image", [unit], "mask"
    graph = metadata.SubGraphMetadataT()
    graph.inputTensorMetadata, graph.outputTensorMetadata = [image], [mask]
    description = metadata.ModelMetadataT()
    description.name, description.subgraphMetadata = "selfie segmentation", [graph]
    packed = flatbuffers.Builder(0)
    packed.Finish(description.Pack(packed), b"M001")

    network = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = list(packed.Output())
    network.buffers.append(buffer)
    entry.name, entry.buffer = "TFLITE_METADATA", len(network.buffers) - 1
    network.metadata = [*(network.metadata or []), entry]
    written = flatbuffers.Builder(0)
    written.Finish(network.Pack(written), b"TFL3")
    return bytes(written.Output())
