"""What it costs that a job survives its process: time between a piece of work and what waits for it, in a job of a minute."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from unittest.mock import patch

from bench.figure import Figure
from bench.job import through_gateway
from bench.material import face_png, script
from gateway.durable import Checkpoint, Durable
from locutor.cli.embedded import embedded_gateway
from locutor.client import LocutorClient


def durability(work: Path) -> Iterator[Figure]:
    """The units' own time is measured inside the job that pays it: a difference of two jobs would drown in the machine's noise."""
    os.environ["LOCUTOR_DATA"] = str(work / "durable")
    os.environ["LOCUTOR_WEB"] = ""
    kept_s: list[float] = []
    through = Durable.unit

    async def timed(
        self: Durable, unit_id: str, make: Callable[[], Awaitable[Checkpoint]], told: Callable[[Exception, float], None]
    ) -> tuple[Checkpoint, bool]:
        worked_s = 0.0

        async def measured() -> Checkpoint:
            nonlocal worked_s
            begun = time.perf_counter()
            try:
                return await make()
            finally:
                worked_s += time.perf_counter() - begun

        begun = time.perf_counter()
        try:
            return await through(self, unit_id, measured, told)
        finally:
            kept_s.append(time.perf_counter() - begun - worked_s)

    with patch.object(Durable, "unit", timed), embedded_gateway(works=True) as address, LocutorClient(address) as client:
        face = client.upload(face_png())
        through_gateway(client, face, "Hello, this is a short test.", 1.0, work)
        kept_s.clear()
        run = through_gateway(client, face, script(), 1.0, work)
    share = 100 * sum(kept_s) / run.wall_s
    yield Figure("durability.unit", 1000 * statistics.median(kept_s), "ms", f"of {len(kept_s)} units of work, the longest {1000 * max(kept_s):.0f} ms")
    yield Figure(
        "durability.share",
        share,
        "%",
        f"of all units together, of {run.wall_s:.0f} s for {run.media_s:.0f} s of 720p, as if none ran beside another",
        "at most 2",
    )
