"""Sharing out a clause's phonemes among its words, where the converter joined or split words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def share_out(joined: str, alone: Sequence[str]) -> list[str]:
    """Cut `joined`, the phonemes of a clause in context, into one piece a word.

    `alone` holds each word's phonemes said by itself. The cut is the one of least edit distance between `joined` and
    their concatenation, so that "ɔnðə" is cut into "ɔn" and "ðə".
    """
    target = "".join(joined.split(" "))
    source = "".join(alone)
    owner = [index for index, phonemes in enumerate(alone) for _ in phonemes]
    rows, columns = len(target) + 1, len(source) + 1
    cost = np.zeros((rows, columns), dtype=np.int32)
    cost[:, 0] = np.arange(rows)
    cost[0, :] = np.arange(columns)
    for i in range(1, rows):
        for j in range(1, columns):
            step = cost[i - 1, j - 1] + (target[i - 1] != source[j - 1])
            cost[i, j] = min(step, cost[i - 1, j] + 1, cost[i, j - 1] + 1)
    pieces = [""] * len(alone)
    i, j = rows - 1, columns - 1
    while i > 0:
        word = owner[min(max(j - 1, 0), len(owner) - 1)] if owner else 0
        if j > 0 and cost[i, j] == cost[i - 1, j - 1] + (target[i - 1] != source[j - 1]):
            pieces[word] = target[i - 1] + pieces[word]
            i, j = i - 1, j - 1
        elif cost[i, j] == cost[i - 1, j] + 1:
            pieces[word] = target[i - 1] + pieces[word]
            i -= 1
        else:
            j -= 1
    return pieces
