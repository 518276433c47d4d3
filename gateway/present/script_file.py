"""A locale's texts as a script: for a person to read and change before they are said, and to be read again as any script."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.present.cues import carried
from gateway.script import PARAGRAPH_PAUSE_MS, Script
from gateway.script_cues import KINDS, ScriptCue

_NAMES = {number: name for name, number in KINDS.items()}
_MARKUP = re.compile(r"([\\`*_\[\]<>~&|])")
_AT_START = re.compile(r"^([#+\-=:]|\d+(?=[.)]))")
"""What begins a heading, a list or a rule."""


def script_file(script: Script, texts: Sequence[str]) -> str:
    """Markdown in the form of `gateway.script`. `texts`: what each utterance of `script` says in the locale."""
    parts = [f"[pause {script.lead_pause_ms}ms]"] if script.lead_pause_ms else []
    last = len(texts) - 1
    for number, (said, text) in enumerate(zip(script.utterances, texts, strict=True)):
        parts.append(_marked(text, carried(said.cues, said.text, text)))
        if said.pause_after_ms != (0 if number == last else PARAGRAPH_PAUSE_MS):
            parts.append(f"[pause {said.pause_after_ms}ms]")
    return "\n\n".join(parts) + "\n"


def _marked(text: str, cues: Sequence[ScriptCue]) -> str:
    marked, end = "", len(text)
    for cue in sorted(cues, key=lambda cue: cue.position, reverse=True):
        duration = f" {cue.duration_ms}ms" if cue.duration_ms else ""
        marked = f"[{_NAMES[cue.kind]}{duration}] {_escaped(text[cue.position : end])}{marked}"
        end = cue.position
    plain = _AT_START.sub(_first_escaped, _escaped(text[:end]))
    # After the last word there is no space to put a cue behind.
    return f"{plain} {marked}".strip() if plain and not plain.endswith(" ") and marked else f"{plain}{marked}".strip()


def _escaped(text: str) -> str:
    return _MARKUP.sub(r"\\\1", text)


def _first_escaped(match: re.Match[str]) -> str:
    return match[1] + "\\" if match[1].isdigit() else "\\" + match[1]
