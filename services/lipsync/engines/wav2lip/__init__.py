"""Wav2Lip, with a checkpoint that the operator brings."""

from services.lipsync.engines.wav2lip.engine import Wav2LipEngine

__all__ = ["Wav2LipEngine"]
