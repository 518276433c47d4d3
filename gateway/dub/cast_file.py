"""The speakers of a video as a cast file: how each of them sounds, and with which voice he is dubbed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from gateway.dub.cast import Role

FORMAT = "locutor-cast/1"


def cast_file(roles: Sequence[Role], locale: str, voices: Mapping[str, str]) -> bytes:
    """`voices`: speaker's name to voice id in `locale`. A speaker of whom too little was heard to know him again has no embedding."""
    rows: list[dict[str, object]] = [
        {
            "name": role.name,
            "voices": dict(role.voices) | {locale: voices[role.name]},
            "embedding": [round(value, 5) for value in role.heard.embedding],
        }
        for role in roles
    ]
    lines = ",\n ".join(json.dumps(row, ensure_ascii=False) for row in rows)
    return f'{{"format": "{FORMAT}", "speakers": [\n {lines}\n]}}\n'.encode()
