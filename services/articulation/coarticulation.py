"""From phonemes with times to what the mouth does in each frame: dominance coarticulation, then the contacts that nothing may overrule.

Every sound pulls the mouth towards its target with a strength that rises before it and decays after it (Cohen and Massaro, "Modeling
coarticulation in synthetic visual speech", 1993); the mouth is where the pulls balance. Short sounds pull for a shorter time, so fast speech
shrinks by itself. Closures and tucks are laid over the result and hold for longer than a frame, so that every one of them is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from scipy.special import erf

from services.articulation.contacts import Touch, made
from services.articulation.phonetics import Contact, MouthTarget, mouth_targets
from services.articulation.prosody import silences, voice_level
from services.articulation.speech import Speech

VISUAL_LEAD_S = 0.006
"""Lips are this far ahead of the sound. Most of what they are seen ahead lies in the rise of the pulls, which begins before a sound: with both, a mouth
measured on finished videos comes 0 to 20 ms before its voice in all nine languages."""

# Spread of a pull's rise and decay, in seconds. Rounding is prepared earlier and released later than opening.
_APERTURE_RISE_S, _APERTURE_DECAY_S = 0.042, 0.040
_SHAPE_RISE_S, _SHAPE_DECAY_S = 0.072, 0.058
_REACH_S = 0.32
"""Beyond this distance a pull is nothing: more than four times the widest spread."""

_LIMITS = {"open": (0.22, 0.30), "jaw": (0.11, 0.16)}
"""Where openings begin to be held back, and what they never reach: wider ones stretch the picture more than it bears."""

_DRIVES = {"open": (0.77, 0.31), "jaw": (0.66, 0.45)}
"""What of an opening is left in a voice that is hardly heard, and how it grows with the voice's level: loudness is in the jaw first of all."""
_STRESS_GAIN = 1.18
_REST_HOLD = 1.0
"""Dominance of silence: it closes the mouth."""


@dataclass(frozen=True)
class MouthTrack:
    """What the mouth does, an array of (frames,) float32 for each control; lengths in interpupillary distances, see `MouthTarget`."""

    open: np.ndarray
    jaw: np.ndarray
    width: np.ndarray
    round: np.ndarray
    upper: np.ndarray
    lower: np.ndarray
    tongue: np.ndarray
    press: np.ndarray
    """How firmly closed lips press together, 0 to 1."""
    tuck: np.ndarray
    """How far the lower lip is tucked under the upper teeth, 0 to 1."""
    loudness: np.ndarray
    """Level of the voice, 0 silent to about 1."""

    def at(self, frame: int) -> dict[str, float]:
        """The controls of one frame by name."""
        return {field.name: float(getattr(self, field.name)[frame]) for field in fields(self)}


@dataclass(frozen=True)
class _Pull:
    """One target over a span; times in seconds."""

    target: MouthTarget
    start_s: float
    end_s: float
    stressed: bool


_APERTURE = ("open", "jaw", "upper", "lower", "tongue")
_SHAPE = ("width", "round")


def articulate(speech: Speech, times_s: np.ndarray, expression: float, width: float = 1.0) -> MouthTrack:
    """The mouth at each of `times_s`, (frames,) seconds of the speech's audio. `expression` scales lips and jaw, and `width` beyond that how far sounds
    spread and narrow the mouth: 1 is natural."""
    lips_s = times_s.astype(np.float64) + VISUAL_LEAD_S
    pulls = _pulls(speech)
    values = _balance(pulls, _rests(speech, pulls), lips_s)
    loudness = voice_level(speech.audio, speech.sample_rate, lips_s)
    for name, (quiet, growth) in _DRIVES.items():
        values[name] = _limited(values[name] * expression * (quiet + growth * loudness), *_LIMITS[name])
    for name in ("upper", "lower", "width", "round"):
        values[name] *= expression
    values["width"] *= width
    touches = _touches(pulls)
    closure = made(touches, Contact.CLOSURE, times_s)
    tuck = made(touches, Contact.TUCK, times_s) * (1.0 - closure)
    free = (1.0 - closure) * (1.0 - tuck)
    for name in ("open", "upper", "lower"):
        values[name] *= free
    values["tongue"] *= 1.0 - closure
    # The jaw hardly follows a lip closure; it may not hang lower than closed lips reach.
    values["jaw"] = values["jaw"] * (1.0 - 0.6 * closure - 0.3 * tuck)
    values["round"] = np.clip(values["round"] * (1.0 - 0.4 * closure), 0.0, 1.2)
    press = np.clip((closure - 0.7) / 0.3, 0.0, 1.0) * 0.8
    as_float = {name: value.astype(np.float32) for name, value in values.items()}
    return MouthTrack(**as_float, press=press.astype(np.float32), tuck=tuck.astype(np.float32), loudness=loudness.astype(np.float32))


def _limited(values: np.ndarray, knee: float, most: float) -> np.ndarray:
    """Unchanged up to `knee`, then ever more slowly towards `most`."""
    room = most - knee
    return np.where(values > knee, knee + room * np.tanh((values - knee) / room), values)


def _pulls(speech: Speech) -> list[_Pull]:
    """The targets in their order."""
    pulls: list[_Pull] = []
    for span in speech.phonemes:
        targets = mouth_targets(span.symbol)
        pulls.extend(_Pull(target, start, end, span.stressed) for target, (start, end) in zip(targets, span.divided(len(targets)), strict=True))
    return pulls


def _rests(speech: Speech, pulls: Sequence[_Pull]) -> list[tuple[float, float]]:
    """When the mouth is pulled shut: in silences, before the first sound and after the last."""
    end = max(pulls[-1].end_s if pulls else 0.0, len(speech.audio) / speech.sample_rate) + 2 * _REACH_S
    if not pulls:
        return [(-_REACH_S, end)]
    return [(-_REACH_S, pulls[0].start_s), *silences(speech.phonemes), (pulls[-1].end_s, end)]


def _rise_and_decay(times_s: np.ndarray, start_s: float, end_s: float, rise_s: float, decay_s: float) -> np.ndarray:
    """A span's dominance over time: 1 within a long span, eased at both ends; its integral grows with the span."""
    return 0.5 * (erf((times_s - start_s) / (rise_s * np.sqrt(2.0))) - erf((times_s - end_s) / (decay_s * np.sqrt(2.0)))).clip(0.0)


def _balance(pulls: Sequence[_Pull], rests: Sequence[tuple[float, float]], times_s: np.ndarray) -> dict[str, np.ndarray]:
    sums = {name: np.zeros(len(times_s)) for name in _APERTURE + _SHAPE}
    aperture_weight, shape_weight = np.full(len(times_s), 1e-4), np.full(len(times_s), 1e-4)
    for pull in pulls:
        near = slice(*np.searchsorted(times_s, [pull.start_s - _REACH_S, pull.end_s + _REACH_S]))
        aperture = pull.target.hold * _rise_and_decay(times_s[near], pull.start_s, pull.end_s, _APERTURE_RISE_S, _APERTURE_DECAY_S)
        shape = pull.target.shape_hold * _rise_and_decay(times_s[near], pull.start_s, pull.end_s, _SHAPE_RISE_S, _SHAPE_DECAY_S)
        if pull.target.contact is not Contact.NONE:
            # The contact itself is laid over later; until then its neighbours' opening shows how wide the lips part beside it.
            aperture = aperture * 0.25
        gain = _STRESS_GAIN if pull.stressed else 1.0
        for name in _APERTURE:
            sums[name][near] += aperture * getattr(pull.target, name) * (gain if name in ("open", "jaw") else 1.0)
        for name in _SHAPE:
            sums[name][near] += shape * getattr(pull.target, name)
        aperture_weight[near] += aperture
        shape_weight[near] += shape
    for start_s, end_s in rests:
        near = slice(*np.searchsorted(times_s, [start_s - _REACH_S, end_s + _REACH_S]))
        aperture_weight[near] += _REST_HOLD * _rise_and_decay(times_s[near], start_s, end_s, _APERTURE_RISE_S, _APERTURE_DECAY_S)
        shape_weight[near] += _REST_HOLD * _rise_and_decay(times_s[near], start_s, end_s, _SHAPE_RISE_S, _SHAPE_DECAY_S)
    return {name: total / (aperture_weight if name in _APERTURE else shape_weight) for name, total in sums.items()}


def _touches(pulls: Sequence[_Pull]) -> list[Touch]:
    """The sounds that the lips make by touching, in order."""
    touches: list[Touch] = []
    after_parting = False
    for before, pull, after in zip([None, *pulls], pulls, [*pulls[1:], None], strict=False):
        if pull.target.contact is not Contact.NONE:
            touches.append(Touch(pull.target.contact, pull.start_s, pull.end_s, after_parting, _parted_length(before), _parted_length(after)))
            after_parting = False
        after_parting = after_parting or pull.target.parts_lips
    return touches


def _parted_length(pull: _Pull | None) -> float:
    return pull.end_s - pull.start_s if pull is not None and pull.target.parts_lips else np.inf
