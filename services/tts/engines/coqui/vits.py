"""A VITS model of Coqui's, loaded: from chunks of text to their durations and their sound."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from TTS.config import load_config
from TTS.tts.models.vits import Vits
from TTS.tts.utils.text.characters import BaseCharacters, Graphemes, IPAPhonemes
from TTS.tts.utils.text.tokenizer import TTSTokenizer
from TTS.utils.generic_utils import import_class

from locutor.errors import MissingWeights
from services.devices import Device
from services.tts.chunks import Chunk, chunks_of
from services.tts.engines.coqui.catalog import CoquiModel, Speaker, brief
from services.tts.engines.coqui.noise import equal_noise
from services.tts.engines.coqui.symbols import Alphabet, g2p_of, input_of
from services.tts.loudness import levelled
from services.tts.model_input import Input
from services.tts.normalize.reader import reader_for
from services.tts.pauses import timed
from services.tts.speech import Spoken, breaths_of
from services.tts.timing import sounds_of


@dataclass(frozen=True)
class _Foreseen:
    """A chunk, as far as it is known before it is spoken."""

    chunk: Chunk
    input: Input
    raw_frames: np.ndarray
    """(ids,) float32, at rate 1, before they are rounded up."""


class LoadedVits:
    """Safe to call from several threads."""

    def __init__(self, model: CoquiModel, device: Device) -> None:
        """Raises `MissingWeights` where its files are no such model."""
        self._device = torch.device(str(device))
        self._model, self._alphabet = _load(model)
        self._model.to(self._device)
        self._length_scale = float(self._model.length_scale)
        self._frame_samples = int(self._model.config.audio.hop_length)
        self.sample_rate = int(self._model.config.audio.sample_rate)

    def chunks(self, text: str, locale: str) -> list[Chunk]:
        """What is spoken of a text, in order; nothing where it has no words."""
        reader = reader_for(locale)
        return chunks_of(text, reader, g2p_of(locale, reader), shortest=0)

    def foresee(self, chunks: Sequence[Chunk], speaker: Speaker) -> Callable[[float], float]:
        """How long chunks last at a rate, exactly; at a small part of the cost of speaking."""
        foreseen = [self._foresee(chunk, speaker) for chunk in chunks]

        def duration_s(rate: float) -> float:
            frames = sum(int(self._frames(each, rate).sum()) + sum(self._breaths(each.chunk, rate)) for each in foreseen)
            return frames * self._frame_samples / self.sample_rate

        return duration_s

    def speak(self, chunk: Chunk, speaker: Speaker, rate: float) -> Spoken:
        foreseen = self._foresee(chunk, speaker)
        frames = self._frames(foreseen, rate)
        with equal_noise(self._device), torch.inference_mode():
            ids = torch.tensor([foreseen.input.ids], device=self._device)
            durations = torch.tensor(frames[None], dtype=torch.float32, device=self._device)
            sound = self._model.inference(ids, {**self._conditions(speaker, len(foreseen.input.ids)), "durations": durations})["model_outputs"][0, 0]
        spoken = levelled(sound.float().cpu().numpy(), self.sample_rate)
        before, behind = self._breaths(chunk, rate)
        audio = np.pad(spoken, (before * self._frame_samples, behind * self._frame_samples))
        bounds_s = foreseen.input.bounds_s(frames, self._frame_samples / self.sample_rate)
        lead_s = before * self._frame_samples / self.sample_rate
        edges = [0.0, *(bound + lead_s for bound in bounds_s[1:-1]), len(audio) / self.sample_rate]
        return audio, timed(sounds_of(chunk.symbols, edges), audio, self.sample_rate)

    def _foresee(self, chunk: Chunk, speaker: Speaker) -> _Foreseen:
        given = input_of(chunk, self._alphabet)
        with equal_noise(self._device), torch.inference_mode():
            return _Foreseen(chunk, given, self._raw_frames(given.ids, speaker))

    def _conditions(self, speaker: Speaker, length: int) -> dict[str, Any]:
        """The model's further inputs, for one text of so many ids."""
        model = self._model
        speaker_id = model.speaker_manager.name_to_id[speaker.name] if speaker.name else None
        language_id = model.language_manager.name_to_id[speaker.language] if speaker.language else None

        def tensor(number: int | None) -> torch.Tensor | None:
            return None if number is None else torch.tensor([number], device=self._device)

        return {"x_lengths": tensor(length), "d_vectors": None, "speaker_ids": tensor(speaker_id), "language_ids": tensor(language_id), "durations": None}

    def _raw_frames(self, ids: Sequence[int], speaker: Speaker) -> np.ndarray:
        """What the model's own inference does first, up to the durations."""
        model, given = self._model, self._conditions(speaker, len(ids))
        voice = model._get_speaker_conditioning(given, "emb_g", normalize_embedding=False)
        language = None if given["language_ids"] is None else model.emb_l(given["language_ids"]).unsqueeze(-1)
        encoded, _, _, mask = model.text_encoder(torch.tensor([ids], device=self._device), given["x_lengths"], lang_emb=language)
        conditions = {"g": voice if model.args.condition_dp_on_speaker else None, "lang_emb": language}
        if model.args.use_sdp:
            conditions |= {"reverse": True, "noise_scale": model.inference_noise_scale_dp}
        return (torch.exp(model.duration_predictor(encoded, mask, **conditions)) * mask)[0, 0].float().cpu().numpy()

    def _frames(self, foreseen: _Foreseen, rate: float) -> np.ndarray:
        """(ids,) int: the model's own rounding up."""
        return np.ceil(foreseen.raw_frames * np.float32(self._length_scale / rate)).astype(np.int64)

    def _breaths(self, chunk: Chunk, rate: float) -> tuple[int, int]:
        """In frames."""
        return breaths_of(chunk, rate, self.sample_rate / self._frame_samples)


def _load(model: CoquiModel) -> tuple[Vits, Alphabet]:
    try:
        config = load_config(str(model.folder / "config.json"))
        _use_files_beside(config, model.folder)
        phonemes = bool(config.use_phonemes)
        kind = _characters(config, phonemes)
        _, config = kind.init_from_config(config)
        config.characters.characters_class = f"{kind.__module__}.{kind.__name__}"
        # The package's own phonemiser would run espeak-ng as a program; ours has read the text by then.
        config.use_phonemes = False
        loaded = Vits(config)
        loaded.load_checkpoint(config, str(model.checkpoint), eval=True)
    except Exception as error:
        # A file of somebody else's may be wrong in any way, and PyTorch refuses what would run as code.
        raise MissingWeights(f"{model.folder.name} cannot be loaded as a VITS model of Coqui's ({type(error).__name__}: {brief(error)})") from error
    return loaded, _alphabet(loaded.tokenizer, phonemes)


def _use_files_beside(config: Any, folder: Path) -> None:
    """The configuration has the paths of the machine that the model was trained on, and a network that only training needs."""
    for name, file in (("speakers_file", "speakers.pth"), ("speakers_file", "speaker_ids.json"), ("language_ids_file", "language_ids.json")):
        if (folder / file).is_file():
            config.model_args[name] = config[name] = str(folder / file)
    config.model_args.use_speaker_encoder_as_loss = False
    config.model_args.speaker_encoder_model_path = ""


def _characters(config: Any, phonemes: bool) -> type[BaseCharacters]:
    """The alphabet that the package itself would take."""
    named = config.characters.characters_class if config.characters else None
    found: type[BaseCharacters] = import_class(named) if named else IPAPhonemes if phonemes else Graphemes
    return found


def _alphabet(tokenizer: TTSTokenizer, phonemes: bool) -> Alphabet:
    characters = tokenizer.characters
    ids = {symbol: characters.char_to_id(symbol) for symbol in characters.vocab if len(symbol) == 1}
    blank = tokenizer.blank_id if tokenizer.add_blank else None
    begin, end = (characters.bos_id, characters.eos_id) if tokenizer.use_eos_bos else (None, None)
    return Alphabet(ids, phonemes, blank, begin, end)
