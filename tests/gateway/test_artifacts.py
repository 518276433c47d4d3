"""The artifact store, on a folder."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.artifacts import ArtifactStore, CorruptArtifact, StepResult, digest_of, step_key
from locutor.errors import NotFound


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore((tmp_path / "store with space").as_uri())


async def test_bytes_come_back_from_any_offset(store: ArtifactStore) -> None:
    data = bytes(range(256)) * 5000
    blob = await store.put_bytes(data)
    assert (await store.put_bytes(data)) == blob
    assert await store.read(blob.sha256) == data
    chunks = [chunk async for chunk in store.stream(blob.sha256, 1_000_001)]
    assert b"".join(chunks) == data[1_000_001:]
    assert max(map(len, chunks)) <= 256 * 1024
    assert [chunk async for chunk in store.stream(blob.sha256, len(data))] == []


async def test_a_large_file_is_stored_in_parts(store: ArtifactStore, tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(33 * 1024 * 1024)
    blob = await store.put_file(path)
    assert await store.put_file(path) == blob
    assert (await store.fetch(blob.sha256, tmp_path / "copy")).stat().st_size == blob.size_bytes


async def test_damage_is_found_and_removed(store: ArtifactStore, tmp_path: Path) -> None:
    blob = await store.put_bytes(b"what was said")
    (tmp_path / "store with space" / blob.uri).write_bytes(b"what was SAID")
    with pytest.raises(CorruptArtifact):
        await store.read(blob.sha256)
    assert not await store.has(blob.sha256)


async def test_a_step_is_found_while_its_outputs_are_there(store: ArtifactStore) -> None:
    key = step_key("speak", {"text": "hi", "rate": 1.0})
    blob = await store.put_bytes(b"sound")
    assert await store.find_step(key) is None
    await store.save_step(key, StepResult({"speech": blob}, {"sentences": 1}))
    assert await store.find_step(key) == StepResult({"speech": blob}, {"sentences": 1})
    await store.remove(blob.sha256)
    assert await store.find_step(key) is None
    await store.save_step(key, StepResult())
    assert await store.find_step(key) == StepResult()


async def test_the_first_of_many_writers_wins(store: ArtifactStore) -> None:
    key = step_key("x", {})
    await asyncio.gather(*(store.save_step(key, StepResult(facts={"writer": number})) for number in range(20)))
    found = await store.find_step(key)
    assert found is not None and found.facts["writer"] in range(20)


def test_keys_depend_on_all_inputs_and_not_on_their_order() -> None:
    assert step_key("a", {"x": 1, "y": [2]}) == step_key("a", {"y": [2], "x": 1})
    keys = {step_key("a", {"x": 1}), step_key("b", {"x": 1}), step_key("a", {"x": 2}), step_key("a", {"x": 1.5}), step_key("a", {})}
    assert len(keys) == 5


@pytest.mark.parametrize("uri", ["", "media/", "media/../jobs.sqlite", "/etc/passwd", "media/" + "A" * 64, "steps/" + "a" * 64, "file:///etc/passwd"])
def test_only_digests_name_media(uri: str) -> None:
    with pytest.raises(NotFound):
        digest_of(uri)


async def test_what_is_old_and_not_needed_goes(store: ArtifactStore) -> None:
    kept, gone = await store.put_bytes(b"kept"), await store.put_bytes(b"gone")
    await store.save_step(step_key("x", {}), StepResult({"out": gone}))
    now = datetime.now(UTC)
    assert await store.remove_before(now - timedelta(hours=1), set()) == 0
    assert await store.remove_before(now + timedelta(hours=1), {kept.sha256}) == 2
    assert await store.has(kept.sha256) and not await store.has(gone.sha256)
