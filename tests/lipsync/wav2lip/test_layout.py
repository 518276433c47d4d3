"""The layers against the key list of the published checkpoint, and files that are none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from locutor.errors import MissingWeights
from services.lipsync.engines.wav2lip.checkpoint import check_shapes
from services.lipsync.engines.wav2lip.layout import layout

KEYS = Path(__file__).parents[4] / "shared" / "wav2lip_state_dict.json"
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def test_the_names_and_shapes_are_the_published_ones() -> None:
    if not KEYS.is_file():
        pytest.skip(f"no key list of the published checkpoint: {KEYS} is missing")
    published = {name: tuple(shape) for name, shape in json.loads(KEYS.read_text()).items()}
    assert layout().shapes() == published and len(published) == 352
    assert check_shapes(published, Path("wav2lip.pth")) == 16


def test_the_network_has_36_million_parameters() -> None:
    trained = [shape for name, shape in layout().shapes().items() if not name.endswith(_STATISTICS)]
    assert sum(int(np.prod(shape)) for shape in trained) == 36_298_035


def test_a_narrow_network_is_told_by_its_first_layer() -> None:
    assert check_shapes(layout(4).shapes(), Path("narrow.pth")) == 4


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda shapes: shapes.pop("audio_encoder.3.conv_block.0.bias"), "has 351 tensors, and a checkpoint of Wav2Lip 352: 1 are missing (audio_encoder.3"),
        (lambda shapes: shapes.update({"audio_refine.0.weight": (1,)}), "1 are unexpected (audio_refine.0.weight)"),
        (lambda shapes: shapes.update({"output_block.1.bias": (4,)}), "1 have another shape (output_block.1.bias (4,) instead of (3,))"),
        (lambda shapes: shapes.clear(), "has 0 tensors, and a checkpoint of Wav2Lip 352: 352 are missing (face_encoder_blocks.0.0.conv_block.0.weight, "),
    ],
)
def test_another_file_is_refused_by_what_is_in_it(change: object, told: str) -> None:
    shapes = layout().shapes()
    change(shapes)  # type: ignore[operator]
    with pytest.raises(MissingWeights) as refused:
        check_shapes(shapes, Path("other.pth"))
    assert told in refused.value.message and "other.pth" in refused.value.message and "LOCUTOR_WAV2LIP" in refused.value.message
