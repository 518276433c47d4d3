"""The artifact store: on a folder, and on a real S3 server."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import obstore
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from obstore.store import from_url

from gateway.artifacts import ArtifactStore, Blob, CorruptArtifact, StepResult, digest_of, step_key
from locutor.errors import InvalidInput, LocutorError, NotFound
from services.store import MediaStore, StoreLost
from tests.gateway.conftest import eventually
from tests.store.conftest import s3  # noqa: F401 - a fixture
from tests.store.s3_server import S3Server, running_s3

LARGE_BYTES = 33 * 1024 * 1024


@pytest.fixture(params=["folder", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "folder":
        return (tmp_path / "store with space").as_uri()
    server: S3Server = request.getfixturevalue("s3")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return server.new_store()


@pytest.fixture
async def store(url: str) -> AsyncIterator[ArtifactStore]:
    store = ArtifactStore(url)
    yield store
    await store.close()


async def damage(store: ArtifactStore, path: str, data: bytes) -> None:
    """Other bytes under a name, past all that the store does for them."""
    await store.objects.put(path, data)


async def test_bytes_come_back_from_any_offset(store: ArtifactStore) -> None:
    data = bytes(range(256)) * 5000
    blob = await store.put_bytes(data)
    assert (await store.put_bytes(data)) == blob
    assert await store.read(blob.sha256) == data
    chunks = [chunk async for chunk in store.stream(blob.sha256, 1_000_001)]
    assert b"".join(chunks) == data[1_000_001:]
    assert max(map(len, chunks)) <= 256 * 1024
    assert [chunk async for chunk in store.stream(blob.sha256, len(data))] == []
    assert await store.read((await store.put_bytes(b"")).sha256) == b""


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=600_000), share=st.floats(0, 1))
def test_any_bytes_and_any_offset(tmp_path: Path, data: bytes, share: float) -> None:
    async def check() -> None:
        store = ArtifactStore((tmp_path / "any").as_uri())
        blob, offset = await store.put_bytes(data), int(share * len(data))
        assert b"".join([chunk async for chunk in store.stream(blob.sha256, offset)]) == data[offset:]
        assert await store.read(blob.sha256) == data
        await store.close()

    asyncio.run(check())


async def test_a_large_file_is_stored_in_parts(store: ArtifactStore, tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(LARGE_BYTES)
    blob = await store.put_file(path)
    assert await store.put_file(path) == blob
    assert (await store.fetch(blob.sha256, tmp_path / "copy")).stat().st_size == blob.size_bytes


async def test_what_is_there_is_not_written_again(store: ArtifactStore) -> None:
    assert await store.objects.create("media/x", b"first")
    assert not await store.objects.create("media/x", b"second")
    assert await store.objects.get("media/x") == b"first"


_WRITER = """
import asyncio, sys
from pathlib import Path
from gateway.artifacts import ArtifactStore
print("begins", flush=True)
asyncio.run(ArtifactStore(sys.argv[1]).put_file(Path(sys.argv[2]), sys.argv[3]))
print("done", flush=True)
"""


async def test_a_writer_that_is_killed_leaves_no_half_object(url: str, store: ArtifactStore, tmp_path: Path) -> None:
    path, digest, folder = tmp_path / "large", "ab" * 32, store.objects.folder
    with path.open("wb") as file:
        file.truncate(1 << 30)
    writer = await asyncio.create_subprocess_exec(sys.executable, "-c", _WRITER, url, str(path), digest, stdout=asyncio.subprocess.PIPE)
    assert writer.stdout is not None and await writer.stdout.readline() == b"begins\n"
    # Killed while parts are on their way.
    if folder is not None:
        await eventually(lambda: any(folder.glob("media/*#*")))
    else:
        await asyncio.sleep(0.3)
    writer.kill()
    assert b"done" not in await writer.stdout.read()
    await writer.wait()
    assert not await store.has(digest)
    assert await store.objects.listed("media") == []
    if folder is not None:
        [left] = folder.glob("media/*")
        old = time.time() - 2 * 86400
        os.utime(left, (old, old))
    assert await store.objects.remove_unfinished(timedelta(days=1)) == (1 if folder is not None else 0)
    with path.open("r+b") as file:
        file.truncate(LARGE_BYTES)
    assert await store.has((await store.put_file(path)).sha256)


_LIMITED = """
import asyncio, resource, sys
from gateway.artifacts import ArtifactStore
from services.store import StoreFull
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

async def main():
    store = ArtifactStore(sys.argv[1])
    await store.put_bytes(b"small")
    try:
        await store.put_bytes(bytes(1_000_000))
    except StoreFull as error:
        print(error.reason, error.retryable, [found.size_bytes for found in await store.objects.listed("media")])
    await store.close()

asyncio.run(main())
"""


async def test_a_disk_without_room_is_told_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    """A process whose files may not grow stands for a disk that is full."""
    command = (sys.executable, "-c", _LIMITED, (tmp_path / "store").as_uri())
    limited = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert (await limited.communicate())[0] == b"STORE_FULL False [5]\n"


async def test_damage_is_found_and_removed_and_made_again(store: ArtifactStore, tmp_path: Path) -> None:
    blob = await store.put_bytes(b"what was said")
    await damage(store, blob.uri, b"what was SAID")
    with pytest.raises(CorruptArtifact):
        await store.fetch(blob.sha256, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    assert not await store.has(blob.sha256)
    assert await store.read((await store.put_bytes(b"what was said")).sha256) == b"what was said"


async def test_cut_bytes_are_written_over(store: ArtifactStore) -> None:
    blob = await store.put_bytes(b"what was said")
    await damage(store, blob.uri, b"what was")
    await store.put_bytes(b"what was said")
    assert await store.read(blob.sha256) == b"what was said"


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


async def test_a_damaged_step_is_made_again(store: ArtifactStore) -> None:
    key = step_key("x", {})
    for data in (b"", b"[]", b"\xff", b'{"blobs": {"a": 1}, "facts": {}}', b'{"facts": {}}'):
        await damage(store, f"steps/{key}", data)
        assert await store.find_step(key) is None
        assert await store.objects.get(f"steps/{key}") is None
    await store.save_step(key, StepResult(facts={"made": "again"}))
    assert await store.find_step(key) == StepResult(facts={"made": "again"})


async def test_media_that_vanish_behind_a_process_that_saw_them_are_told_when_they_are_read(url: str, store: ArtifactStore) -> None:
    key, blob = step_key("x", {}), await store.put_bytes(b"seen")
    await store.save_step(key, StepResult({"out": blob}))
    other = ArtifactStore(url)
    await other.remove(blob.sha256)
    # It was seen a moment ago: that is not asked again...
    assert await store.find_step(key) is not None
    with pytest.raises(NotFound):
        await store.read(blob.sha256)
    # ...but what is made anew then takes the place of what was lost, also where it is not the same.
    new = await store.put_bytes(b"made anew")
    await store.save_step(key, StepResult({"out": new}))
    assert await store.find_step(key) == await other.find_step(key) == StepResult({"out": new})
    await other.close()


async def test_many_steps_are_found_in_their_order(store: ArtifactStore) -> None:
    keys = [step_key("many", {"number": number}) for number in range(40)]
    for number, key in enumerate(keys):
        if number % 3:
            await store.save_step(key, StepResult({"out": await store.put_bytes(key.encode())}, {"number": number}))
    found = await store.find_steps(keys)
    assert [result and result.facts["number"] for result in found] == [number if number % 3 else None for number in range(40)]
    assert await store.find_steps([]) == []


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


async def test_what_a_service_put_there_is_taken_over(url: str, store: ArtifactStore) -> None:
    blob = await MediaStore(url).put_bytes(b"of a service")
    assert await store.adopt(blob) == blob
    with pytest.raises(NotFound):
        await store.adopt(Blob("cd" * 32, 5))


@pytest.mark.parametrize("url", ["nonsense", "s3://", "ftp://host/path", "s3:bucket"])
def test_a_store_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        ArtifactStore(url)
    assert caught.value.violations[0].field == "LOCUTOR_STORE"


async def test_a_bucket_that_is_not_there_is_told(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    store = ArtifactStore("s3://no-such-bucket/prefix")
    with pytest.raises(LocutorError) as caught:
        await store.put_bytes(b"x")
    assert caught.value.reason == "NO_STORE" and "no-such-bucket" in caught.value.message


async def test_a_store_that_went_away_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_s3() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        url = server.new_store()
    store = from_url(url, retry_config={"max_retries": 0})
    with pytest.raises(obstore.exceptions.GenericError):
        await obstore.put_async(store, "x", b"x")
    artifacts = ArtifactStore(url)
    artifacts.objects._store = store
    with pytest.raises(StoreLost) as caught:
        await artifacts.objects.put("x", b"x")
    assert caught.value.retryable and url in caught.value.message
