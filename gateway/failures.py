"""Why a job or a locale failed, in the words of a `JobError`."""

from __future__ import annotations

import errno

from locutor.errors import LocutorError
from locutor.gateway.v1 import job_pb2
from locutor.status import code_name


def told_of(error: Exception) -> str:
    """An error in a few words for the log of a job, without what an unexpected one may give away."""
    return f"{error.reason}: {error.message}" if isinstance(error, LocutorError) else type(error).__name__


def job_error(error: Exception, incident: str) -> job_pb2.JobError:
    """An error as its job tells it. `incident`: under which an unexpected one is found in the log; its text stays there."""
    if isinstance(error, LocutorError):
        return job_pb2.JobError(code=code_name(error), reason=error.reason, message=error.message, retryable=error.retryable)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return job_pb2.JobError(
            code="RESOURCE_EXHAUSTED", reason="DISK_FULL", message="the gateway's disk is full; make room and start the job again", retryable=True
        )
    if isinstance(error, MemoryError):
        message = "the gateway ran out of memory; start the job again when it does less at a time"
        return job_pb2.JobError(code="RESOURCE_EXHAUSTED", reason="OUT_OF_MEMORY", message=message, retryable=True)
    return job_pb2.JobError(code="INTERNAL", reason="INTERNAL", message=f"an internal error; the gateway's log has it as incident {incident}")
