"""`python -m tests.chaos`: kill -9 in every stage, on SQLite with one gateway and on Postgres with two. Exit status 1 where a round failed."""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.table import Table

from locutor.client import LocutorClient
from tests.chaos.jobs import STAGES, Inputs, ended, fingerprint, start
from tests.chaos.processes import Cluster
from tests.chaos.rounds import Arena, Outcome, all_rounds
from tests.postgres import Postgres


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--database", choices=["sqlite", "postgres", "both"], default="both")
    parser.add_argument("--only", default="", help="rounds whose name has this in it: 'dub/mix', 'gateway'")
    parser.add_argument("--repeat", type=int, default=1, help="how often each round is run")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rounds = [round for round in all_rounds() if arguments.only in str(round)]
    outcomes: list[tuple[str, Outcome]] = []
    with ExitStack() as open_, tempfile.TemporaryDirectory(prefix="locutor-chaos-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        cluster = open_.enter_context(Cluster(folder))
        inputs, calm = _undisturbed(cluster, folder / "calm")
        databases = ["sqlite", "postgres"] if arguments.database == "both" else [arguments.database]
        for database in databases:
            server = open_.enter_context(Postgres()) if database == "postgres" else None
            arena = Arena(cluster, server, inputs, calm, arguments.seed)
            for turn in range(arguments.repeat):
                for number, round in enumerate(rounds):
                    outcome = arena.run(round, folder / f"{database}-{turn}-{number}")
                    outcomes.append((database, outcome))
                    print(
                        f"{database:9} {round!s:32} {outcome.seconds:5.1f} s  {outcome.struck or '-':28} {'; '.join(outcome.problems) or 'right'}", flush=True
                    )
    _tell(outcomes)
    return 1 if any(outcome.problems for _, outcome in outcomes) else 0


def _undisturbed(cluster: Cluster, folder: Path) -> tuple[Inputs, dict[str, dict[str, str]]]:
    """What the jobs are made of, and what comes of them where nobody disturbs."""
    folder.mkdir()
    gateway = cluster.gateway("calm", folder, {})
    gateway.start()
    try:
        gateway.wait()
        with LocutorClient(gateway.address) as client:
            inputs = Inputs.make(client, folder)
            return inputs, {pipeline: fingerprint(client, ended(client, start(client, pipeline, inputs, f"calm-{pipeline}").id), folder) for pipeline in STAGES}
    finally:
        gateway.stop()


def _tell(outcomes: list[tuple[str, Outcome]]) -> None:
    table = Table("Database", "Rounds", "Right", "Steps", "Finished twice", "Tried again", "Taken over")
    for database in dict.fromkeys(database for database, _ in outcomes):
        own = [outcome for name, outcome in outcomes if name == database]
        twice = sum("times" in problem for outcome in own for problem in outcome.problems)
        right = sum(not outcome.problems for outcome in own)
        table.add_row(
            database, str(len(own)), str(right), str(sum(o.steps for o in own)), str(twice), str(sum(o.again for o in own)), str(sum(o.taken for o in own))
        )
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
