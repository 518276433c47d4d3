"""Cutting at pauses and packing, with speech probabilities that the test makes; and Silero's on a stream against those on the whole."""

from __future__ import annotations

import numpy as np
import pytest
from faster_whisper.vad import get_vad_model

from services.asr.engine import SAMPLE_RATE
from services.asr.engines.silero import SpeechProbability
from services.asr.pauses import FRAME, LONGEST_REGION_S, PauseFinder, Region
from services.asr.windows import WindowPacker
from tests.asr.recordings import read_english

FRAMES_PER_S = SAMPLE_RATE / FRAME


def find(*stretches: tuple[float, float], step: int = 7) -> list[Region]:
    """The regions of (seconds, probability) stretches. Each sample's value is its position, so that audio tells where it is from."""
    probabilities = np.concatenate([np.full(round(seconds * FRAMES_PER_S), probability) for seconds, probability in stretches])
    audio = np.arange(len(probabilities) * FRAME, dtype=np.float32).reshape(-1, FRAME)
    finder = PauseFinder()
    found = []
    for at in range(0, len(audio), step):
        found += finder.accept(audio[at : at + step], probabilities[at : at + step])
    return found + list(finder.finish())


def test_regions_are_speech_with_a_little_of_the_pauses() -> None:
    first, second = find((1, 0.1), (2, 0.9), (1, 0.1), (3, 0.9), (2, 0.1))
    assert first.start / SAMPLE_RATE == pytest.approx(0.85, abs=0.05) and first.end / SAMPLE_RATE == pytest.approx(3.15, abs=0.05)
    assert second.start / SAMPLE_RATE == pytest.approx(3.85, abs=0.05) and second.end / SAMPLE_RATE == pytest.approx(7.15, abs=0.05)
    assert (first.speech_samples + second.speech_samples) / SAMPLE_RATE == pytest.approx(5, abs=0.1)
    for region in (first, second):
        assert np.array_equal(region.audio, np.arange(region.start, region.end, dtype=np.float32))


def test_a_short_gap_is_no_pause_and_a_click_no_speech() -> None:
    (region,) = find((1, 0.1), (1, 0.9), (0.3, 0.1), (1, 0.9), (1, 0.1), (0.09, 0.9), (1, 0.1))
    assert region.speech_samples / SAMPLE_RATE == pytest.approx(2.3, abs=0.1)


def test_who_talks_on_is_cut_at_a_shorter_pause() -> None:
    regions = find((11, 0.9), (0.4, 0.1), (5, 0.9), (1, 0))
    assert [round(region.speech_samples / SAMPLE_RATE) for region in regions] == [11, 5]


def test_without_pauses_the_cut_falls_where_speech_is_least_likely() -> None:
    regions = find((24, 0.9), (0.2, 0.45), (36, 0.9))
    assert regions[0].end / SAMPLE_RATE == pytest.approx(24.1, abs=0.15)
    assert all(len(region.audio) <= LONGEST_REGION_S * SAMPLE_RATE for region in regions)
    # Nothing is lost or doubled at the cuts.
    assert np.array_equal(np.concatenate([region.audio for region in regions]), np.arange(regions[0].start, regions[-1].end, dtype=np.float32))
    assert regions[-1].end / SAMPLE_RATE == pytest.approx(60.2, abs=0.1)


def test_chunks_may_be_cut_anywhere() -> None:
    stretches = ((0.5, 0.0), (4, 0.8), (0.7, 0.2), (35, 0.9), (2, 0.0), (1, 0.6))
    whole = [(region.start, region.end) for region in find(*stretches, step=10_000)]
    assert whole == [(region.start, region.end) for region in find(*stretches, step=1)] and len(whole) == 4


def test_memory_is_bounded_over_hours() -> None:
    finder = PauseFinder()
    frames = np.zeros((1000, FRAME), np.float32)
    for second in range(120):
        for _ in finder.accept(frames, np.full(1000, 0.9 if second % 3 else 0.0)):
            pass
        assert len(finder._kept) * FRAME <= LONGEST_REGION_S * SAMPLE_RATE


def region(start_s: float, seconds: float) -> Region:
    samples = int(seconds * SAMPLE_RATE)
    return Region(int(start_s * SAMPLE_RATE), np.zeros(samples, np.float32), samples)


def test_windows_are_packed_full() -> None:
    packer = WindowPacker()
    assert packer.add(region(0, 10)) is None and packer.add(region(12, 10)) is None
    window = packer.add(region(24, 10))
    assert window is not None and len(window.audio) == 20 * SAMPLE_RATE
    last = packer.take()
    assert last is not None and last.regions[0].start == 24 * SAMPLE_RATE and packer.take() is None


def test_live_windows_wait_for_enough_speech_or_a_long_pause() -> None:
    packer = WindowPacker()
    assert packer.take_if_due(10) is None
    packer.add(region(0, 0.6))
    assert packer.take_if_due(0.5) is None
    packer.add(region(1.2, 2))
    assert packer.take_if_due(0.5) is not None
    packer.add(region(5, 0.6))
    assert packer.take_if_due(1.3) is not None


def test_times_of_a_window_are_times_of_the_stream() -> None:
    packer = WindowPacker()
    packer.add(region(3, 2))
    packer.add(region(10, 4))
    window = packer.take()
    assert window is not None
    assert [window.region_at(time) for time in (0, 1.9, 2.1, 5.9, 99)] == [0, 0, 1, 1, 1]
    assert window.stream_time_s(1.5, 0) == pytest.approx(4.5) and window.stream_time_s(2.5, 1) == pytest.approx(10.5)
    # A word that is heard a little over its region's edge stays in it.
    assert window.stream_time_s(2.3, 0) == pytest.approx(5) and window.stream_time_s(1.8, 1) == pytest.approx(10)


def test_silero_hears_the_same_in_chunks_as_in_one() -> None:
    samples = read_english("LJ001-0001").samples[: FRAME * 300].astype(np.float32) / 32768
    frames = samples.reshape(-1, FRAME)
    probability = SpeechProbability()
    chunks = np.concatenate([probability(frames[at : at + 13]) for at in range(0, len(frames), 13)])
    whole = get_vad_model()(samples.copy()).reshape(-1)
    # The library's own call silences the end of the last frame.
    assert np.allclose(chunks[:-1], whole[:-1], atol=1e-4) and whole.max() > 0.9
