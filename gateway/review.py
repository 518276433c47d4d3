"""What persons have said of a job that waited for their word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.dub.lines import merge_edits
from locutor.errors import InvalidInput
from locutor.gateway.v1 import dub_pb2, job_pb2


@dataclass(frozen=True)
class Review:
    """All of it laid over each other, the last word on top."""

    edits: Sequence[dub_pb2.UtteranceEdit] = ()
    """For a dub job: to be laid over those that it has."""
    scripts: Mapping[str, str] = field(default_factory=dict)
    """For a present job: what is to be said instead, by locale."""
    is_approved: bool = False

    @classmethod
    def of(cls, said: Sequence[job_pb2.ReviewJobRequest]) -> Review:
        """`said`: in order of time."""
        edits = [edit for each in said for edit in each.edits]
        scripts = {locale: script for each in said for locale, script in each.scripts.items()}
        return cls(edits, scripts, any(each.approved for each in said))


def with_edits(spec: job_pb2.DubSpec, review: Review) -> job_pb2.DubSpec:
    """A dub's spec with what was said of it laid over its edits."""
    changed = job_pb2.DubSpec()
    changed.CopyFrom(spec)
    del changed.edits[:]
    changed.edits.extend(merge_edits([*spec.edits, *review.edits]))
    return changed


def with_scripts(spec: job_pb2.PresentSpec, review: Review) -> job_pb2.PresentSpec:
    """A presenter's spec with the scripts that persons gave. Raises `InvalidInput` for a locale that is none of its targets."""
    changed = job_pb2.PresentSpec()
    changed.CopyFrom(spec)
    targets = {target.locale: target for target in changed.targets}
    for locale, script in review.scripts.items():
        if locale not in targets:
            found = f"{locale[:40]!r} is no target of the job; choose from {', '.join(targets)}"
            raise InvalidInput.of("scripts", found, "UNKNOWN_LOCALE")
        targets[locale].script = script
    return changed
