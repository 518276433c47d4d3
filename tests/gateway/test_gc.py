"""Collection: what nobody needs goes, least recently used first; what anybody needs stays, however the two meet."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import claim, leases, quota
from gateway.artifacts import ArtifactStore, StepResult, step_key
from gateway.claim import Claim, ClaimLost, CollectionAtWork
from gateway.collector import GOES, Collected, Collector, Reason, judge
from gateway.inventory import Inventory, Needs
from gateway.quota import Quota
from locutor.errors import NotFound, Unavailable
from services.store import Blob, Found, StoreFull
from tests.store.conftest import s3  # noqa: F401 - a fixture
from tests.store.s3_server import S3Server

LONG = timedelta(days=30)


on_a_folder = pytest.mark.parametrize("url", ["folder"], indirect=True)
"""What takes long, and hangs on nothing that S3 does otherwise."""


@pytest.fixture(params=["folder", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "folder":
        return (tmp_path / "store").as_uri()
    server: S3Server = request.getfixturevalue("s3")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return server.new_store()


@pytest.fixture
async def store(url: str) -> AsyncIterator[ArtifactStore]:
    store = ArtifactStore(url)
    yield store
    await store.close()


def collector_of(store: ArtifactStore, media: set[str] = frozenset(), unfinished: set[str] = frozenset(), **options) -> Collector:
    async def needs() -> Needs:
        return Needs(frozenset(media), frozenset(unfinished))

    return Collector(store, needs, **{"database_id": "one", "settle_s": 0, **options})


async def made(store: ArtifactStore, name: str, *media: bytes) -> tuple[str, list[Blob]]:
    """A step with its media."""
    key = step_key("made", {"name": name})
    blobs = [await store.put_bytes(data) for data in media]
    await store.save_step(key, StepResult({f"out{number}": blob for number, blob in enumerate(blobs)}))
    return key, blobs


async def paths(store: ArtifactStore) -> set[str]:
    return {found.path for folder in ("steps", "media") for found in await store.objects.listed(folder)}


def tomorrow(days: float = 31) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


async def test_what_is_old_goes_and_what_jobs_refer_to_stays(url: str, store: ArtifactStore) -> None:
    key, [kept, _] = await made(store, "a", b"kept", b"gone")
    await store.close()
    collected = await collector_of(store, {kept.sha256}).collect(LONG, now=tomorrow())
    assert await paths(store) == {kept.uri}
    assert (collected.shares[Reason.JOBS].media, collected.shares[Reason.OLD].steps, collected.shares[Reason.OLD].media) == (1, 1, 1)
    assert collected.kept_bytes == 4 and collected.removed_bytes > 4
    other = ArtifactStore(url)
    assert await other.find_step(key) is None
    await other.close()


async def test_what_is_young_stays_whatever_is_asked(store: ArtifactStore) -> None:
    await made(store, "a", b"a")
    before = await paths(store)
    await store.close()
    collected = await collector_of(store).collect(timedelta(0), 0, now=datetime.now(UTC) + leases.ALIVE * 1.5)
    assert await paths(store) == before and collected.shares[Reason.YOUNG].steps == 1 and collected.removed_bytes == 0


async def test_a_dry_run_removes_nothing_and_tells_the_same(store: ArtifactStore) -> None:
    await made(store, "a", b"a")
    await store.close()
    before = await paths(store)
    told = await collector_of(store).collect(LONG, dry_run=True, now=tomorrow())
    assert await paths(store) == before and told.shares[Reason.OLD].steps == 1
    done = await collector_of(store).collect(LONG, now=tomorrow())
    assert done.shares == told.shares and await paths(store) == set()


async def test_a_running_job_keeps_what_it_has_found_and_what_it_has_written(url: str, store: ArtifactStore) -> None:
    old, [blob] = await made(store, "old", b"old")
    await made(store, "unused", b"unused")
    upload = await store.put_bytes(b"a face")
    await store.close()
    running = ArtifactStore(url)
    async with running.leased("job1") as view:
        assert await view.find_step(old) is not None
        new, [other] = await made(view, "new", b"new")
        await view.read(upload.sha256)
        await asyncio.sleep(leases.FLUSH_S + 0.5)
        await collector_of(store, unfinished={"job1"}).collect(LONG, now=tomorrow())
        assert await paths(store) == {f"steps/{old}", blob.uri, f"steps/{new}", other.uri, upload.uri}
    # After its end it keeps nothing: but what it has used, it used just now.
    collected = await collector_of(store).collect(LONG, now=datetime.now(UTC) + timedelta(days=29))
    assert collected.removed_bytes == 0 and collected.shares[Reason.USED].steps == 2
    assert await store.objects.listed("leases") == []
    collected = await collector_of(store).collect(LONG, now=tomorrow(32))
    assert await paths(store) == set()
    await running.close()


@on_a_folder
async def test_a_job_that_was_broken_off_keeps_its_lease_until_it_has_ended(url: str, store: ArtifactStore) -> None:
    with pytest.raises(asyncio.CancelledError):
        async with store.leased("job1") as view:
            key, [blob] = await made(view, "a", b"a")
            raise asyncio.CancelledError
    await store.close()
    await collector_of(store, unfinished={"job1"}).collect(LONG, now=tomorrow(400))
    assert await paths(store) == {f"steps/{key}", blob.uri}
    # Taken up again, it has not come to that step yet.
    other = ArtifactStore(url)
    async with other.leased("job1"):
        await asyncio.sleep(leases.FLUSH_S + 0.5)
        await collector_of(store, unfinished={"job1"}).collect(LONG, now=tomorrow(400))
        assert await paths(store) == {f"steps/{key}", blob.uri}
    await collector_of(store).collect(LONG, now=tomorrow(800))
    assert await paths(store) == set()
    await other.close()


async def test_last_use_counts_and_not_when_it_was_made(url: str, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two steps of one age, that which was found again is kept when room is made."""
    size = 10_000
    steps = [await made(store, f"step {number}", bytes([number]) * size) for number in range(6)]
    await store.close()
    await collector_of(store).collect(None)
    user = ArtifactStore(url)
    # The store's clock may tell whole seconds alone.
    await asyncio.sleep(1.1)
    async with user.leased("job") as view:
        for key, _ in steps[:2]:
            assert await view.find_step(key) is not None
    collected = await collector_of(store).collect(None, int(2.5 * size), now=datetime.now(UTC) + timedelta(hours=1))
    assert {path for path in await paths(store) if path.startswith("media/")} == {blob.uri for _, [blob] in steps[:2]}
    assert collected.shares[Reason.OVER_QUOTA].steps == 4 and collected.kept_bytes <= 2.5 * size
    await user.close()


@on_a_folder
async def test_media_that_two_steps_share_go_with_the_last_of_them(url: str, store: ArtifactStore) -> None:
    one, [shared] = await made(store, "one", b"x" * 5000)
    await store.close()
    # By the store's clock the other is a second younger.
    await asyncio.sleep(1.1)
    other = ArtifactStore(url)
    two, _ = await made(other, "two", b"x" * 5000)
    await other.close()
    hour = datetime.now(UTC) + timedelta(hours=1)
    await collector_of(store).collect(None, 5150, now=hour)
    left = await paths(store)
    assert shared.uri in left and f"steps/{two}" in left and f"steps/{one}" not in left
    await collector_of(store).collect(None, 100, now=hour)
    assert await paths(store) == set()


@on_a_folder
async def test_what_is_used_while_a_collection_is_about_to_remove_it_is_spared(url: str, store: ArtifactStore) -> None:
    """The user sees nothing condemned when he looks; his lease is written while the collector waits."""
    keys = [(await made(store, f"{number}", bytes([number])))[0] for number in range(3)]
    await store.close()
    user = ArtifactStore(url)
    async with user.leased("job") as view:
        assert await view.find_step(keys[0]) is not None
        collecting = asyncio.create_task(collector_of(store, unfinished={"job"}, settle_s=leases.SETTLE_S).collect(LONG, now=tomorrow()))
        await condemned(store)
        # Within the time for which what it read last counts as fresh.
        assert await view.find_step(keys[1]) is not None
        await collecting
        assert {f"steps/{key}" for key in keys[:2]} == {path for path in await paths(store) if path.startswith("steps/")}
        found = await view.find_step(keys[1])
        assert found is not None and await view.read(found.blobs["out0"].sha256) == b"\1"
    await user.close()


async def test_who_comes_while_a_collection_removes_waits_and_makes_it_again(url: str, store: ArtifactStore) -> None:
    key, [blob] = await made(store, "a", b"made once")
    await store.close()
    collecting = asyncio.create_task(collector_of(store, settle_s=1.0).collect(LONG, now=tomorrow()))
    await condemned(store)
    user = ArtifactStore(url)
    async with user.leased("job") as view:
        # The same bytes, and the same step: neither is taken for granted.
        again, found = await asyncio.gather(view.put_bytes(b"made once"), view.find_step(key))
        await collecting
        assert found is None and again == blob
        assert await view.read(blob.sha256) == b"made once"
    await user.close()


async def condemned(store: ArtifactStore) -> None:
    """Wait until something is."""
    async with asyncio.timeout(20):
        while b'"names": []' in (await store.objects.get(leases.CONDEMNED) or b'"names": []'):  # noqa: ASYNC110 - the store tells nobody of changes
            await asyncio.sleep(0.01)


@on_a_folder
async def test_one_collects_at_a_time_and_a_dead_one_is_followed(store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim, "BEAT_S", 0.2)
    monkeypatch.setattr(claim, "DEAD_S", 2.0)
    monkeypatch.setattr(claim, "_ASK_S", 0.1)
    monkeypatch.setattr(leases, "DEAD_S", 2.0)
    async with Claim(store.objects) as held:
        with pytest.raises(CollectionAtWork):
            await collector_of(store).collect(LONG)
        held.hold()
    # One that was killed leaves its claim, and its condemned.
    key, [blob] = await made(store, "a", b"a")
    killed = Claim(store.objects)
    await killed.__aenter__()
    await killed.condemn([f"steps/{key}", blob.uri])
    assert killed._beating is not None
    killed._beating.cancel()
    assert (await collector_of(store).collect(LONG)).shares[Reason.LEASED].steps == 1
    await asyncio.sleep(1.0)
    with pytest.raises(ClaimLost):
        killed.hold()
    assert await store.objects.get(leases.CONDEMNED) is None
    # And whoever wants what it had condemned waits no longer than until it is known to be dead.
    await store.objects.create(leases.CONDEMNED, f'{{"beat": "x", "names": ["{key}"]}}'.encode())
    await asyncio.sleep(leases.FRESH_S)
    async with asyncio.timeout(10):
        assert await store.find_step(key) is not None


async def test_a_collection_that_is_killed_midway_loses_nothing_that_is_needed(url: str, store: ArtifactStore) -> None:
    """Whatever part of it was removed: a step is found whole, or is made again."""
    steps = [await made(store, f"{number}", bytes([number]) * 100, b"shared") for number in range(5)]
    await store.close()
    for number, (_, blobs) in enumerate(steps):
        if number % 2:
            await store.objects.remove([blobs[0].uri])
    other = ArtifactStore(url)
    for number, (key, _) in enumerate(steps):
        found = await other.find_step(key)
        assert (found is None) == bool(number % 2)
        if found is not None:
            assert [await other.read(blob.sha256) for blob in found.blobs.values()] == [bytes([number]) * 100, b"shared"]
    await other.close()


@on_a_folder
async def test_the_quota_makes_room_and_refuses_what_does_not_fit(url: str, tmp_path: Path) -> None:
    size = 100_000
    store = ArtifactStore(url, Quota(10 * size))
    collector = collector_of(store, grace=timedelta(0))
    store.quota.collect_with(collector.make_room)
    for number in range(25):
        async with store.leased(f"job{number}") as view:
            await made(view, f"{number}", bytes([number]) * size)
    held = sum([found.size_bytes for folder in ("steps", "media") for found in await store.objects.listed(folder)])
    assert held <= 10 * size
    async with store.leased("greedy") as view:
        with pytest.raises(StoreFull) as caught:
            for number in range(12):
                await made(view, f"greedy {number}", bytes([100 + number]) * size)
                await asyncio.sleep(0.1)
        assert caught.value.reason == "STORE_FULL" and not caught.value.retryable and "LOCUTOR_STORE_MB" in caught.value.message
    # When it has ended there is room again.
    async with store.leased("modest") as view:
        await made(view, "modest", b"\xff" * size)
    await store.close()


async def test_gateways_of_another_database_remove_nothing(store: ArtifactStore) -> None:
    await made(store, "a", b"a")
    await store.close()
    before = await paths(store)
    await collector_of(store).collect(LONG)
    with pytest.raises(Unavailable) as caught:
        await collector_of(store, database_id="another").collect(LONG, now=tomorrow())
    assert caught.value.reason == "OTHER_DATABASE" and "LOCUTOR_DATABASE" in caught.value.message and await paths(store) == before
    await collector_of(store).collect(LONG, now=tomorrow())
    assert await paths(store) == set()


@on_a_folder
async def test_a_write_waits_for_a_collection_that_is_at_work_elsewhere(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim, "BEAT_S", 0.1)
    monkeypatch.setattr(claim, "_ASK_S", 0.2)
    monkeypatch.setattr(quota, "_LOOK_AGAIN_S", 0.1)
    size = 100_000
    store, far = ArtifactStore(url, Quota(4 * size)), ArtifactStore(url)
    store.quota.collect_with(collector_of(store, grace=timedelta(0)).make_room)
    for number in range(3):
        async with store.leased(f"job{number}") as view:
            await made(view, f"{number}", bytes([number]) * size)
    async with store.leased("writer") as view:
        async with Claim(far.objects):
            writing = asyncio.create_task(made(view, "new", b"x" * size, b"y" * size))
            await asyncio.sleep(0.6)
            assert not writing.done()
        # It goes on when the other one is done.
        async with asyncio.timeout(20):
            await writing
    await store.close()
    await far.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    outputs=st.lists(st.sets(st.integers(0, 7), max_size=3), min_size=1, max_size=8),
    needed=st.sets(st.integers(0, 7), max_size=3),
    leased=st.sets(st.integers(0, 7), max_size=3),
    ages=st.lists(st.integers(0, 60), min_size=8, max_size=8),
    most=st.none() | st.integers(0, 8000),
)
def test_whatever_is_in_the_store(outputs: list[set[int]], needed: set[int], leased: set[int], ages: list[int], most: int | None) -> None:
    """No step that is kept has lost a media; nothing needed, leased or used lately goes but for the quota; the quota is kept where it can be."""

    now = datetime.now(UTC)
    made_of = {f"steps/{number}": tuple(f"media/{one}" for one in sorted(some)) for number, some in enumerate(outputs)}
    objects = {path: Found(path, 100, now - timedelta(days=ages[number])) for number, path in enumerate(made_of)}
    objects |= {f"media/{one}": Found(f"media/{one}", 1000, now - timedelta(days=60)) for one in range(8)}
    held = {f"steps/{one}" for one in leased if one < len(outputs)}
    held |= {output for path in held for output in made_of[path]}
    inventory = Inventory(now, objects, made_of, {}, frozenset(f"media/{one}" for one in needed), frozenset(held), ())
    verdicts = judge(inventory, timedelta(hours=1), timedelta(days=30), most)
    gone = {path for path, verdict in verdicts.items() if verdict in GOES}
    for path, some in made_of.items():
        assert path in gone or not gone & set(some)
    assert not gone & held and not gone & inventory.needed
    assert not any(verdicts[path] is Reason.OLD and ages[number] < 30 for number, path in enumerate(made_of))
    if most is not None and (kept := sum(found.size_bytes for path, found in objects.items() if path not in gone)) > most:
        # Nothing is left that might go.
        assert all(
            path in held or path in inventory.needed or objects[path].modified > now - timedelta(hours=1) or _is_used(path, made_of, gone)
            for path in objects
            if path not in gone
        ), kept


def _is_used(path: str, made_of: dict[str, tuple[str, ...]], gone: set[str]) -> bool:
    return any(path in some and step not in gone for step, some in made_of.items())


def test_shares_add_up() -> None:
    collected = Collected()
    for number, reason in enumerate(Reason):
        collected.shares[reason].size_bytes = 10**number
    assert collected.removed_bytes + collected.kept_bytes == sum(10**number for number in range(len(Reason)))


@on_a_folder
async def test_jobs_never_miss_what_they_have_used_while_everything_else_is_collected_all_the_time(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs of several processes share a few steps; a collector of another one takes all that it may, again and again."""
    for module, name, seconds in ((leases, "FLUSH_S", 0.5), (leases, "FRESH_S", 0.5), (claim, "BEAT_S", 0.5)):
        monkeypatch.setattr(module, name, seconds)
    random = Random(0)
    counts: Counter[str] = Counter()

    async def job(store: ArtifactStore, job_id: str) -> None:
        used: dict[str, bytes] = {}
        async with store.leased(job_id) as view:
            for _ in range(8):
                name = f"step {random.randrange(12)}"
                key, data = step_key("made", {"name": name}), name.encode() * 50
                found = await view.find_step(key)
                try:
                    if found is None or await view.read(found.blobs["out0"].sha256) != data:
                        raise NotFound("it is made now")
                    counts["found"] += 1
                except NotFound:
                    # As a workflow does where what was kept has gone between two looks.
                    counts["made"] += 1
                    await view.save_step(key, StepResult({"out0": await view.put_bytes(data)}))
                used[key] = data
                await asyncio.sleep(random.uniform(0, 0.3))
                for before, bytes_ in used.items():
                    again = await view.find_step(before)
                    assert again is not None and await view.read(again.blobs["out0"].sha256) == bytes_

    async def worker(number: int) -> None:
        store = ArtifactStore(url)
        for turn in range(4):
            await job(store, f"job {number} {turn}")
        await store.close()

    collecting = ArtifactStore(url)

    async def collect() -> None:
        collector = collector_of(collecting, grace=timedelta(0), settle_s=1.5)
        while True:
            counts["removed"] += (await collector.collect(timedelta(0))).shares[Reason.OLD].steps

    collection = asyncio.create_task(collect())
    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(worker(number))
    collection.cancel()
    await asyncio.gather(collection, return_exceptions=True)
    await collecting.close()
    assert counts["found"] and counts["removed"] and counts["made"] > 12, counts
