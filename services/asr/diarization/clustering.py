"""Grouping embeddings by voice: average linkage, first within a run of them, then over all.

The similarity of two groups is the mean cosine over all their pairs. It does not depend on how large the groups are, and is the product of
their mean vectors, so that groups join without going back to their members.
"""

from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

SAME_VOICE = 0.62
"""Groups of windows that are at least so similar are one speaker: mean cosine of windows of 1.6 s. Of ten synthetic voices, groups of one voice
were at 0.64 and more, of two voices at 0.59 and less, but for two women of one maker (0.71) whom only a given number tells apart."""
STRANGER = 0.42
"""Mean cosine of windows of two different voices."""

_RUN = 400
"""Windows that are compared each with each: time and memory stay in proportion to the recording."""
_SURELY_SAME = 0.72
"""Within a run, groups are joined down to this; about the mean cosine of windows of one voice."""
_ROUNDS = 10
"""Each window goes to the nearest speaker, and speakers to the middle of their windows, at most so often."""


def cluster(embeddings: np.ndarray, weights: np.ndarray, speaker_count: int, least_weight: float) -> np.ndarray:
    """(k, d) float32, unit rows: the mean voice of each speaker.

    `embeddings`: (n, d), n at least 1, unit rows, in order of time; `weights`: (n,), how much speech each stands for. With
    `speaker_count` 0 their number is estimated. A group of less than `least_weight` is no speaker of its own, unless their number is given or
    there is no other.
    """
    sums, counts, sizes = _groups(embeddings, weights)
    levels = _merged(sums, counts, sizes)
    labels = _level(levels, sizes, speaker_count, least_weight)
    by_size = sorted(np.unique(labels), key=lambda label: -sizes[labels == label].sum())
    chosen = by_size[:speaker_count] if speaker_count else [label for label in by_size if sizes[labels == label].sum() >= least_weight] or by_size[:1]
    return _refined(embeddings, weights, _unit(np.stack([sums[labels == label].sum(axis=0) for label in chosen])))


def _groups(embeddings: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Groups that are surely one voice: sums of their embeddings (m, d), their counts (m,) and weights (m,)."""
    sums, counts, sizes = [], [], []
    for at in range(0, len(embeddings), _RUN):
        run, heavy = embeddings[at : at + _RUN], weights[at : at + _RUN]
        labels = fcluster(linkage(run, "average", "cosine"), 1 - _SURELY_SAME, "distance") if len(run) > 1 else np.ones(1, int)
        for label in np.unique(labels):
            sums.append(run[labels == label].sum(axis=0))
            counts.append(int((labels == label).sum()))
            sizes.append(float(heavy[labels == label].sum()))
    return np.stack(sums).astype(np.float64), np.array(counts, float), np.array(sizes)


def _merged(sums: np.ndarray, counts: np.ndarray, sizes: np.ndarray) -> list[tuple[float, np.ndarray]]:
    """The groups' labels after each merge of the two most similar, with the similarity at which they merged; first: before any."""
    sums, counts = sums.copy(), counts.copy()
    labels = np.arange(len(sums))
    similar = (sums @ sums.T) / np.outer(counts, counts)
    np.fill_diagonal(similar, -np.inf)
    levels = [(np.inf, labels.copy())]
    for _ in range(len(sums) - 1):
        one, other = np.unravel_index(similar.argmax(), similar.shape)
        height = float(similar[one, other])
        labels[labels == other] = one
        sums[one] += sums[other]
        counts[one] += counts[other]
        alive = np.isfinite(similar[one])
        alive[other] = False
        similar[other, :] = similar[:, other] = -np.inf
        row = np.where(alive, (sums @ sums[one]) / (counts * counts[one]), -np.inf)
        similar[one, :] = similar[:, one] = row
        levels.append((height, labels.copy()))
    return levels


def _level(levels: list[tuple[float, np.ndarray]], sizes: np.ndarray, speaker_count: int, least_weight: float) -> np.ndarray:
    if speaker_count == 0:
        return [labels for height, labels in levels if height >= SAME_VOICE][-1]
    for _, labels in reversed(levels):
        if sum(sizes[labels == label].sum() >= least_weight for label in np.unique(labels)) >= speaker_count:
            return labels
    # So many do not speak long enough: as many groups as asked for, however short.
    return levels[max(0, len(levels) - speaker_count)][1]


def _refined(embeddings: np.ndarray, weights: np.ndarray, voices: np.ndarray) -> np.ndarray:
    nearest = None
    for _ in range(_ROUNDS):
        before, nearest = nearest, (embeddings @ voices.T).argmax(axis=1)
        if before is not None and np.array_equal(before, nearest):
            break
        groups = [(embeddings[nearest == k] * weights[nearest == k, None]).sum(axis=0) for k in range(len(voices))]
        voices = np.stack([_unit(group) if group.any() else voice for group, voice in zip(groups, voices, strict=True)])
    return voices.astype(np.float32)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
