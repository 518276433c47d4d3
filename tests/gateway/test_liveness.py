"""A gateway begins nothing while it cannot show the database that it lives."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from gateway.database import Database
from gateway.liveness import PostgresLiveness
from tests.gateway.conftest import eventually
from tests.gateway.faulty_network import faulty_network
from tests.postgres import Postgres, missing


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    if why := missing():
        pytest.skip(why)
    with Postgres() as server:
        yield server


async def test_a_network_that_swallows_everything_is_noticed(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the gateway begins again, once it is heard."""
    monkeypatch.setattr("gateway.liveness.SILENT_S", 2.0)
    url = postgres.url
    folder = re.search("host=([^&]+)", url)
    assert folder is not None
    heard: list[str] = []
    async with faulty_network(f"unix:{folder[1]}/.s.PGSQL.5432") as network:
        database = Database(url)
        far = url.replace(f"host={folder[1]}", f"host=127.0.0.1&port={network.address.rpartition(':')[2]}")
        liveness = PostgresLiveness(far, "one", database, heard.append)
        try:
            await eventually(lambda: liveness.may_begin)
            assert not await liveness.is_dead("one") and await liveness.is_dead("another")
            network.swallows = True
            await eventually(lambda: not liveness.may_begin)
            before = network.connections
            await eventually(lambda: network.connections > before)
            # What was begun on it, too, is lost: a network that comes back begins anew.
            await network.cut()
            network.swallows = False
            await network.start()
            await eventually(lambda: liveness.may_begin)
            assert heard.count("") == 2
        finally:
            await liveness.stop()
            await database.close()


async def test_the_server_ends_what_nobody_goes_on_with(postgres: Postgres) -> None:
    database = Database(postgres.url)
    try:
        limit = await database.run(lambda c: c.execute(sa.text("SHOW idle_in_transaction_session_timeout")).scalar())
    finally:
        await database.close()
    assert limit == "15s"
