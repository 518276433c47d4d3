"""A job that a command has started: followed to its end, its outcome told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locutor.cli import failures
from locutor.cli.progress import state_name
from locutor.errors import FieldViolation, InvalidInput
from locutor.gateway.v1 import job_pb2
from locutor.gateway.v1.job_pb2 import Job

if TYPE_CHECKING:
    from locutor.cli.interruption import Interruption
    from locutor.cli.outputs import SavedOutput
    from locutor.cli.progress import Reporter
    from locutor.client import LocutorClient


def follow(client: LocutorClient, job: Job, reporter: Reporter, interruption: Interruption) -> Job:
    """Show a job's progress; returns the ended job. The first signal cancels it."""
    reporter.note("job", f"Job {job.id}", job=job.id)

    def cancel() -> None:
        reporter.note("cancelling", "Cancelling; what is finished is kept. Interrupt again to leave at once.", job=job.id)
        client.cancel(job.id)

    interruption.stops(cancel)
    for update in client.watch(job.id):
        job = update
        reporter.job(job)
    return job


def about(option: str, error: InvalidInput) -> InvalidInput:
    """What the gateway says of an uploaded file, as said of the option that named it."""
    return type(error)([FieldViolation(option, v.message, v.reason) for v in error.violations])


def conclude(job: Job, saved: list[SavedOutput], reporter: Reporter, interruption: Interruption) -> int:
    """The last event: what was made and where it lies, what failed and why. Returns the exit code."""
    code = {job_pb2.STATE_SUCCEEDED: failures.OK, job_pb2.STATE_PARTLY_SUCCEEDED: failures.PARTLY_SUCCEEDED}.get(job.state, failures.FAILED)
    if interruption.asked and job.state != job_pb2.STATE_SUCCEEDED:
        code = failures.INTERRUPTED
    lines = []
    for result in job.results:
        lines += [
            f"{result.locale}: {output.path} ({output.size_bytes / 1e6:.1f} MB)"
            for output in saved
            if output.locale == result.locale and output.kind == "video"
        ]
        lines += [f"{result.locale}: warning: {warning}" for warning in result.warnings]
        if result.HasField("error"):
            lines.append(f"{result.locale}: {state_name(result.state)}: {result.error.message}")
    if job.HasField("error"):
        lines.append(f"The job failed: {job.error.message}")
    lines.append(f"Job {job.id} {state_name(job.state)}.")
    reporter.note(
        "result",
        "\n".join(lines),
        job=job.id,
        state=state_name(job.state),
        exit_code=code,
        error={"code": job.error.code, "reason": job.error.reason, "message": job.error.message} if job.HasField("error") else None,
        locales=[
            {
                "locale": result.locale,
                "state": state_name(result.state),
                "warnings": list(result.warnings),
                "error": {"code": result.error.code, "reason": result.error.reason, "message": result.error.message} if result.HasField("error") else None,
                "outputs": {output.kind: str(output.path) for output in saved if output.locale == result.locale},
            }
            for result in job.results
        ],
    )
    return code
