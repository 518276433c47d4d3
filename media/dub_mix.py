"""Dubbed speech and what is kept of the original sound, put together to a programme's sound in blocks, in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np

from media.blocks import BLOCK, exact_blocks
from media.clock import seconds_to_samples
from media.ducking import DEPTH_DB, DuckingGain
from media.loudness import WEB, LoudnessTarget, Normalisation, normalise_blocks
from media.place import Placement, place_blocks
from media.speech_level import SourceLevels, SpeechSpan, measure_source, speech_gains

SOURCE_CEILING_DBTP = -1.0
"""True peak where the loudness is the source's own: EBU R 128's limit, so that an encoder does not clip."""

HEARD_EARLIER = seconds_to_samples(0.12)
"""Samples that the original voice may begin before, and go on after, what recognition says: on real speech its words
ended up to 0.2 s and began up to 0.07 s inside the voice's own sound. What is not ducked there is heard as a scrap of the other language."""
HEARD_LATER = seconds_to_samples(0.25)

SoundReader = Callable[[], Iterable[np.ndarray]]
"""Gives a sound anew each time: float32 blocks at 48 kHz, (n, 2), from the programme's first sample."""


@dataclass(frozen=True)
class DubMix:
    """What a dubbed programme's sound is made of."""

    length: int
    """Samples at 48 kHz: the picture's."""
    placements: Sequence[Placement]
    """The dubbed speech."""
    background: SoundReader | None
    """Music and effects, what a separation left, or the original sound; None: nothing but the speech."""
    ducked: bool
    """The background has the original voices in it and steps back while either those or the dubbed ones speak."""
    source: SoundReader | None = None
    """The original sound, for its levels; None: there is none."""
    source_spans: Sequence[SpeechSpan] = ()
    """Where the source speaks."""
    depth_db: float = DEPTH_DB
    target: LoudnessTarget | None = None
    """None: as loud as the source; where that has no sound, or only silence, as for the web."""


@dataclass(frozen=True)
class MixReport:
    """The levels that were found and made."""

    source: SourceLevels | None
    speech_gain_db: Mapping[str, float]
    """What brought each speaker's dubbed voice to the loudness of his own."""
    target: LoudnessTarget
    normalisation: Normalisation


def mix_dub(mix: DubMix) -> tuple[Iterator[np.ndarray], MixReport]:
    """The programme's sound, float32 (n, 2) in blocks of up to a second, `length` samples in all, and its levels.

    Outside speech the background is untouched but for the one gain that brings the whole to its loudness. The inputs are
    read three times: for their levels, for the mix's loudness and for the mix; some more where peaks must be limited.
    Raises InvalidInput as `place_blocks`, before anything is read.
    """
    place_blocks(mix.placements, mix.length)
    levels = measure_source(exact_blocks(mix.source(), mix.length), mix.source_spans) if mix.source else None
    gains = speech_gains(mix.placements, levels) if levels else {}
    leveled = replace(mix, placements=[_at_level(placement, gains.get(placement.speaker, 0.0)) for placement in mix.placements])
    target = mix.target or _as_source(levels)
    blocks, done = normalise_blocks(lambda: _mixed(leveled), target)
    return blocks, MixReport(levels, gains, target, done)


def _as_source(levels: SourceLevels | None) -> LoudnessTarget:
    if levels is None or not isfinite(levels.programme.integrated_lufs):
        return WEB
    return LoudnessTarget(levels.programme.integrated_lufs, SOURCE_CEILING_DBTP)


def _at_level(placement: Placement, gain_db: float) -> Placement:
    factor = np.float32(10 ** (gain_db / 20))
    return replace(placement, load=lambda: placement.load() * factor)


def _mixed(mix: DubMix) -> Iterator[np.ndarray]:
    speech = place_blocks(mix.placements, mix.length)
    background = exact_blocks(mix.background(), mix.length) if mix.background else None
    original = [(span.start - HEARD_EARLIER, span.end + HEARD_LATER) for span in mix.source_spans]
    spans = original + [(placement.start, placement.end) for placement in mix.placements]
    gain = DuckingGain(spans if mix.ducked else [], mix.depth_db)
    for begin in range(0, mix.length, BLOCK):
        voice = next(speech)
        sound = np.repeat(voice[:, None], 2, axis=1)
        if background is not None:
            sound += next(background) * gain.of(begin, begin + len(voice))[:, None]
        yield sound
