"""The licence of a voice, from the model card that lies beside its model, as Piper's voices have it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

UNKNOWN = "LicenseRef-unknown"

# A line or a heading that speaks of a licence, and what follows: "* License: MIT", "Model licence (weights): MIT".
_LICENSE = re.compile(r"^\W*(?:[\w-]+[ \t]+){0,3}licen[sc]es?\b\W+(.+?)\s*$", re.IGNORECASE | re.MULTILINE)
_FINE_TUNED = re.compile(r"fine[-\s]?tun(?:ed|ing)", re.IGNORECASE)
_FORBIDS = re.compile(r"(?<![a-z])nc(?![a-z])|non-?\s?commercial|research|\bnot\b", re.IGNORECASE)
_FORBIDS_ANYWHERE = re.compile(r"\b(?:BY|CC)[- ]NC\b|non-?\s?commercial", re.IGNORECASE)

_FILLING = re.compile(r"https?://|www\.|creative commons|\b(?:licen[sc]ed?|legalcode|deed|international|unported|the|version|and|en)\b|[^a-z0-9.]+")
"""What stands around the names of licences, in small letters, as in "Creative Commons Attribution 4.0 International License"."""
_SPDX = (
    (r"(?:cc by|attribution|creativecommons.org licenses by) ?(?:4|4.0)|cc by|attribution", "CC-BY-4.0"),
    (r"(?:cc by|attribution|creativecommons.org licenses by) ?(?:3|3.0)", "CC-BY-3.0"),
    (r"(?:cc by sa|attribution sharealike|creativecommons.org licenses by sa) ?(?:4|4.0)|cc by sa|attribution sharealike", "CC-BY-SA-4.0"),
    (r"(?:cc ?0|creativecommons.org publicdomain zero|cc ?zero)(?: 1.0| universal)*|public domain(?: dedication)?", "CC0-1.0"),
    (r"apache(?: 2| 2.0)?", "Apache-2.0"),
    (r"mit", "MIT"),
)
"""Whole names, after what stands around them was left out."""


@dataclass(frozen=True)
class License:
    spdx: str
    commercial_use: bool


def license_of(model: Path) -> License:
    """Of the voice whose model this is, by the file MODEL_CARD (with or without ".md") in its folder, or "<voice>.MODEL_CARD" where several share it.

    Commercial use is allowed where all that the card says of licences are names of some that are known to allow it, and the voice was not fine-tuned from
    another voice, whose recordings have terms of their own. Without a card nothing is known.
    """
    names = (f"{model.stem}.MODEL_CARD", f"{model.stem}.MODEL_CARD.md", "MODEL_CARD", "MODEL_CARD.md")
    card = next((path for name in names if (path := model.with_name(name)).is_file()), None)
    if card is None or (card.name.startswith("MODEL_CARD") and len(list(model.parent.glob("*.onnx"))) > 1):
        return License(UNKNOWN, False)
    return read_license(card.read_text("utf-8", errors="replace"))


def read_license(card: str) -> License:
    """By the text of a model card."""
    written = list(dict.fromkeys(match[1].strip() for match in _LICENSE.finditer(card)))
    named = [_names(line) for line in written]
    if not written:
        return License(UNKNOWN, False)
    if not all(named):
        odd = next(line for line, names in zip(written, named, strict=True) if not names)
        return License("LicenseRef-" + (re.sub(r"[^A-Za-z0-9.]+", "-", odd).strip("-")[:60] or "unknown"), False)
    spdx = " AND ".join(dict.fromkeys(name for names in named for name in names))
    return License(spdx, not _FINE_TUNED.search(card) and not _FORBIDS_ANYWHERE.search(card))


def _names(written: str) -> list[str]:
    """The licences that a line names, all of which allow commercial use; none where it says anything else."""
    if _FORBIDS.search(written):
        return []
    rest = " ".join(_FILLING.sub(" ", written.lower()).split()).strip(" .")
    found: list[str] = []
    while rest:
        begun = [(match.end(), name) for pattern, name in _SPDX if (match := re.match(rf"(?:{pattern})(?= |$)", rest))]
        if not begun:
            return []
        end, name = max(begun)
        found.append(name)
        rest = rest[end:].strip()
    return found
