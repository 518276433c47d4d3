"""Checkpoints of OpenAI's Whisper as its package saves them: of a real size's dimensions, with random weights, and with a decoder that recites.

What it hears changes nothing of what it says: its layers add nothing to the position's own vector, which is that of the token to come. Its encoder, and the
attention by which words are placed in time, are random.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from whisper.model import ModelDimensions, Whisper
from whisper.tokenizer import get_tokenizer

TINY = ModelDimensions(80, 1500, 384, 6, 4, 51865, 448, 384, 6, 4)
BASE = ModelDimensions(80, 1500, 512, 8, 6, 51865, 448, 512, 8, 6)
"""mels, then context, width, heads and layers of the encoder, the vocabulary, and the same of the decoder."""

_LANGUAGES = 99
_PROMPT = 3
"""Tokens before the text: start of transcript, language, task."""
_LOUD = 20.0
"""How much the token to come weighs against the one that was."""


def recite(path: Path, text: str, end_s: float, language: str = "es", dims: ModelDimensions = TINY) -> Path:
    """Save a checkpoint that hears, whatever it hears, `text` from 0 s to `end_s` in `language`."""
    torch.manual_seed(0)
    model = Whisper(dims)
    tokenizer = get_tokenizer(True, num_languages=_LANGUAGES, language=language, task="transcribe")
    said = [tokenizer.timestamp_begin, *tokenizer.encode(text), tokenizer.timestamp_begin + round(end_s / 0.02), tokenizer.eot]
    with torch.no_grad():
        model.decoder.token_embedding.weight.normal_()
        _silence(model)
        model.decoder.positional_embedding.copy_(_LOUD * _vectors(model, [tokenizer.to_language_token(language), tokenizer.transcribe, *said], tokenizer.eot))
    torch.save({"dims": asdict(dims), "model_state_dict": model.state_dict()}, path)
    return path


def _silence(model: Whisper) -> None:
    """Nothing that the decoder's layers find out reaches its words."""
    for block in model.decoder.blocks:
        for last in (block.attn.out, block.cross_attn.out, block.mlp[2]):
            last.weight.zero_()
            last.bias.zero_()


def _vectors(model: Whisper, tokens: Sequence[int], after: int) -> torch.Tensor:
    """(positions, width): of the token that follows on each position, and of `after` from the last on."""
    positions = model.decoder.positional_embedding.shape[0]
    following = [*tokens, *[after] * positions][:positions]
    return model.decoder.token_embedding.weight[following]
