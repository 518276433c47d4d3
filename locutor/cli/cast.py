"""Cast files: who speaks with which voice, over many videos."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from locutor.cli.files import read_text
from locutor.errors import InvalidInput
from locutor.gateway.v1.dub_pb2 import CastMember

_FORMAT = "locutor-cast/1"


def read_cast(path: Path) -> list[CastMember]:
    """The members in a cast file; none where there is no file yet. Raises `InvalidInput`."""
    if not path.exists():
        return []
    try:
        document = json.loads(read_text("--cast", path))
        return [CastMember(speaker=row["name"], embedding=row.get("embedding", []), voices=row.get("voices", {})) for row in document["speakers"]]
    except (ValueError, KeyError, TypeError) as error:
        example = '{"speakers": [{"name": "Anna", "voices": {"es": "ef_dora"}}]}'
        raise InvalidInput.of("--cast", f"{path} is no cast file ({type(error).__name__}: {error}); write for example {example}", "BAD_CAST") from error


def write_cast(path: Path, members: Iterable[CastMember], reports: Iterable[Path]) -> None:
    """Keep the members with what the reports of a finished dub say of the speakers: their voices, and how they sound."""
    rows: dict[str, dict[str, Any]] = {
        member.speaker: {"name": member.speaker, "voices": dict(member.voices), "embedding": [round(value, 5) for value in member.embedding]}
        for member in members
    }
    for report in reports:
        found = json.loads(report.read_text("utf-8"))
        for speaker in found["speakers"]:
            row = rows.setdefault(speaker["name"], {"name": speaker["name"], "voices": {}, "embedding": []})
            row["embedding"] = row["embedding"] or speaker["embedding"]
            row["voices"].setdefault(found["locale"], speaker["voice"])
    path.write_text(json.dumps({"format": _FORMAT, "speakers": list(rows.values())}, ensure_ascii=False, indent=1) + "\n", "utf-8")
