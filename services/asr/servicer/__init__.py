"""What the asr process serves: messages to dataclasses and back."""

from services.asr.servicer.separation import SeparationServicer
from services.asr.servicer.speech import AsrServicer

__all__ = ["AsrServicer", "SeparationServicer"]
