"""The licence of a voice, from the model card that Piper's voices come with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

UNKNOWN = "LicenseRef-unknown"

_LICENSE = re.compile(r"^\W*licen[sc]e\W+(.+?)\s*$", re.IGNORECASE | re.MULTILINE)
_FINE_TUNED = re.compile(r"fine-?\s?tuned from", re.IGNORECASE)

# What a card says, from the most special to the most general: CC BY-NC before CC BY.
_SPDX = (
    (r"creativecommons\.org/licenses/by/4|cc[ -]by[ -]?4|^cc[ -]by$|attribution 4", "CC-BY-4.0"),
    (r"creativecommons\.org/licenses/by/3|cc[ -]by[ -]?3", "CC-BY-3.0"),
    (r"creativecommons\.org/licenses/by-sa/4|cc[ -]by[ -]sa[ -]?4|^cc[ -]by[ -]sa$", "CC-BY-SA-4.0"),
    (r"cc-?0|creativecommons\.org/publicdomain/zero|public domain", "CC0-1.0"),
    (r"apache", "Apache-2.0"),
    (r"\bmit\b", "MIT"),
)


@dataclass(frozen=True)
class License:
    spdx: str
    commercial_use: bool


def license_of(model: Path) -> License:
    """Of the voice whose model this is, by the file MODEL_CARD (with or without ".md") in its folder, or "<voice>.MODEL_CARD" where several share it.

    Commercial use is allowed where the card names a licence that is known to allow it, and the voice was not fine-tuned from another voice, whose
    recordings have terms of their own. Without a card nothing is known.
    """
    names = (f"{model.stem}.MODEL_CARD", f"{model.stem}.MODEL_CARD.md", "MODEL_CARD", "MODEL_CARD.md")
    card = next((path for name in names if (path := model.with_name(name)).is_file()), None)
    if card is None or (card.name.startswith("MODEL_CARD") and len(list(model.parent.glob("*.onnx"))) > 1):
        return License(UNKNOWN, False)
    text = card.read_text("utf-8", errors="replace")
    written = _LICENSE.search(text)
    if written is None:
        return License(UNKNOWN, False)
    spdx = next((name for pattern, name in _SPDX if re.search(pattern, written[1].strip(), re.IGNORECASE)), "")
    if not spdx:
        return License("LicenseRef-" + (re.sub(r"[^A-Za-z0-9.]+", "-", written[1]).strip("-")[:60] or "unknown"), False)
    return License(spdx, not _FINE_TUNED.search(text))
