from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locutor.errors import InvalidInput
from media.clock import nearest
from media.place import Placement, check_placements, place_stretch


def _place(placements: Sequence[Placement], length: int, block_size: int = 10_000) -> np.ndarray:
    return np.concatenate([place_stretch(placements, begin, min(begin + block_size, length)) for begin in range(0, length, block_size)])


def test_an_hour_of_utterances_does_not_drift() -> None:
    """Each begins on its own sample; ends are as given; the middle is untouched."""
    rng = np.random.default_rng(3)
    starts = [nearest(Fraction(number * 48_000 * 1001, 300)) for number in range(1000)]
    voices = [np.full(int(rng.integers(20_000, 90_000)), 0.5, np.float32) for _ in starts]
    placements = [Placement.of(start, voice) for start, voice in zip(starts, voices, strict=True)]
    length = starts[-1] + 200_000
    position, heard = 0, 0
    for begin in range(0, length, 480_000):
        block = place_stretch(placements, begin, min(begin + 480_000, length))
        heard += int((block == 0.5).sum())
        for placement in placements:
            middle = placement.start + placement.length // 2
            if position <= middle < position + len(block):
                assert block[middle - position] == 0.5
        position += len(block)
    assert position == length
    assert heard == sum(len(voice) - 2 * 720 for voice in voices)


def test_only_what_is_heard_is_loaded() -> None:
    loads: list[int] = []

    def placement(number: int) -> Placement:
        def load() -> np.ndarray:
            loads.append(number)
            return np.full(900, 0.5, np.float32)

        return Placement(1000 * number, 900, load)

    assert not place_stretch([placement(number) for number in range(5)], 900, 1000).any()
    assert loads == []
    place_stretch([placement(number) for number in range(5)], 1899, 3001)
    assert loads == [1, 2, 3]
    with pytest.raises(InvalidInput, match=r"not \(10,\); resample"):
        place_stretch([Placement(0, 10, lambda: np.zeros(5, np.float32))], 0, 10)


def test_edges_fade_and_blocks_join() -> None:
    voice = np.ones(48_000, np.float32)
    programme = _place([Placement.of(100, voice)], 60_000)
    assert programme[100] == 0 and programme[:100].max() == 0 and programme[100 + 720] == 1
    assert np.all(np.diff(programme[100:820]) >= 0)
    assert np.allclose(programme[100:48_100], programme[100:48_100][::-1])
    assert np.array_equal(_place([Placement.of(100, voice)], 60_000, 601), programme)


@given(order=st.permutations(range(5)))
def test_the_order_given_does_not_matter(order: list[int]) -> None:
    placements = [Placement.of(1000 * number, np.full(900, number + 1, np.float32)) for number in range(5)]
    expected = _place(placements, 5000)
    assert np.array_equal(_place([placements[number] for number in order], 5000), expected)


def test_voices_never_overlap_and_no_tail_is_lost() -> None:
    voice = np.ones(1000, np.float32)
    with pytest.raises(InvalidInput, match=r"placements\[0\]: begins at sample 999, before placements\[1\]"):
        check_placements([Placement.of(999, voice), Placement.of(0, voice)], 5000)
    with pytest.raises(InvalidInput, match="after the programme's end at 1500"):
        check_placements([Placement.of(501, voice)], 1500)
    with pytest.raises(InvalidInput, match="first sample"):
        check_placements([Placement.of(-1, voice)], 1500)
