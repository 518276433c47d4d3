"""Durable work by itself: what came to its end is not done again, and each result is that of its own work, whatever dies when."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.artifacts import ArtifactStore
from gateway.durable import Durable
from gateway.durable.system import database_errors
from gateway.failures import job_error
from gateway.settings import GatewaySettings
from locutor.errors import InvalidInput, Overloaded, ServiceLost
from locutor.gateway.v1 import job_pb2
from tests.gateway.conftest import Client, eventually, make_spec, running_gateway
from tests.gateway.fakes import Fakes
from tests.postgres import Postgres, missing

UNITS = 30
SIDE_BY_SIDE = f"""
import asyncio, random, sys
from pathlib import Path
from gateway.durable import Durable

async def main(location, executor):
    durable = Durable(Path(location) if location.startswith("/") else location, executor)

    async def one(number):
        async def work():
            # So that they end in another order each time.
            await asyncio.sleep(random.uniform(0, 0.5))
            print(f"ran {{number}}", flush=True)
            return {{"square": number * number}}
        result, _ = await durable.unit(f"job:step:{{number}}", work, lambda error, wait_s: None)
        print(f"got {{number}} {{result['square']}}", flush=True)

    async def job():
        # One after another and all at once: {UNITS} of them under way.
        await asyncio.gather(*(one(number) for number in range({UNITS})))
        return "done"

    print(await durable.job("job", job), flush=True)
    await durable.stop()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    if why := missing():
        pytest.skip(why)
    with Postgres() as server:
        yield server


@pytest.fixture(params=["files", "postgres"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    return request.getfixturevalue("postgres").url if request.param == "postgres" else tmp_path / "dbos.sqlite"


@asynccontextmanager
async def started(location: Path | str, executor: str) -> AsyncIterator[Durable]:
    durable = Durable(location, executor)
    try:
        yield durable
    finally:
        await durable.stop()


def ignore(error: Exception, wait_s: float) -> None: ...


async def run_until(location: Path | str, executor: str, enough: int) -> list[str]:
    """What the program has said when it is killed, after so many results, or ends."""
    program = await asyncio.create_subprocess_exec(sys.executable, "-c", SIDE_BY_SIDE, str(location), executor, stdout=asyncio.subprocess.PIPE)
    assert program.stdout is not None
    lines = []
    async with asyncio.timeout(60):
        while line := (await program.stdout.readline()).decode().strip():
            lines.append(line)
            if sum(line.startswith("got") for line in lines) == enough:
                program.send_signal(signal.SIGKILL)
        await program.wait()
    return lines


async def test_units_side_by_side_keep_their_own_results_through_kills(location: Path | str) -> None:
    """By the order of their calls they would get each other's: they are named by what they are made from."""
    said = await run_until(location, "one", 10) + await run_until(location, "two", 10) + await run_until(location, "three", UNITS + 1)
    assert said[-1] == "done"
    assert {line for line in said if line.startswith("got")} == {f"got {number} {number * number}" for number in range(UNITS)}
    runs = Counter(line.split()[1] for line in said if line.startswith("ran"))
    finished = set()
    for line in said:
        kind, *rest = line.split()
        if kind == "got":
            finished.add(rest[0])
        elif kind == "ran":
            assert rest[0] not in finished, "what was finished is not run again"
    assert sum(runs.values()) < 3 * UNITS


async def test_a_checkpoint_is_taken_where_the_process_died_right_after_it(location: Path | str) -> None:
    ran = []

    async def work() -> Any:
        ran.append(1)
        return {"made": len(ran)}

    async with started(location, "one") as durable:
        assert await durable.unit("job:a", work, ignore) == ({"made": 1}, True)
    async with started(location, "two") as durable:
        assert await durable.unit("job:a", work, ignore) == ({"made": 1}, False)
        await durable.forget("job:a")
        assert await durable.unit("job:a", work, ignore) == ({"made": 2}, True)


async def test_attempts_are_told_and_the_last_error_is_raised(location: Path | str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.patience._FIRST_DELAY_S", 0.01)
    errors: list[Exception] = [ServiceLost("gone"), Overloaded("busy", retry_after_s=0.02), InvalidInput.of("text", "is wrong")]
    told = []

    async def work() -> Any:
        raise errors[len(told)]

    async with started(location, "one") as durable:
        with pytest.raises(InvalidInput, match="is wrong"):
            await durable.unit("job:a", work, lambda error, wait_s: told.append((type(error), wait_s)))
        assert [kind for kind, _ in told] == [ServiceLost, Overloaded] and 0 < told[0][1] <= 0.01 and told[1][1] >= 0.02

        # A failure is no result: the next one who wants it has it done.
        async def good() -> Any:
            return 1

        assert await durable.unit("job:a", good, ignore) == (1, True)


async def test_a_cancel_is_heard_between_two_attempts(location: Path | str) -> None:
    waiting = asyncio.Event()

    async def work() -> Any:
        raise Overloaded("busy", retry_after_s=300.0)

    async with started(location, "one") as durable:
        task = asyncio.create_task(durable.unit("job:a", work, lambda error, wait_s: waiting.set()))
        await waiting.wait()
        # The end of the attempt is written.
        await asyncio.sleep(0.2)
        task.cancel()
        async with asyncio.timeout(5):
            with pytest.raises(asyncio.CancelledError):
                await task


async def test_a_job_is_forgotten_with_its_units_alone(location: Path | str) -> None:
    async def work() -> Any:
        return 1

    async with started(location, "one") as durable:
        for name in ("job", "job2"):
            assert await durable.job(name, work) == 1
            assert await durable.unit(f"{name}:step:a", work, ignore) == (1, True)
        await durable.forget_job("job")
        assert await durable.unit("job2:step:a", work, ignore) == (1, False)
        assert await durable.unit("job:step:a", work, ignore) == (1, True)


async def test_a_step_is_saved_from_its_checkpoint(settings: GatewaySettings, fakes: Fakes, portrait: bytes, tmp_path: Path, monkeypatch: Any) -> None:
    """The process ends between the checkpoint of a unit and the store's entry of its step."""
    save, lost, saved = ArtifactStore.save_step, list[str](), list[str]()
    fakes.lipsync.hold = asyncio.Event()

    async def save_but_the_first(self: ArtifactStore, key: str, result: Any) -> None:
        if not lost and fakes.tts.calls["Synthesize"]:
            lost.append(key)
            await asyncio.Event().wait()
        await save(self, key, result)
        saved.extend([key] if lost else [])

    with monkeypatch.context() as patch:
        patch.setattr(ArtifactStore, "save_step", save_but_the_first)
        async with running_gateway(settings, fakes, tmp_path) as client:
            spec = make_spec((await client.upload(portrait)).uri)
            del spec.targets[1]
            job = await client.create(spec)
            # The other two sentences are kept.
            await eventually(lambda: len(saved) == 2)
    assert not (settings.data / "store" / "steps" / lost[0]).exists()
    fakes.lipsync.hold.set()
    async with running_gateway(settings, fakes, tmp_path) as client:
        ended = await client.ended(job.id)
        assert ended.state == job_pb2.STATE_SUCCEEDED, ended
        assert json.loads((settings.data / "store" / "steps" / lost[0]).read_text())["blobs"]
    assert fakes.tts.calls["Synthesize"] == 3


async def test_a_deleted_job_leaves_no_durable_work(client: Client, spec: job_pb2.PresentSpec, settings: GatewaySettings) -> None:
    import sqlite3

    job = await client.ended((await client.create(spec)).id)

    def rows() -> int:
        with sqlite3.connect(settings.data / "dbos.sqlite") as connection:
            found = connection.execute("SELECT count(*) FROM workflow_status WHERE workflow_uuid LIKE ?", (f"{job.id}%",)).fetchone()[0]
        connection.close()
        return int(found)

    assert rows() > 10
    await client.call(client.jobs.DeleteJob(job_pb2.DeleteJobRequest(id=job.id)))
    assert rows() == 0


async def test_work_is_resumed_where_another_process_took_this_one_for_dead(location: Path | str) -> None:
    begun = asyncio.Event()

    async def for_ever() -> Any:
        begun.set()
        await asyncio.Event().wait()

    async def work() -> Any:
        return 1

    for name in ("job:a", "job:b"):
        begun.clear()
        async with started(location, f"left {name}") as durable:
            left = asyncio.create_task(durable.unit(name, for_ever, ignore))
            await begun.wait()
            left.cancel()
            await asyncio.gather(left, return_exceptions=True)
    async with started(location, "two") as durable, asyncio.timeout(20):
        assert await durable.unit("job:a", work, ignore) == (1, True)
        await durable.bury("two")
        assert await durable.unit("job:b", work, ignore) == (1, True)


async def test_units_are_forgotten_a_few_at_a_time(location: Path | str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> Any:
        return 1

    monkeypatch.setattr("gateway.durable.engine._FORGET_AT_ONCE", 2)
    async with started(location, "one") as durable:
        units = [f"job:step:{number}" for number in range(5)]
        await asyncio.gather(*(durable.unit(unit, work, ignore) for unit in units))
        await durable.forget_job("job")
        assert [await durable.unit(unit, work, ignore) for unit in units] == [(1, True)] * 5


@pytest.mark.parametrize(
    ("is_shared", "told", "kind"),
    [(False, "database or disk is full", OSError), (True, "connection is bad", ServiceLost), (False, "no such table", sa.exc.OperationalError)],
)
def test_a_database_s_errors_are_told_as_what_they_are(is_shared: bool, told: str, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught, database_errors(is_shared):
        raise sa.exc.OperationalError("SELECT 1", {}, Exception(told))
    if kind is ServiceLost:
        assert job_error(caught.value, "x").reason == "DATABASE_LOST"
    elif kind is OSError:
        assert job_error(caught.value, "x").reason == "DISK_FULL"
