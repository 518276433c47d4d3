"""The errors of Locutor, on both sides of the wire.

    LocutorError                what went wrong, and whether trying again helps
    ├── InvalidInput            the request is wrong: one or more fields, each with what was found and what to do
    │   └── OutOfRange          the request is well formed, but its value cannot be reached
    ├── NotFound                no such job, media, voice model, ...
    ├── AlreadyExists           same id, other content
    ├── PermissionDenied        the caller may not
    ├── Unavailable             something this server needs is missing: an extra, weights, another service
    ├── Overloaded              too much at once: try again after a while
    ├── Cancelled               the caller, or somebody for him, stopped it
    └── InternalError           a defect of ours: nothing the caller can mend

A server raises these; `locutor.status` puts them into a gRPC status and takes them out again, so that a client
catches what the server raised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class FieldViolation:
    """One thing that is wrong with a request."""

    field: str
    """Path of the field as in the protos: "present.targets[1].locale"."""
    message: str
    """What was found and what to do, as a sentence for the sender."""
    reason: str = "INVALID"
    """Stable, upper case: "UNKNOWN_LOCALE"."""


class LocutorError(Exception):
    """Base of all errors that a caller of Locutor may see.

    `reason` is stable and upper case, for programs; `retryable` says whether the same call may succeed later;
    `retry_after_s` after how many seconds.
    """

    reason = "ERROR"
    retryable = False

    def __init__(self, message: str, *, reason: str | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        if reason is not None:
            self.reason = reason
        self.retry_after_s = retry_after_s


class InvalidInput(LocutorError):
    """The request is wrong. `violations` names every field at fault."""

    reason = "INVALID_INPUT"

    def __init__(self, violations: Sequence[FieldViolation]) -> None:
        if not violations:
            raise ValueError("InvalidInput needs at least one violation")
        self.violations = tuple(violations)
        super().__init__("; ".join(f"{v.field}: {v.message}" if v.field else v.message for v in self.violations), reason=violations[0].reason)

    @classmethod
    def of(cls, field: str, message: str, reason: str = "INVALID") -> InvalidInput:
        """The common case: one field is wrong."""
        return cls([FieldViolation(field, message, reason)])


class OutOfRange(InvalidInput):
    """Well formed, but beyond what can be done."""


class NotFound(LocutorError):
    reason = "NOT_FOUND"


class AlreadyExists(LocutorError):
    reason = "ALREADY_EXISTS"


class PermissionDenied(LocutorError):
    reason = "PERMISSION_DENIED"


class Unauthenticated(LocutorError):
    reason = "UNAUTHENTICATED"


class Unavailable(LocutorError):
    """Something this server needs is not there. The message names it and how to bring it."""

    reason = "UNAVAILABLE"


class MissingExtra(Unavailable):
    """An engine's library is not installed."""

    reason = "MISSING_EXTRA"

    def __init__(self, engine: str, extra: str, detail: str = "") -> None:
        super().__init__(f"the engine {engine!r} needs the extra {extra!r}: pip install 'locutor[{extra}]'" + (f" ({detail})" if detail else ""))


class MissingWeights(Unavailable):
    """Weights are not in the model store and may not, or cannot, be fetched."""

    reason = "MISSING_WEIGHTS"


class Overloaded(LocutorError):
    """Too much at once; nothing was started."""

    reason = "OVERLOADED"
    retryable = True

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        super().__init__(message, retry_after_s=retry_after_s)


class ServiceLost(LocutorError):
    """Another service did not answer, or went away while it worked."""

    reason = "SERVICE_LOST"
    retryable = True


class Cancelled(LocutorError):
    reason = "CANCELLED"


class DeadlineExceeded(LocutorError):
    reason = "DEADLINE_EXCEEDED"
    retryable = True


class InternalError(LocutorError):
    """A defect of ours. The details are in the server's log under the incident's id, not in the message."""

    reason = "INTERNAL"
