"""Objects under paths: in a folder, in S3, Google Cloud Storage or Azure. The only place that knows obstore, and its errors as ours."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlparse

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore, from_url
from prometheus_client import Counter

from locutor.errors import InvalidInput, LocutorError, Overloaded, ServiceLost, Unavailable

T = TypeVar("T")

PART_BYTES = 8 * 1024 * 1024
"""A larger object is sent in parts of this size, a few of which are held in memory."""
_PARTS_AT_ONCE = 4
_ASKED_AT_ONCE = 32
_LISTED_AT_ONCE = 1000
_REMOVED_AT_ONCE = 1000
"""As many as S3 takes in one request."""
_FULL = ("os error 27", "os error 28", "os error 122", "no space left", "quota exceeded", "storage full")
"""How a full disk, a limit on files, or a bucket over its quota, words it."""

_READ = Counter("locutor_store_read_bytes_total", "Bytes that this process read from the artifact store.")
_WRITTEN = Counter("locutor_store_written_bytes_total", "Bytes that this process wrote to the artifact store.")


class StoreLost(ServiceLost):
    """The artifact store does not answer, or does not know us."""

    reason = "STORE_LOST"


class StoreFull(Overloaded):
    """There is no room in the artifact store. Trying again helps only once somebody has made room."""

    reason = "STORE_FULL"
    retryable = False


@dataclass(frozen=True)
class Found:
    """An object as a listing tells it."""

    path: str
    size_bytes: int
    modified: datetime
    """By the store's own clock."""


class Objects:
    """Every write appears whole or not at all. All methods raise `StoreLost` and `StoreFull` where they apply."""

    def __init__(self, url: str) -> None:
        """`url`: "file:///folder", "s3://bucket/prefix", "gs://...", "az://..."; keys and endpoints come from the environment, as AWS_* and so on.

        Raises `InvalidInput` that names LOCUTOR_STORE.
        """
        self.url = url
        self.folder = Path(unquote(urlparse(url).path)) if url.startswith("file:") else None
        """Of a local store."""
        try:
            self._store: Any = LocalStore(self.folder, mkdir=True) if self.folder is not None else from_url(url)
        except (BaseError, ValueError, OSError) as error:
            text = f"{url!r} cannot be opened ({_first_line(error)}); give s3://bucket/prefix, gs://, az:// or file:///folder, and its keys in the environment"
            raise InvalidInput.of("LOCUTOR_STORE", text, "BAD_STORE") from error

    async def create(self, path: str, content: bytes | Path) -> bool:
        """Write what is not there yet; False where it is. Of many writers the first wins. `content` is held in memory."""
        with self._errors(), self._there_is_a_bucket():
            try:
                await obstore.put_async(self._store, path, content, mode="create")
            except AlreadyExistsError:
                return False
        _WRITTEN.inc(_size(content))
        return True

    async def put(self, path: str, content: bytes | Path) -> None:
        """Write, whatever is there; a large file in parts."""
        with self._errors(), self._there_is_a_bucket():
            await obstore.put_async(self._store, path, content, chunk_size=PART_BYTES, max_concurrency=_PARTS_AT_ONCE)
        _WRITTEN.inc(_size(content))

    async def get(self, path: str) -> bytes | None:
        """All of a small object, or None."""
        return (await self.get_many([path]))[0]

    async def get_many(self, paths: Sequence[str]) -> list[bytes | None]:
        """`get` of each."""
        found = await self._each(paths, self._get, self._get_now)
        _READ.inc(sum(len(data or b"") for data in found))
        return found

    async def head(self, path: str) -> Found | None:
        return (await self.head_many([path]))[0]

    async def head_many(self, paths: Sequence[str]) -> list[Found | None]:
        """What is known of each without reading it; None where it is not there."""
        return await self._each(paths, self._head, self._head_now)

    async def stream(self, path: str, offset: int, chunk_bytes: int) -> AsyncIterator[bytes]:
        """From `offset`, which is before the object's end, in chunks of at most `chunk_bytes`. Raises `FileNotFoundError` before the first of them."""
        with self._errors():
            result = await obstore.get_async(self._store, path, options={"range": {"offset": offset}})
            async for part in result.stream(min_chunk_size=chunk_bytes):
                data = bytes(part)
                _READ.inc(len(data))
                for begin in range(0, len(data), chunk_bytes):
                    yield data[begin : begin + chunk_bytes]

    async def listed(self, folder: str) -> list[Found]:
        """Every object under a folder. What is being written is not among them."""
        with self._errors():
            entries = [entry async for batch in obstore.list(self._store, folder, chunk_size=_LISTED_AT_ONCE) for entry in batch]
        return [_found(entry["path"], entry) for entry in entries]

    async def remove(self, paths: Sequence[str]) -> None:
        """No effect on those that are gone."""
        with self._errors():
            for begin in range(0, len(paths), _REMOVED_AT_ONCE):
                some = list(paths[begin : begin + _REMOVED_AT_ONCE])
                if self.folder is not None:
                    await asyncio.to_thread(self._remove_now, some)
                else:
                    await obstore.delete_async(self._store, some)

    async def download_url(self, path: str, valid: timedelta) -> str | None:
        """A URL that reads an object without a key, for a while; None where the store cannot give one."""
        if self.folder is not None:
            return None
        with self._errors():
            return str(await obstore.sign_async(self._store, "GET", path, valid))

    async def remove_unfinished(self, age: timedelta) -> int:
        """Remove what writers that died left half-written in a local folder; how many. Other stores remove it by a rule of the bucket's."""
        return 0 if self.folder is None else await asyncio.to_thread(self._remove_unfinished_now, self.folder, age)

    async def _each(self, paths: Sequence[str], ask: Callable[[str], Awaitable[T]], ask_now: Callable[[str], T]) -> list[T]:
        """The answers to small questions: over the network some at a time, of a folder all in one thread, for a hop takes longer than to read a file."""
        if not paths:
            return []
        with self._errors():
            if self.folder is not None:
                return await asyncio.to_thread(lambda: [ask_now(path) for path in paths])
            if len(paths) == 1:
                return [await ask(paths[0])]
            gate = asyncio.Semaphore(_ASKED_AT_ONCE)

            async def one(path: str) -> T:
                async with gate:
                    return await ask(path)

            return list(await asyncio.gather(*map(one, paths)))

    async def _get(self, path: str) -> bytes | None:
        try:
            return bytes(await (await obstore.get_async(self._store, path)).bytes_async())
        except FileNotFoundError:
            return None

    def _get_now(self, path: str) -> bytes | None:
        try:
            return bytes(obstore.get(self._store, path).bytes())
        except FileNotFoundError:
            return None

    async def _head(self, path: str) -> Found | None:
        try:
            return _found(path, await obstore.head_async(self._store, path))
        except FileNotFoundError:
            return None

    def _head_now(self, path: str) -> Found | None:
        try:
            return _found(path, obstore.head(self._store, path))
        except FileNotFoundError:
            return None

    def _remove_now(self, paths: Sequence[str]) -> None:
        for path in paths:
            with suppress(FileNotFoundError):
                obstore.delete(self._store, path)

    @staticmethod
    def _remove_unfinished_now(folder: Path, age: timedelta) -> int:
        before = (datetime.now(UTC) - age).timestamp()
        removed = 0
        for place, _, names in os.walk(folder):
            for name in names:
                # obstore writes "<name>#<number>" and renames it.
                file = Path(place) / name
                with suppress(FileNotFoundError):
                    if "#" in name and file.stat().st_mtime < before:
                        file.unlink()
                        removed += 1
        return removed

    @contextmanager
    def _there_is_a_bucket(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise Unavailable(f"the artifact store {self.url} is not there ({_first_line(error)}); make the bucket", reason="NO_STORE") from error

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, LocutorError):
            raise
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise Unavailable(f"the artifact store {self.url} refuses us ({_first_line(error)}); check its keys and rights", reason="STORE_REFUSED") from error
        except (BaseError, OSError) as error:
            if any(sign in str(error).lower() for sign in _FULL):
                raise StoreFull(f"there is no room left in the artifact store {self.url}; make room, or run: locutor gc", retry_after_s=60.0) from error
            raise StoreLost(f"the artifact store {self.url} does not answer: {_first_line(error)}") from error


def _size(content: bytes | Path) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def _found(path: str, meta: Any) -> Found:
    return Found(path, int(meta["size"]), meta["last_modified"])


def _first_line(error: Exception) -> str:
    """An error's first line: obstore adds its whole state below."""
    return str(error).split("\n", 1)[0][:300]
