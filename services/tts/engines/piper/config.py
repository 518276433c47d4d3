"""A Piper voice's configuration: the `.onnx.json` beside its model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import langcodes

from locutor.errors import InvalidInput

ESPEAK, TEXT = "espeak", "text"
"""What a voice reads: IPA of espeak-ng, or letters."""

_BEGIN, _END, _PAD = "^", "$", "_"


@dataclass(frozen=True)
class VoiceConfig:
    """How a voice wants its input."""

    locale: str
    """BCP 47."""
    sample_rate: int
    """Hz."""
    quality: str
    """ "x_low", "low", "medium" or "high"; empty where it is not told."""
    reads: str
    """`ESPEAK` or `TEXT`."""
    espeak_voice: str
    """espeak-ng's name of the language."""
    ids: Mapping[str, tuple[int, ...]]
    """Of each symbol, a code point, without those of begin, end and pad."""
    begin: tuple[int, ...]
    end: tuple[int, ...]
    pad: tuple[int, ...]
    """Stands behind each symbol."""
    renamed: Mapping[str, str]
    """Symbols that are read as others."""
    speakers: Mapping[str, int]
    """Names and numbers; empty where there is one speaker."""
    noise_scale: float
    """Variation of the sound."""
    noise_width: float
    """Variation of the durations."""
    length_scale: float
    """Length of the durations, as a factor."""

    def known(self, symbols: str) -> str:
        """`symbols`, renamed, without what the voice has no input for."""
        return "".join(new for symbol in symbols for new in self.renamed.get(symbol, symbol) if new in self.ids)


def read_config(path: Path) -> VoiceConfig:
    """Raises `InvalidInput` (field "voice") for what is no configuration of a voice that can be spoken here."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise unusable(path, f"it cannot be read as JSON ({error}); bring the file that came with the model") from error
    try:
        return _config(path, found)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise unusable(path, f"it is no configuration of a Piper voice: {what}") from error


def _config(path: Path, found: dict[str, Any]) -> VoiceConfig:
    reads = found.get("phoneme_type", ESPEAK)
    if reads not in (ESPEAK, TEXT):
        raise unusable(path, f"its phoneme_type is {reads!r}; {ESPEAK!r} and {TEXT!r} can be read")
    ids = {symbol: tuple(int(number) for number in numbers) for symbol, numbers in found["phoneme_id_map"].items()}
    inference = found.get("inference", {})
    espeak_voice = str(found["espeak"]["voice"])
    count = int(found.get("num_speakers", 1))
    named = found.get("speaker_id_map") or {str(number): number for number in range(count)}
    return VoiceConfig(
        locale=_locale(path, found.get("language", {}).get("code") or espeak_voice),
        sample_rate=int(found["audio"]["sample_rate"]),
        quality=str(found["audio"].get("quality", "")),
        reads=reads,
        espeak_voice=espeak_voice,
        ids={symbol: numbers for symbol, numbers in ids.items() if symbol not in (_BEGIN, _END, _PAD)},
        begin=ids[_BEGIN],
        end=ids[_END],
        pad=ids[_PAD],
        renamed={symbol: "".join(new) for symbol, new in found.get("phoneme_map", {}).items()},
        speakers={str(name): int(number) for name, number in named.items()} if count > 1 else {},
        noise_scale=float(inference.get("noise_scale", 0.667)),
        noise_width=float(inference.get("noise_w", 0.8)),
        length_scale=float(inference.get("length_scale", 1.0)),
    )


def _locale(path: Path, code: str) -> str:
    tag = langcodes.standardize_tag(code.replace("_", "-"))
    if not langcodes.Language.get(tag).is_valid():
        raise unusable(path, f"its language {code!r} is no language tag")
    return tag


def unusable(path: Path, problem: str) -> InvalidInput:
    """What is told of a file that an operator brought and that cannot be used."""
    return InvalidInput.of("voice", f"{path.name}: {problem}", "UNUSABLE_VOICE")
