"""Models of Coqui's, tiny and with random weights, made as its own package saves them: what they speak is noise of the right length."""

from __future__ import annotations

from pathlib import Path

import torch
from TTS.tts.configs.vits_config import VitsConfig
from TTS.tts.models.vits import CharactersConfig, Vits, VitsArgs

IPA = "abcdefghijklmnopqrstuvwxyzæðŋɐɑɒɔəɚɛɜɡɪɹɾʃʊʌʒˈˌːθᵻ"
SPANISH = "abcdefghijklmnopqrstuvwxyzáéíóúñü¿¡"


def vits(folder: Path, *, phonemes: bool = True, speakers: tuple[str, ...] = (), card: str = "", seed: int = 0) -> Path:
    """Save a model into `folder`, which is made. It reads IPA of English, or letters of Spanish."""
    torch.manual_seed(seed)
    letters = CharactersConfig(
        characters_class="TTS.tts.models.vits.VitsCharacters",
        pad="_",
        punctuations=" ,.!?;:-",
        characters=IPA if phonemes else SPANISH,
        phonemes="",
        blank="<BLNK>",
        is_unique=False,
        is_sorted=True,
    )
    arguments = VitsArgs(
        hidden_channels=32,
        hidden_channels_ffn_text_encoder=32,
        num_layers_text_encoder=1,
        num_layers_flow=2,
        num_layers_posterior_encoder=1,
        upsample_initial_channel_decoder=32,
        use_speaker_embedding=bool(speakers),
        speaker_embedding_channels=16,
        init_discriminator=False,
    )
    config = VitsConfig(
        model_args=arguments,
        characters=letters,
        use_phonemes=phonemes,
        phonemizer="espeak" if phonemes else None,
        phoneme_language="en-us" if phonemes else None,
        text_cleaner="phoneme_cleaners" if phonemes else "multilingual_cleaners",
        add_blank=True,
        speakers=list(speakers) or None,
        use_speaker_embedding=bool(speakers),
    )
    config.use_phonemes = False
    model = Vits(config)
    config.use_phonemes = phonemes
    folder.mkdir(parents=True)
    config.save_json(str(folder / "config.json"))
    torch.save({"model": model.state_dict()}, folder / "model.pth")
    if card:
        (folder / "MODEL_CARD").write_text(card)
    return folder
