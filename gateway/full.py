"""How databases word it that there is no room left."""

from __future__ import annotations

import errno

import sqlalchemy as sa


def as_full_disk(error: sa.exc.DBAPIError) -> OSError | None:
    """The error as any file would tell it; None where it is another one."""
    is_full = getattr(error.orig, "sqlstate", "") == "53100" or "disk is full" in str(error.orig)
    return OSError(errno.ENOSPC, "the database has no room left") if is_full else None
