"""The utterances of one locale as a file for a person to read and change, and as messages.

The file's `utterances` are what the video says now; `as_made` repeats what of them may be changed, so that a reader sees
what was changed, and `edits` are the changes that were in force already.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict

from gateway.dub.fit import Fit
from gateway.dub.hear import Scene
from gateway.dub.lines import TargetLine
from gateway.dub.voice import DubbedLine
from locutor.gateway.v1 import dub_pb2, job_pb2

FORMAT = "locutor-dub-edit/1"
CHANGEABLE = ("source_text", "text", "speaker", "voice", "start_s", "end_s", "rate", "locked", "omitted")
_FITS = {Fit.GOOD: dub_pb2.FIT_GOOD, Fit.FAST: dub_pb2.FIT_FAST, Fit.LATE: dub_pb2.FIT_LATE}


def messages(dubbed: Sequence[DubbedLine], silent: Sequence[TargetLine] = ()) -> list[dub_pb2.Utterance]:
    """All utterances in order of the source's time. `silent`: those that are not spoken, or not yet."""
    found = [_message(one) for one in dubbed] + [_silent(line) for line in silent]
    return sorted(found, key=lambda utterance: (utterance.source_start_offset.ToNanoseconds(), utterance.id))


def edit_file(job: job_pb2.Job, locale: str, scene: Scene, utterances: Sequence[dub_pb2.Utterance], omitted: Iterable[str]) -> bytes:
    """The file. `omitted`: ids of utterances that are not to be said."""
    unsaid = set(omitted)
    heard = {line.id: {"heard_text": line.text, "heard_start_s": round(line.start_s, 3)} for line in scene.heard}
    rows = [{**_row(utterance), "omitted": utterance.id in unsaid, **heard.get(utterance.id, {})} for utterance in utterances]
    document = {
        "format": FORMAT,
        "job": job.id,
        "source_locale": scene.language.locale,
        "locale": locale,
        "help": f"Change {', '.join(CHANGEABLE)} of an utterance, then: locutor dub VIDEO --to {locale} --edit THIS_FILE",
        "utterances": rows,
        "edits": [MessageToDict(edit, preserving_proto_field_name=True) for edit in scene.edits if edit.locale in ("", locale)],
        "as_made": {row["id"]: {name: row[name] for name in CHANGEABLE} for row in rows},
    }
    return json.dumps(document, ensure_ascii=False, indent=1).encode()


def read_utterances(data: bytes) -> list[dub_pb2.Utterance]:
    """The messages in a file that `edit_file` wrote."""
    return [_parsed(row) for row in json.loads(data)["utterances"]]


def _message(one: DubbedLine) -> dub_pb2.Utterance:
    fitted = one.fitted
    message = _silent(one.line)
    message.text, message.voice, message.rate = one.text, one.voice, fitted.rate
    message.fit, message.suggestion = _FITS[fitted.fit], fitted.suggestion
    _set(message, start_offset=fitted.start_s, end_offset=fitted.end_s, needed_duration=fitted.needed_s, available_duration=fitted.available_s)
    return message


def _silent(line: TargetLine) -> dub_pb2.Utterance:
    source = line.source
    message = dub_pb2.Utterance(id=source.id, speaker=source.speaker, source_text=source.text, text=line.text or "", voice=line.voice, locked=line.is_locked)
    _set(message, source_start_offset=source.start_s, source_end_offset=source.end_s)
    return message


def _row(utterance: dub_pb2.Utterance) -> dict[str, Any]:
    return {
        "id": utterance.id,
        "speaker": utterance.speaker,
        "source_start_s": _seconds(utterance.source_start_offset),
        "source_end_s": _seconds(utterance.source_end_offset),
        "source_text": utterance.source_text,
        "text": utterance.text,
        "voice": utterance.voice,
        "start_s": _seconds(utterance.start_offset),
        "end_s": _seconds(utterance.end_offset),
        "rate": round(utterance.rate, 3),
        "fit": dub_pb2.Fit.Name(utterance.fit).removeprefix("FIT_").lower() if utterance.fit else "",
        "needed_s": _seconds(utterance.needed_duration),
        "available_s": _seconds(utterance.available_duration),
        "suggestion": utterance.suggestion,
        "locked": utterance.locked,
    }


def _parsed(row: Mapping[str, Any]) -> dub_pb2.Utterance:
    message = dub_pb2.Utterance(
        rate=row["rate"],
        fit=dub_pb2.Fit.Value(f"FIT_{row['fit'].upper()}") if row["fit"] else dub_pb2.FIT_UNSPECIFIED,
        **{name: row[name] for name in ("id", "speaker", "source_text", "text", "voice", "suggestion", "locked")},
    )
    _set(message, source_start_offset=row["source_start_s"], source_end_offset=row["source_end_s"])
    if row["fit"]:
        _set(message, start_offset=row["start_s"], end_offset=row["end_s"], needed_duration=row["needed_s"], available_duration=row["available_s"])
    return message


def _set(message: dub_pb2.Utterance, **seconds: float) -> None:
    for name, value in seconds.items():
        getattr(message, name).FromNanoseconds(round(value * 1000) * 1_000_000)


def _seconds(duration: Any) -> float:
    return round(duration.ToNanoseconds() / 1e9, 3)
