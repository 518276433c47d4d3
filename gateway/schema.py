"""The tables of a gateway's database.

A job's row holds the whole `Job` message and the little that is asked for by itself. Jobs and media belong to tenants, who
know nothing of each other; without tokens all belong to the tenant "".
"""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()

JOBS = sa.Table(
    "jobs",
    METADATA,
    # Rises with each job: the order of creation, and the page token.
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(32), unique=True, nullable=False),
    sa.Column("tenant", sa.String, nullable=False),
    sa.Column("request_id", sa.String(128), nullable=True),
    sa.Column("request_hash", sa.String(64), nullable=False),
    sa.Column("state", sa.Integer, nullable=False, index=True),
    # The process that works on it, or alone may; empty: any may.
    sa.Column("owner", sa.String(32), nullable=False),
    # Seconds since the epoch; null until the job has ended.
    sa.Column("expires", sa.Float, nullable=True, index=True),
    sa.Column("job", sa.LargeBinary, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False, server_default="0"),
    # It was at work before, and goes on before other jobs of its tenant begin.
    sa.Column("begun", sa.Integer, nullable=False, server_default="0"),
    # Rises with each job that is begun: whose turn it is.
    sa.Column("turn", sa.Integer, nullable=True),
    sa.Column("cancel_asked", sa.Integer, nullable=False, server_default="0"),
    sa.UniqueConstraint("tenant", "request_id"),
    sa.Index("ix_jobs_tenant_number", "tenant", "number"),
    sa.Index("ix_jobs_tenant_turn", "tenant", "turn"),
    sqlite_autoincrement=True,
)
MEDIA = sa.Table(
    "media",
    METADATA,
    # Equal bytes are stored once, but each tenant may read only those that he sent, or that his jobs made.
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("tenant", sa.String, primary_key=True),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("media", sa.LargeBinary, nullable=False),
)
JOB_EVENTS = sa.Table(
    "job_events",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("job", sa.String(32), nullable=False),
    # A JobEvent.
    sa.Column("event", sa.LargeBinary, nullable=False),
    # Who wrote it, and the how manyth of his it is: what is written again, since nobody heard whether it was written, is there once.
    sa.Column("writer", sa.String(32), nullable=True),
    sa.Column("counter", sa.Integer, nullable=True),
    sa.Index("ix_job_events_job_number", "job", "number"),
    sa.Index("ix_job_events_writer_counter", "writer", "counter", unique=True),
    sqlite_autoincrement=True,
)
REVIEWS = sa.Table(
    "reviews",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("job", sa.String(32), nullable=False, index=True),
    # A ReviewJobRequest.
    sa.Column("review", sa.LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
IDENTITY = sa.Table(
    "identity",
    METADATA,
    # One row: what this database is called where others might be taken for it.
    sa.Column("id", sa.String(32), primary_key=True),
)
