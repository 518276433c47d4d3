"""Speech in the time that a video leaves for it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from gateway.dub.fit import GAP_S, GOOD_RATE, MAX_RATE, MIN_RATE, RATES, Fit, Line, fit_lines, kept_apart, length_at, overdue, rate_for, squeezed


def line(start_s: float, end_s: float, natural_s: float, rate: float | None = None, **more: bool) -> Line:
    return Line(start_s, end_s, [natural_s / each for each in RATES], round(natural_s * 15), rate, **more)


def test_what_fits_is_said_at_the_voices_own_rate_and_on_time() -> None:
    (one,) = fit_lines([line(1.0, 5.0, 3.9)], 10.0)
    assert (one.start_s, one.rate, one.fit, one.suggestion) == (1.0, 1.0, Fit.GOOD, "")


def test_what_is_too_short_is_slowed_down_and_then_leaves_silence() -> None:
    slowed, silent = fit_lines([line(0, 4, 3.6), line(5, 9, 2.0)], 10.0)
    assert slowed.end_s == pytest.approx(4.0) and MIN_RATE < slowed.rate < 1.0
    assert silent.rate == MIN_RATE and silent.end_s < 9.0


def test_a_little_too_long_is_said_a_little_faster() -> None:
    (one,) = fit_lines([line(0, 4, 4.3)], 4.0)
    assert one.end_s == pytest.approx(4.0) and one.rate == pytest.approx(4.3 / 4, abs=0.01) and one.fit is Fit.GOOD


def test_silence_after_the_speaker_is_borrowed_before_the_rate_is_raised_far() -> None:
    one, other = fit_lines([line(0, 4, 5.0), line(6, 8, 1.9)], 10.0)
    assert one.rate == pytest.approx(1.1) and 4.0 < one.end_s < 6.0 - GAP_S and one.fit is Fit.GOOD
    assert other.start_s == 6.0


@pytest.mark.parametrize(("natural_s", "fit"), [(4.6, Fit.GOOD), (5.2, Fit.FAST)])
def test_without_silence_the_rate_rises_to_what_it_must(natural_s: float, fit: Fit) -> None:
    one, other = fit_lines([line(0, 4, natural_s), line(4, 8, 3.9)], 10.0)
    assert one.fit is fit and one.end_s == pytest.approx(4.0 - GAP_S) and other.start_s == 4.0
    assert (one.rate > GOOD_RATE) == (fit is Fit.FAST)
    assert ("shorten the text to about" in one.suggestion) == (fit is Fit.FAST)


def test_what_is_too_long_at_any_rate_begins_earlier_then_delays_the_next_which_makes_up_for_it() -> None:
    before, long, pushed, last = fit_lines([line(0, 2, 1.9), line(2.5, 4.5, 4.0), line(4.6, 7.6, 2.9), line(8, 10, 1.9)], 12.0)
    assert long.rate == MAX_RATE and long.fit is Fit.LATE and long.suggestion.startswith("shorten the text to about")
    assert long.start_s == pytest.approx(before.end_s + GAP_S)
    assert pushed.start_s == pytest.approx(long.end_s + GAP_S)
    assert last.start_s == 8.0 and last.fit is Fit.GOOD


def test_a_line_that_was_pushed_says_so() -> None:
    _, pushed = fit_lines([line(0, 2, 5.0), line(2.1, 4.1, 1.9)], 12.0)
    assert pushed.fit is Fit.LATE and "before it" in pushed.suggestion


def test_overlapping_speakers_are_heard_one_after_the_other() -> None:
    one, other = fit_lines([line(0, 4, 3.8), line(3, 6, 2.9)], 12.0)
    assert other.start_s >= one.end_s + GAP_S - 1e-9


def test_times_set_by_a_person_are_kept() -> None:
    one, other = fit_lines([line(1.5, 5.0, 3.0, is_fixed=True), line(6, 8, 1.9)], 12.0)
    assert (one.start_s, other.start_s) == (1.5, 6.0)
    assert one.length_s == pytest.approx(3.5, abs=0.01)


def test_no_voices_overlap_nothing_is_lost_and_delays_end_whatever_the_lines() -> None:
    rng = np.random.default_rng(4)
    for _ in range(200):
        lines, at = [], 0.0
        for _ in range(30):
            start = at + rng.exponential(0.8)
            at = start + rng.uniform(0.5, 9.0)
            lines.append(line(start, at, (at - start) * rng.lognormal(0.05, 0.25)))
        lines.append(line(at + 60, at + 64, 3.0))
        fitted = fit_lines(lines, at + 65)
        assert all(other.start_s >= one.end_s + GAP_S - 1e-9 for one, other in pairwise(fitted))
        assert all(MIN_RATE <= one.rate <= MAX_RATE for one in fitted)
        assert all(one.length_s == pytest.approx(length_at(source, one.rate), rel=0.01) for one, source in zip(fitted, lines, strict=True))
        assert fitted[-1].start_s == lines[-1].start_s


def test_a_rate_and_its_length_agree_where_the_engine_rounds() -> None:
    uneven = Line(0, 4, [4.2, 4.0, 3.8, 3.8, 3.5, 3.3, 3.3], 60)
    for length_s in (4.1, 3.9, 3.8, 3.65, 3.3):
        assert length_at(uneven, rate_for(uneven, length_s)) == pytest.approx(length_s, abs=0.01)


def test_speech_that_turned_out_longer_pushes_the_next_and_is_pulled_in_before_the_end() -> None:
    lines = [line(0, 1, 1)] * 3
    assert kept_apart(lines, [0.0, 2.0, 5.0], [2.5, 1.0, 1.0], 10.0) == pytest.approx([0.0, 2.5 + GAP_S, 5.0])
    assert kept_apart(lines, [0.0, 3.0, 5.0], [2.0, 1.9, 2.0], 6.5) == pytest.approx([0.0, 4.5 - GAP_S - 1.9, 4.5])
    assert kept_apart(lines[:1], [0.0], [7.0], 6.0) == pytest.approx([-1.0])
    assert overdue(lines[:1], [-1.0], [7.0], 6.0) == (0, pytest.approx(1.0)) and overdue(lines[:1], [0.0], [6.0], 6.0) is None


def test_a_locked_line_is_a_wall() -> None:
    locked = line(2.1, 4.1, 2.0, rate=1.0, is_fixed=True, is_locked=True)
    before, wall, after = fit_lines([line(0, 2, 3.75), locked, line(4.0, 6.0, 1.9)], 12.0)
    assert (wall.start_s, wall.length_s, wall.rate) == (2.1, 2.0, 1.0)
    assert before.end_s <= 2.1 - GAP_S + 1e-3 and before.rate > MAX_RATE
    assert before.fit is Fit.LATE and before.suggestion.startswith("shorten the text to about")
    assert after.start_s == pytest.approx(4.1 + GAP_S)


def test_before_a_locked_line_what_is_said_moves_up_before_it_is_said_faster() -> None:
    locked = line(6.0, 8.0, 2.0, rate=1.0, is_fixed=True, is_locked=True)
    one, other, wall = fit_lines([line(2.0, 3.0, 1.0), line(3.0, 5.9, 4.2), locked], 12.0)
    assert wall.start_s == 6.0 and one.end_s + GAP_S <= other.start_s + 1e-9 and other.end_s <= 6.0 - GAP_S + 1e-9
    assert one.rate <= MAX_RATE and other.rate <= MAX_RATE


def test_what_turned_out_longer_than_measured_does_not_move_a_locked_line() -> None:
    lines = [line(0, 2, 1.9), line(2.1, 4.1, 2.0, rate=1.0, is_fixed=True, is_locked=True)]
    assert squeezed(lines, [1.0, 1.0], [2.0, 2.0], 12.0) == {}
    faster = squeezed(lines, [1.0, 1.0], [2.2, 2.0], 12.0)
    assert set(faster) == {0} and 2.2 / faster[0] <= 2.05
    assert kept_apart(lines, [0.0, 2.1], [2.2, 2.0], 12.0) == pytest.approx([-0.15, 2.1])
    assert overdue(lines, [-0.15, 2.1], [2.2, 2.0], 12.0) == (0, pytest.approx(0.15))
