"""Models of Coqui's, tiny and with random weights, made as its own package saves them: what they speak is noise of the right length."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import BPE
from TTS.tts.configs.vits_config import VitsConfig
from TTS.tts.configs.xtts_config import XttsArgs, XttsConfig
from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer
from TTS.tts.models.vits import CharactersConfig, Vits, VitsArgs
from TTS.tts.models.xtts import Xtts

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


def xtts(folder: Path, languages: tuple[str, ...] = ("en", "es", "zh-cn"), longest: int = 60) -> Path:
    """Save an XTTS whose speech lasts at most `longest` steps of 46 ms: with random weights it does not know when to end."""
    torch.manual_seed(0)
    folder.mkdir(parents=True)
    letters = ["[STOP]", "[UNK]", "[SPACE]", "[START]", *(f"[{language}]" for language in languages), *"abcdefghijklmnopqrstuvwxyzáéíóúñü',.!?-"]
    tokenizer = Tokenizer(BPE(vocab={token: number for number, token in enumerate(letters)}, merges=[], unk_token="[UNK]"))
    tokenizer.add_special_tokens([token for token in letters if len(token) > 1])
    tokenizer.save(str(folder / "vocab.json"))
    arguments = XttsArgs(
        tokenizer_file=str(folder / "vocab.json"),
        gpt_layers=1,
        gpt_n_model_channels=64,
        gpt_n_heads=2,
        gpt_max_audio_tokens=longest,
        gpt_num_audio_tokens=1026,
        gpt_start_audio_token=1024,
        gpt_stop_audio_token=1025,
        gpt_use_masking_gt_prompt_approach=True,
        gpt_use_perceiver_resampler=True,
        decoder_input_dim=64,
    )
    config = XttsConfig(model_args=arguments, languages=list(languages))
    model = Xtts(config)
    model.tokenizer = VoiceBpeTokenizer(vocab_file=str(folder / "vocab.json"))
    model.init_models()
    config.save_json(str(folder / "config.json"))
    torch.save({"model": model.state_dict()}, folder / "model.pth")
    return folder
