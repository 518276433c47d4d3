"""Dubbed speech and what is kept of the original sound, put together to a programme's sound, any stretch of it by itself.

Each stretch is made of what lies in it and right beside it, and of gains that hold for the whole; so the stretches of a
programme, made apart, are the programme, and where something is changed only those near to it are made again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from media.aac_pieces import AFTER, WARM_UP
from media.clock import seconds_to_samples
from media.ducking import DEPTH_DB, DuckingGain
from media.limiter import Limiter
from media.loudness_profile import energies_of
from media.place import Placement, place_stretch
from media.sound_pieces import PIECE
from media.speech_level import SpeechSpan
from media.true_peak import DELAY, TruePeakEnvelope

HEARD_EARLIER = seconds_to_samples(0.12)
"""Samples that the original voice may begin before, and go on after, what recognition says: on real speech its words
ended up to 0.2 s and began up to 0.07 s inside the voice's own sound. What is not ducked there is heard as a scrap of the other language."""
HEARD_LATER = seconds_to_samples(0.25)

SoundReader = Callable[[int, int], np.ndarray]
"""Gives samples [begin, end) of a sound, counted at 48 kHz from the programme's first: float32 (n, 2), silence where it has ended."""


@dataclass(frozen=True)
class DubMix:
    """What a dubbed programme's sound is made of."""

    length: int
    """Samples at 48 kHz: the picture's."""
    placements: Sequence[Placement]
    """The dubbed speech, each at the level that it is to have."""
    background: SoundReader | None
    """Music and effects, what a separation left, or the original sound; None: nothing but the speech."""
    ducked: bool
    """The background has the original voices in it and steps back while either those or the dubbed ones speak."""
    source_spans: Sequence[SpeechSpan] = ()
    """Where the source speaks."""
    depth_db: float = DEPTH_DB

    @cached_property
    def gain(self) -> DuckingGain:
        """Of the background."""
        if not self.ducked:
            return DuckingGain([])
        original = [(span.start - HEARD_EARLIER, span.end + HEARD_LATER) for span in self.source_spans]
        return DuckingGain([*original, *((placement.start, placement.end) for placement in self.placements)], self.depth_db)

    def stretch(self, begin: int, end: int) -> np.ndarray:
        """Samples [begin, end) of the mix before it is brought to its loudness, float32 (n, 2)."""
        voice = place_stretch(self.placements, begin, end)
        sound = np.repeat(voice[:, None], 2, axis=1)
        if self.background is not None:
            sound += self.background(begin, end) * self.gain.of(begin, end)[:, None]
        return sound


@dataclass(frozen=True)
class MixPiece:
    """One of the pieces in which a programme's sound is made. Positions are samples of the programme."""

    begin: int
    end: int
    """One past the last."""
    heard_from: int
    """What comes before it is needed from here on, for what remembers: loudness, limiter, coder."""
    heard_until: int
    """What comes after it is needed up to here."""

    @property
    def lead(self) -> int:
        return self.begin - self.heard_from

    @property
    def length(self) -> int:
        return self.end - self.begin


@dataclass(frozen=True)
class PieceLevels:
    """How loud a piece is before it is brought to the programme's loudness."""

    energies: np.ndarray
    """Its profile, as `media.loudness_profile` has it."""
    peak: float
    """True peak over full scale, of all that is heard for it."""


@dataclass(frozen=True)
class FinishedPiece:
    sound: np.ndarray
    """float32 (n, 2): all that is heard for it."""
    energies: np.ndarray
    peak: float
    """True peak over full scale, of the piece alone."""
    limited_db: float
    """The limiter's greatest reduction."""


def cut_mix(length: int) -> list[MixPiece]:
    """The pieces of a programme of `length` samples."""
    starts = range(0, length, PIECE)
    return [MixPiece(begin, min(begin + PIECE, length), max(0, begin - WARM_UP), min(length, begin + PIECE + AFTER)) for begin in starts]


def piece_inputs(mix: DubMix, piece: MixPiece) -> dict[str, Any]:
    """All that the piece's sound depends on but for the samples of the background, as JSON: voices, places and gains, counted from its beginning."""
    near = [place for place in mix.placements if place.end > piece.heard_from and place.start < piece.heard_until]
    return {
        "samples": [piece.lead, piece.length, piece.heard_until - piece.begin],
        "voices": [[place.start - piece.begin, place.length, place.content] for place in near],
        "depth_db": mix.depth_db,
        "ducked": mix.gain.knots(piece.heard_from, piece.heard_until, piece.begin),
    }


def measure_piece(mix: DubMix, piece: MixPiece) -> PieceLevels:
    sound = mix.stretch(piece.heard_from, piece.heard_until)
    return PieceLevels(_energies(sound, piece), _peak(sound))


def finish_piece(mix: DubMix, piece: MixPiece, gain_db: float, ceiling_dbtp: float) -> FinishedPiece:
    """The piece at the programme's loudness, its peaks under the ceiling."""
    limiter = Limiter(ceiling_dbtp)
    raised = mix.stretch(piece.heard_from, piece.heard_until) * np.float32(10 ** (gain_db / 20))
    sound = np.concatenate([limiter.process(raised), limiter.flush()])
    return FinishedPiece(sound, _energies(sound, piece), _peak(sound[piece.lead : piece.lead + piece.length]), limiter.deepest_db)


def _energies(sound: np.ndarray, piece: MixPiece) -> np.ndarray:
    return energies_of([sound[: piece.lead + piece.length]], skip=piece.lead)


def _peak(sound: np.ndarray) -> float:
    envelope, peak = TruePeakEnvelope(), 0.0
    for block in (*np.array_split(sound, max(1, len(sound) // PIECE * 32)), np.zeros((DELAY, 2), np.float32)):
        if len(block):
            peak = max(peak, float(envelope.push(block, floor=peak).max()))
    return peak
