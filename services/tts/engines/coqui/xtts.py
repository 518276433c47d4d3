"""XTTS, loaded: speech in the voice of a recording, in each of its languages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

import numpy as np
import soundfile
import torch
from langcodes import Language
from TTS.config import load_config
from TTS.tts.models.xtts import Xtts

from locutor.errors import InvalidInput, MissingWeights
from services.articulation.estimator import VisemeEstimator
from services.devices import Device
from services.tts.alignment import align
from services.tts.chunks import Chunk, chunks_of, cut, letters_of
from services.tts.engines.coqui.catalog import CoquiModel, Speaker, brief
from services.tts.engines.coqui.noise import equal_noise
from services.tts.engines.coqui.references import Reference, read_reference
from services.tts.engines.coqui.symbols import g2p_of
from services.tts.loudness import levelled
from services.tts.normalize.reader import reader_for
from services.tts.speech import Spoken

_LONGEST_LETTERS = 250
"""As the package itself takes it, where it knows no limit of a language."""
_LEAST_REFERENCE_S = 3.0
"""Coqui asks for 6 s; under this the voice is anybody's."""
_HEARD_S = 30.0
"""As much of a recording is listened to."""
_SHOWN_S = 6
"""In pieces of so many whole seconds."""


class LoadedXtts:
    """Safe to call from several threads, of which one speaks at a time."""

    def __init__(self, model: CoquiModel, device: Device) -> None:
        """Raises `MissingWeights` where its files are no such model."""
        self._device = torch.device(str(device))
        self._model = _load(model).to(self._device)
        self.sample_rate = int(self._model.args.output_sample_rate)
        self._estimator = VisemeEstimator()
        self._heard: dict[tuple[str, int], tuple[torch.Tensor, torch.Tensor]] = {}
        self._lock = Lock()

    def chunks(self, text: str, locale: str) -> list[Chunk]:
        """What is spoken of a text, in order; nothing where it has no words."""
        reader = reader_for(locale)
        longest = self._model.tokenizer.char_limits.get(Language.get(locale).language, _LONGEST_LETTERS)
        return [part for chunk in chunks_of(text, reader, g2p_of(locale, reader)) for part in cut(chunk, longest, letters_of)]

    def foresee(self, chunks: Sequence[Chunk], speaker: Speaker) -> Callable[[float], float]:
        """How long chunks last at a rate: what they are spoken from is stretched, so in proportion.

        As costly as speaking: XTTS does not know how long it will speak before it has.
        """
        natural_s = sum(len(self._sound(chunk, speaker, 1.0)) for chunk in chunks) / self.sample_rate
        return lambda rate: natural_s / rate

    def speak(self, chunk: Chunk, speaker: Speaker, rate: float) -> Spoken:
        audio = levelled(self._sound(chunk, speaker, rate), self.sample_rate)
        return audio, align(chunk.symbols, audio, self.sample_rate, self._estimator)

    def _sound(self, chunk: Chunk, speaker: Speaker, rate: float) -> np.ndarray:
        """(samples,) float32."""
        assert speaker.reference is not None
        with self._lock:
            manner, timbre = self._voice_of(speaker.reference)
            with equal_noise(self._device):
                return np.asarray(self._model.inference(chunk.spoken, speaker.language, manner, timbre, speed=rate)["wav"], np.float32)

    def _voice_of(self, reference: Reference) -> tuple[torch.Tensor, torch.Tensor]:
        """What the model's two parts need to know of a voice. Raises `InvalidInput` for a recording that is none, is too short, or has lost its consent."""
        read_reference(reference.path)
        key = str(reference.path), reference.path.stat().st_mtime_ns
        if key not in self._heard:
            samples, sample_rate = _recording(reference)
            manner = self._model.get_gpt_cond_latents(samples, sample_rate, length=int(_HEARD_S), chunk_length=_SHOWN_S)
            self._heard[key] = manner, self._model.get_speaker_embedding(samples, sample_rate)
        return self._heard[key]


def _recording(reference: Reference) -> tuple[torch.Tensor, int]:
    """(1, n) and samples per second."""
    try:
        samples, sample_rate = soundfile.read(reference.path, dtype="float32", always_2d=True)
    except soundfile.SoundFileError as error:
        raise InvalidInput.of("voice", f"{reference.path.name} cannot be read as a recording ({error}); bring a WAV file", "UNUSABLE_VOICE") from error
    length_s = len(samples) / sample_rate
    if length_s < _LEAST_REFERENCE_S:
        raise InvalidInput.of(
            "voice", f"{reference.path.name} lasts {length_s:.1f} s; a voice is cloned from {_LEAST_REFERENCE_S:g} s and more", "UNUSABLE_VOICE"
        )
    heard = samples[: int(_HEARD_S * sample_rate)].mean(axis=1)
    return torch.from_numpy(heard)[None], int(sample_rate)


def _load(model: CoquiModel) -> Any:
    try:
        config = load_config(str(model.folder / "config.json"))
        loaded = Xtts(config)
        loaded.load_checkpoint(config, checkpoint_dir=str(model.folder), eval=True)
    except Exception as error:
        # A file of somebody else's may be wrong in any way, and PyTorch refuses what would run as code.
        raise MissingWeights(f"{model.folder.name} cannot be loaded as an XTTS model ({type(error).__name__}: {brief(error)})") from error
    return loaded
