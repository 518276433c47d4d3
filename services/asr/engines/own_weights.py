"""Whisper's weights that an operator brings: where they lie, what they are, and what may be done with them."""

from __future__ import annotations

import os
from pathlib import Path

from services.weights import ModelStore

FOLDER_VARIABLE = "LOCUTOR_WHISPER_MODELS"
"""Environment variable: the folder with an operator's Whispers, by default `whisper` in the model store. In it, a folder is CTranslate2's (model.bin,
config.json, tokenizer.json, a vocabulary), for faster-whisper; a file ending in .pt is a checkpoint for openai-whisper."""
LICENSE_VARIABLE = "LOCUTOR_WHISPER_LICENSE"
COMMERCIAL_VARIABLE = "LOCUTOR_WHISPER_COMMERCIAL_USE"
"""The licence (SPDX) of weights that are not OpenAI's own, or not known to be, and "1" where it allows commercial use."""


def whisper_folder(store: ModelStore) -> Path:
    """Where the operator's weights lie; it need not be there."""
    return Path(os.environ.get(FOLDER_VARIABLE) or store.root / "whisper").expanduser()


def stated_license() -> tuple[str, bool]:
    """The licence that the operator states for the weights that he brings, and whether it allows commercial use."""
    return os.environ.get(LICENSE_VARIABLE, ""), os.environ.get(COMMERCIAL_VARIABLE) == "1"
