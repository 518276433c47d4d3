"""The 54 voices of Kokoro-82M v1.0: locale and gender are spelled in the id, "af_heart" is an American female."""

from __future__ import annotations

from services.tts.engine import Gender, Voice

ENGINE_NAME = "kokoro"
WEIGHTS = "kokoro-v1.0-int8"

_LOCALES = {"a": "en-US", "b": "en-GB", "e": "es", "f": "fr", "h": "hi", "i": "it", "j": "ja", "p": "pt-BR", "z": "zh"}
_GENDERS = {"f": Gender.FEMALE, "m": Gender.MALE}

_DEFAULTS = frozenset({"af_heart", "bf_emma", "ef_dora", "ff_siwis", "hf_alpha", "if_sara", "jf_alpha", "pf_dora", "zf_xiaobei"})

_NAMES = {
    "af": "alloy aoede bella heart jessica kore nicole nova river sarah sky",
    "am": "adam echo eric fenrir liam michael onyx puck santa",
    "bf": "alice emma isabella lily",
    "bm": "daniel fable george lewis",
    "ef": "dora",
    "em": "alex santa",
    "ff": "siwis",
    "hf": "alpha beta",
    "hm": "omega psi",
    "if": "sara",
    "im": "nicola",
    "jf": "alpha gongitsune nezumi tebukuro",
    "jm": "kumo",
    "pf": "dora",
    "pm": "alex santa",
    "zf": "xiaobei xiaoni xiaoxiao xiaoyi",
    "zm": "yunjian yunxi yunxia yunyang",
}


_LICENSE = "Apache-2.0"


def _voice(group: str, name: str) -> Voice:
    identifier = f"{group}_{name}"
    locale, gender, is_default = _LOCALES[group[0]], _GENDERS[group[1]], identifier in _DEFAULTS
    return Voice(identifier, locale, gender, ENGINE_NAME, name.capitalize(), is_default, license=_LICENSE, model=WEIGHTS)


VOICES: tuple[Voice, ...] = tuple(_voice(group, name) for group, names in _NAMES.items() for name in names.split())
"""All voices, by locale."""

LOCALES: tuple[str, ...] = tuple(_LOCALES.values())
