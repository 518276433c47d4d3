"""What a style changes in the statistics of a performance."""

from __future__ import annotations

from dataclasses import dataclass

from services.lipsync.engine import Style


@dataclass(frozen=True)
class Manner:
    """Factors on what is natural, 1 unless said otherwise; shares are of stressed vowels."""

    nod_share: float = 0.75
    """How many stressed vowels nod."""
    nod_size: float = 1.0
    sway: float = 1.0
    """Size of the head's slow motion."""
    tempo: float = 1.0
    """Of the head's slow motion."""
    brow_share: float = 0.4
    """How many stressed vowels may raise the brows."""
    brow_size: float = 1.0
    brow_rest: float = 0.0
    """Height at which the brows rest, in interpupillary distances over the portrait's own."""
    blink_gap: float = 1.0
    """Of the time between blinks."""
    gaze: float = 1.0
    """Of how far and how often the eyes leave the viewer."""
    smile: float = 0.0
    """0 to 1: how much of a smile the face rests in."""
    opening: float = 1.0
    """Of lips and jaw in speech."""
    width: float = 1.0
    """Of how far sounds spread and narrow the mouth."""


MANNERS: dict[Style, Manner] = {
    Style.NEUTRAL: Manner(),
    Style.FRIENDLY: Manner(
        nod_share=0.95, nod_size=0.85, sway=1.1, brow_share=0.5, brow_size=1.15, brow_rest=0.004, blink_gap=0.95, smile=0.38, width=1.08
    ),
    Style.SERIOUS: Manner(
        nod_share=0.45, nod_size=0.75, sway=0.6, tempo=0.85, brow_share=0.2, brow_size=0.7, brow_rest=-0.014, blink_gap=1.15, gaze=0.6, opening=0.96, width=0.95
    ),
    Style.ENERGETIC: Manner(
        nod_share=0.9, nod_size=1.45, sway=1.35, tempo=1.3, brow_share=0.6, brow_size=1.4, brow_rest=0.004, blink_gap=0.88, gaze=1.15, smile=0.15,
        opening=1.1, width=1.2,
    ),
}  # fmt: skip
