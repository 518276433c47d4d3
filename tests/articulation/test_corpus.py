"""The estimator's corpus: what is missing is not passed over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from locutor.errors import InvalidInput
from training.corpus import _path, items, utterances


def test_a_corpus_with_gaps_is_refused(tmp_path: Path) -> None:
    wanted = items(3)
    for item in wanted[:2]:
        np.savez(_path(tmp_path, item), audio=np.zeros(24_000, np.int16), symbols=np.array(["a"]), bounds_s=np.array([0.0, 1.0]))
    assert [spoken.item for spoken in utterances(tmp_path, wanted[:2])] == wanted[:2]
    with pytest.raises(InvalidInput, match="lacks 1 of 3 utterances"):
        utterances(tmp_path, wanted)
