from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locutor.errors import InvalidInput
from media.clock import exact_seconds, frame_to_sample, frames_to_hold, nearest, sample_to_frame, seconds_to_samples
from media.place import Placement, place, place_blocks
from media.resample import resample, resample_blocks

RATES = st.sampled_from([Fraction(24), Fraction(24_000, 1001), Fraction(25), Fraction(30_000, 1001), Fraction(50), Fraction(60_000, 1001)])


@given(frame=st.integers(0, 400_000), rate=RATES, sample_rate=st.sampled_from([24_000, 44_100, 48_000]))
def test_frames_and_samples_agree(frame: int, rate: Fraction, sample_rate: int) -> None:
    first = frame_to_sample(frame, rate, sample_rate)
    assert abs(Fraction(first, sample_rate) - frame / rate) <= Fraction(1, 2 * sample_rate)
    assert sample_to_frame(first, rate, sample_rate) == frame
    assert frame == 0 or sample_to_frame(first - 1, rate, sample_rate) == frame - 1


@given(samples=st.integers(0, 10**9), rate=RATES)
def test_frames_to_hold_are_enough_and_no_more(samples: int, rate: Fraction) -> None:
    frames = frames_to_hold(samples, rate)
    assert frames / rate >= Fraction(samples, 48_000)
    assert frames == 0 or (frames - 1) / rate < Fraction(samples, 48_000)


def test_seconds_are_taken_as_written() -> None:
    assert exact_seconds(0.1) == Fraction(1, 10)
    assert seconds_to_samples(0.1 + 0.2) == 14_400
    assert [nearest(Fraction(value, 2)) for value in (-1, 1, 3, 5)] == [0, 1, 2, 3]


def test_an_hour_of_utterances_does_not_drift() -> None:
    """Each begins on its own sample; ends are as given; the middle is untouched."""
    rng = np.random.default_rng(3)
    starts = [nearest(Fraction(number * 48_000 * 1001, 300)) for number in range(1000)]
    voices = [np.full(int(rng.integers(20_000, 90_000)), 0.5, np.float32) for _ in starts]
    placements = [Placement(start, voice) for start, voice in zip(starts, voices, strict=True)]
    length = starts[-1] + 200_000
    position, heard = 0, 0
    for block in place_blocks(placements, length):
        heard += int((block == 0.5).sum())
        for placement in placements:
            middle = placement.start + len(placement.audio) // 2
            if position <= middle < position + len(block):
                assert block[middle - position] == 0.5
        position += len(block)
    assert position == length
    assert heard == sum(len(voice) - 2 * 720 for voice in voices)


def test_edges_fade_and_blocks_join() -> None:
    voice = np.ones(48_000, np.float32)
    programme = place([Placement(100, voice)], 60_000)
    assert programme[100] == 0 and programme[:100].max() == 0 and programme[100 + 720] == 1
    assert np.all(np.diff(programme[100:820]) >= 0)
    assert np.allclose(programme[100:48_100], programme[100:48_100][::-1])
    parts = np.concatenate(list(place_blocks([Placement(100, voice)], 60_000, sample_rate=480)))
    assert len(parts) == 60_000


@given(order=st.permutations(range(5)))
def test_the_order_given_does_not_matter(order: list[int]) -> None:
    placements = [Placement(1000 * number, np.full(900, number + 1, np.float32)) for number in range(5)]
    expected = place(placements, 5000, 8000)
    assert np.array_equal(place([placements[number] for number in order], 5000, 8000), expected)


def test_voices_never_overlap_and_no_tail_is_lost() -> None:
    voice = np.ones(1000, np.float32)
    with pytest.raises(InvalidInput, match=r"placements\[0\]: begins at sample 999, before placements\[1\]"):
        place_blocks([Placement(999, voice), Placement(0, voice)], 5000)
    with pytest.raises(InvalidInput, match="after the programme's end at 1500"):
        place_blocks([Placement(501, voice)], 1500)
    with pytest.raises(InvalidInput, match="first sample"):
        place_blocks([Placement(-1, voice)], 1500)


@given(
    length=st.integers(0, 5000), cuts=st.lists(st.integers(0, 5000), max_size=6), rates=st.sampled_from([(24_000, 48_000), (22_050, 48_000), (48_000, 16_000)])
)
def test_resampled_blocks_are_the_resampled_whole(length: int, cuts: list[int], rates: tuple[int, int]) -> None:
    audio = np.random.default_rng(length).standard_normal(length).astype(np.float32) * np.float32(0.1)
    whole = resample(audio, *rates)
    blocks = list(resample_blocks(np.split(audio, sorted(cut for cut in cuts if cut <= length)), *rates))
    assert len(whole) == nearest(Fraction(length * rates[1], rates[0]))
    parts = np.concatenate([np.zeros(0, np.float32), *blocks])
    assert len(parts) == len(whole)
    assert np.allclose(parts, whole, atol=1e-5)


def test_resampling_keeps_time() -> None:
    pulse = np.zeros(24_000, np.float32)
    pulse[7001] = 1
    assert int(np.argmax(np.abs(resample(pulse, 24_000, 48_000)))) == 14_002
