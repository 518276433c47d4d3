"""Errors of Locutor as gRPC statuses (google.rpc.Status with BadRequest, ErrorInfo and RetryInfo), and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from locutor import errors as e

DOMAIN = "locutor"
"""`google.rpc.ErrorInfo.domain` of every error that Locutor itself raises."""

# A status travels in headers, and a receiver refuses more than 8 KiB of them (gRPC's default): the caller would be told RESOURCE_EXHAUSTED.
_STATUS_BYTES = 7000
_VIOLATIONS_BYTES = 3500
_VIOLATION_BYTES = 1000

# From the most special class to the most general: the first that fits is the code of an error.
_CODES: tuple[tuple[type[e.LocutorError], int], ...] = (
    (e.OutOfRange, code_pb2.OUT_OF_RANGE),
    (e.InvalidInput, code_pb2.INVALID_ARGUMENT),
    (e.NotFound, code_pb2.NOT_FOUND),
    (e.AlreadyExists, code_pb2.ALREADY_EXISTS),
    (e.PermissionDenied, code_pb2.PERMISSION_DENIED),
    (e.Unauthenticated, code_pb2.UNAUTHENTICATED),
    (e.Unavailable, code_pb2.FAILED_PRECONDITION),
    (e.Overloaded, code_pb2.RESOURCE_EXHAUSTED),
    (e.ServiceLost, code_pb2.UNAVAILABLE),
    (e.Cancelled, code_pb2.CANCELLED),
    (e.DeadlineExceeded, code_pb2.DEADLINE_EXCEEDED),
    (e.LocutorError, code_pb2.INTERNAL),
)
_CLASSES = {code: cls for cls, code in _CODES}


def code_of(error: e.LocutorError) -> int:
    """The google.rpc code number of an error."""
    return next(code for cls, code in _CODES if isinstance(error, cls))


def code_name(error: e.LocutorError) -> str:
    """The name of an error's code: "INVALID_ARGUMENT"."""
    return code_pb2.Code.Name(code_of(error))


def to_status(error: e.LocutorError) -> status_pb2.Status:
    """The error as google.rpc.Status, with all that it knows in its details, as far as headers may hold it.

    What does not fit is cut: of many violations the first are told, and how many more there are.
    """
    details: list = [error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata={"retryable": str(error.retryable).lower()})]
    if isinstance(error, e.InvalidInput):
        details.append(_bad_request(error.violations))
    if error.retry_after_s is not None:
        delay = Duration()
        delay.FromNanoseconds(int(error.retry_after_s * 1e9))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    packed = []
    for detail in details:
        box = Any()
        box.Pack(detail)
        packed.append(box)
    left = _STATUS_BYTES - sum(detail.ByteSize() for detail in details)
    return status_pb2.Status(code=code_of(error), message=_cut(error.message, left, _sent_bytes), details=packed)


def _bad_request(violations: Sequence[e.FieldViolation]) -> error_details_pb2.BadRequest:
    bad = error_details_pb2.BadRequest()
    for index, v in enumerate(violations):
        bad.field_violations.add(
            field=_cut(v.field, _VIOLATION_BYTES, _utf8_bytes), description=_cut(v.message, _VIOLATION_BYTES, _utf8_bytes), reason=v.reason
        )
        if index and bad.ByteSize() > _VIOLATIONS_BYTES:
            del bad.field_violations[-1]
            bad.field_violations.add(description=f"and {len(violations) - index} more; mend these first", reason="MORE")
            break
    return bad


def _utf8_bytes(character: str) -> int:
    return len(character.encode())


def _sent_bytes(character: str) -> int:
    """A status's message travels twice: in the details as UTF-8, and on its own, percent-encoded."""
    return _utf8_bytes(character) + (1 if " " <= character <= "~" and character != "%" else 3 * _utf8_bytes(character))


def _cut(text: str, most_bytes: int, size_of: Callable[[str], int]) -> str:
    """The text, or its beginning of about so many bytes and an ellipsis."""
    used = 0
    for index, character in enumerate(text):
        used += size_of(character)
        if used > most_bytes:
            return text[:index] + "…"
    return text


def from_rpc_error(error: grpc.RpcError) -> e.LocutorError:
    """What a server of Locutor raised, from what the client's stub raised.

    A status without our details (the network's own, another server's) becomes the nearest class.
    """
    code: grpc.StatusCode = error.code()  # type: ignore[attr-defined]
    message: str = error.details() or code.name  # type: ignore[attr-defined]
    try:
        status = rpc_status.from_call(error)  # type: ignore[arg-type]
    except ValueError:
        status = None
    info = error_details_pb2.ErrorInfo()
    bad = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    for detail in status.details if status is not None else ():
        for target in (info, bad, retry):
            if detail.Is(target.DESCRIPTOR):
                detail.Unpack(target)
    number: int = code.value[0]
    cls = _CLASSES.get(number, e.InternalError)
    if issubclass(cls, e.InvalidInput):
        violations = [e.FieldViolation(v.field, v.description, v.reason or "INVALID") for v in bad.field_violations]
        return cls(violations or [e.FieldViolation("", message)])
    result = e.LocutorError.__new__(cls)
    e.LocutorError.__init__(
        result,
        message,
        reason=info.reason or None,
        retry_after_s=retry.retry_delay.ToNanoseconds() / 1e9 if retry.HasField("retry_delay") else None,
    )
    if info.metadata.get("retryable"):
        result.retryable = info.metadata["retryable"] == "true"
    return result
